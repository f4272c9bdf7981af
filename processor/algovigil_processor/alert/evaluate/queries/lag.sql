-- In seconds, how late 99 % of the recent calls were stored. Calls that are stored after
-- the instant in question were not there to be seen.
SELECT
    quantileOrNull(0.99)(
        (toUnixTimestamp64Milli(stored) - toUnixTimestamp64Milli(timestamp)) / 1000
    ) AS lag
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND stored <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND row = 0
