-- One row a categorical feature: its levels and their counts among the same
-- predictions as in feature_values.sql.
SELECT
    feature,
    groupArray(level) AS levels,
    groupArray(times) AS counts,
    any(of_predictions) AS predictions
FROM
(
    SELECT
        feature,
        level,
        count() AS times,
        any(predictions) AS of_predictions
    FROM
    (
        SELECT categories, count() OVER () AS predictions
        FROM
        (
            SELECT categories
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
    ARRAY JOIN
        CAST(mapKeys(categories), 'Array(String)') AS feature,
        mapValues(categories) AS level
    WHERE level != '' AND feature != ''
    GROUP BY feature, level
    ORDER BY feature, level
)
GROUP BY feature
ORDER BY feature
LIMIT {features:UInt64}
