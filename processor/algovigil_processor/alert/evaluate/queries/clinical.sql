-- The newest value of each clinical metric of each model version in the window.
SELECT
    model_name,
    model_version,
    metric,
    value,
    denominator AS samples,
    status
FROM clinical_metrics
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
ORDER BY timestamp DESC
LIMIT 1 BY model_name, model_version, metric
