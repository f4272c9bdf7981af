-- What services report of themselves and their hosts, export by export. A queue belongs
-- to a model; a host belongs to every model that its service runs.
SELECT
    Attributes['medical_ai.model.name'] AS model_name,
    Attributes['medical_ai.model.version'] AS model_version,
    '' AS service_name,
    '' AS site,
    '' AS subgroup,
    'queue_depth' AS metric,
    concat(
        ServiceName, '/', ResourceAttributes['host.name'], '/',
        ResourceAttributes['service.instance.id'], '/', ResourceAttributes['process.pid']
    ) AS instance,
    TimeUnix AS timestamp,
    toNullable(sum(Value)) AS value,
    toUInt64(1) AS samples,
    'ok' AS status
FROM otel_metrics_sum
WHERE MetricName = 'medical_ai.inference.active'
    AND TimeUnix > fromUnixTimestamp64Nano({since_ns:Int64})
    AND TimeUnix <= fromUnixTimestamp64Nano({now_ns:Int64})
GROUP BY model_name, model_version, instance, timestamp
UNION ALL
SELECT
    '' AS model_name,
    '' AS model_version,
    ServiceName AS service_name,
    '' AS site,
    '' AS subgroup,
    multiIf(
        MetricName = 'system.cpu.utilization', 'cpu_percent',
        MetricName = 'system.memory.utilization', 'memory_percent',
        MetricName = 'hw.gpu.utilization', 'gpu_utilization',
        'gpu_memory_percent'
    ) AS metric,
    ResourceAttributes['host.name'] AS instance,
    TimeUnix AS timestamp,
    multiIf(
        metric = 'cpu_percent', 100 * (1 - avgOrNullIf(Value, mode = 'idle')),
        metric = 'memory_percent', 100 * avgOrNullIf(Value, mode = 'used'),
        metric = 'gpu_utilization', maxOrNull(Value),
        100 * maxOrNull(Value)
    ) AS value,
    toUInt64(1) AS samples,
    'ok' AS status
FROM
(
    SELECT
        *,
        coalesce(
            nullIf(Attributes['state'], ''),
            nullIf(Attributes['cpu.mode'], ''),
            Attributes['system.memory.state']
        ) AS mode
    FROM otel_metrics_gauge
    WHERE MetricName IN (
            'system.cpu.utilization', 'system.memory.utilization',
            'hw.gpu.utilization', 'hw.gpu.memory.utilization'
        )
        AND TimeUnix > fromUnixTimestamp64Nano({since_ns:Int64})
        AND TimeUnix <= fromUnixTimestamp64Nano({now_ns:Int64})
)
GROUP BY service_name, metric, instance, timestamp
