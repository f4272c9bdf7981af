-- Predictions of each version, before a span of time and between the events in it.
SELECT
    model_name,
    model_version,
    sumIf(row_weight, timestamp <= fromUnixTimestamp64Nano({start_ns:Int64})) AS before,
    sumIf(row_weight, timestamp > fromUnixTimestamp64Nano({start_ns:Int64})) AS inside,
    mapFilter(
        (gap, n) -> n > 0,
        sumMap(
            map(
                if(
                    timestamp <= fromUnixTimestamp64Nano({start_ns:Int64}),
                    toUInt32(0),
                    toUInt32(1 + arrayCount(
                        at -> at < toUnixTimestamp64Nano(timestamp),
                        {events_ns:Array(Int64)}
                    ))
                ),
                row_weight
            )
        )
    ) AS by_gap
FROM inferences
WHERE timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
    AND error_type = ''
GROUP BY model_name, model_version
