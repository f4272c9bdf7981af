-- Service levels per version over a window; row 0 of a call stands for the call.
SELECT
    model_name,
    model_version,
    count() AS calls,
    countIf(error_type != '') AS errors,
    quantilesTDigestIf(0.5, 0.95, 0.99)(duration_ms, isFinite(duration_ms)) AS latency,
    max(toUnixTimestamp64Nano(timestamp)) AS last_ns
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0
GROUP BY model_name, model_version
ORDER BY model_name, model_version
