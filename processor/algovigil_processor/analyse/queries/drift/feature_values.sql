-- One row a feature: its values among at most `limit` predictions of a span of time,
-- the earliest ones or a uniform sample. The score is a feature like any other.
SELECT
    feature,
    groupArrayIf(value, NOT isNaN(value)) AS found,
    any(predictions) AS predictions,
    any(last_ns) AS last_ns
FROM
(
    SELECT
        arrayConcat(
            CAST(mapKeys(features), 'Array(String)'),
            CAST(missing, 'Array(String)'),
            ['prediction.score']
        ) AS names,
        arrayConcat(
            mapValues(features),
            arrayMap(name -> nan, missing),
            [coalesce(score, value, nan)]
        ) AS numbers,
        count() OVER () AS predictions,
        max(toUnixTimestamp64Nano(timestamp)) OVER () AS last_ns
    FROM
    (
        SELECT timestamp, features, missing, score, value
        FROM inferences
        WHERE model_name = {model:String}
            AND model_version = {version:String}
            AND timestamp > fromUnixTimestamp64Nano({after_ns:Int64})
            AND timestamp <= fromUnixTimestamp64Nano({until_ns:Int64})
            AND error_type = ''
        ORDER BY
            if(
                {earliest:UInt8},
                toUnixTimestamp64Nano(timestamp),
                toInt64(bitShiftRight(cityHash64(inference_id), 1))
            ),
            inference_id
        LIMIT {limit:UInt64}
    )
)
ARRAY JOIN names AS feature, numbers AS value
-- the empty name is the model's own in drift_findings
WHERE feature != ''
GROUP BY feature
ORDER BY feature
LIMIT {features:UInt64}
