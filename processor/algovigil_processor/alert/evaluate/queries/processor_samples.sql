-- What the processor says of itself; its name stands where a model's would.
SELECT
    ServiceName AS model_name,
    '' AS model_version,
    '' AS service_name,
    '' AS site,
    '' AS subgroup,
    'phi_leak_count' AS metric,
    ResourceAttributes['service.instance.id'] AS instance,
    TimeUnix AS timestamp,
    toNullable(Value) AS value,
    toUInt64(1) AS samples,
    'ok' AS status
FROM otel_metrics_gauge
WHERE ServiceName = 'algovigil-processor'
    AND MetricName = 'algovigil.canary.leaks'
    AND TimeUnix > fromUnixTimestamp64Nano({since_ns:Int64})
    AND TimeUnix <= fromUnixTimestamp64Nano({now_ns:Int64})
