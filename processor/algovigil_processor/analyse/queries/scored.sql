-- A uniform sample of a version's predictions in a span of time, with what they were
-- made from.
SELECT
    ifNull(label, '') AS predicted,
    score,
    row_weight,
    CAST(mapKeys(features), 'Array(String)') AS names,
    mapValues(features) AS numbers,
    arrayMap(
        (name, level) -> concat(name, '=', level),
        CAST(mapKeys(categories), 'Array(String)'),
        mapValues(categories)
    ) AS levels
FROM inferences
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
    AND error_type = ''
ORDER BY cityHash64(inference_id, row)
LIMIT {limit:UInt64}
