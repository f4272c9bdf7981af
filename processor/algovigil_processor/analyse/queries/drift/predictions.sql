-- At most `limit` predictions of a span of time: the earliest, or a uniform sample.
SELECT
    timestamp, site, device, label, score, value, features, missing, categories,
    embedding, subgroup, error_type
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
