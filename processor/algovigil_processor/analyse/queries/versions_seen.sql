-- When each version was last called.
SELECT
    model_name,
    model_version,
    max(toUnixTimestamp64Nano(timestamp)) AS last_ns
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0
GROUP BY model_name, model_version
