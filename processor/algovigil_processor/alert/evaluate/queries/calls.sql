-- The calls of each version in the window; row 0 of a call stands for the call.
-- `slow` counts, for each of the limits in ms, the calls that took longer.
SELECT
    model_name,
    model_version,
    {site} AS part_site,
    {subgroup} AS part_subgroup,
    count() AS calls,
    countIf(error_type != '') AS errors,
    countIf(isFinite(duration_ms)) AS timed,
    quantilesTDigestIf(0.5, 0.95, 0.99)(duration_ms, isFinite(duration_ms)) AS latency,
    sumForEach(
        arrayMap(most -> toUInt64(duration_ms > most), {limits:Array(Float64)})
    ) AS slow
FROM inferences {join}
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0 {where}
GROUP BY model_name, model_version, part_site, part_subgroup
