-- The calls of each version, bucket by bucket; `slow` counts, for each of the limits in
-- ms, those that took longer. Row 0 of a call stands for the call.
SELECT
    model_name,
    model_version,
    intDiv(toUnixTimestamp64Nano(timestamp), {bucket_ns:Int64}) AS bucket,
    count() AS calls,
    countIf(error_type != '') AS errors,
    countIf(isFinite(duration_ms)) AS timed,
    sumForEach(
        arrayMap(most -> toUInt64(duration_ms > most), {limits:Array(Float64)})
    ) AS slow
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0
GROUP BY model_name, model_version, bucket
