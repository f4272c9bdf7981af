-- One page of the predictions of an hour that came under another reference.
SELECT
    timestamp, site, device, label, score, value, features, categories, embedding,
    subgroup
FROM inferences
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND timestamp > fromUnixTimestamp64Nano({after_ns:Int64})
    AND timestamp >= toDateTime64({hour:UInt32}, 9)
    AND timestamp < toDateTime64({hour:UInt32} + 3600, 9)
    AND reference_id = {under:String}
    AND error_type = ''
ORDER BY timestamp, inference_id
LIMIT {limit:UInt64} OFFSET {offset:UInt64}
