-- As predictions.sql, of a span with far more rows: from the stored sample of it.
SELECT
    timestamp, site, device, label, score, value, features, categories, embedding,
    subgroup, error_type, {earliest:UInt8} AS earliest
FROM inference_sample
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND timestamp > fromUnixTimestamp64Nano({after_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({until_ns:Int64})
    AND error_type = ''
ORDER BY cityHash64(inference_id), inference_id
LIMIT {limit:UInt64}
