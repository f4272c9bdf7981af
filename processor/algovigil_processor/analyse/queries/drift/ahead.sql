-- Predictions dated after the tick: a sender whose clock runs ahead.
SELECT count() AS predictions
FROM inferences
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND timestamp > fromUnixTimestamp64Nano({after_ns:Int64})
