-- The newest value of each service metric of each model version in the window.
SELECT
    model_name,
    model_version,
    metric,
    value,
    samples,
    status
FROM service_metrics
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
ORDER BY timestamp DESC
LIMIT 1 BY model_name, model_version, metric
