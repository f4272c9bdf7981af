-- The versions that were called in the window, when last, and in which services.
SELECT
    model_name,
    model_version,
    max(toUnixTimestamp64Nano(timestamp)) AS last_ns,
    groupUniqArray(service_name) AS services
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0
GROUP BY model_name, model_version
