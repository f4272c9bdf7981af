-- What tells whether a window holds the same predictions as before.
SELECT
    (SELECT count() FROM outcomes) AS outcomes,
    (SELECT count() FROM joined_outcomes) AS joined,
    (SELECT count() FROM inferences) AS inferences,
    count() AS inside,
    toUnixTimestamp64Nano(min(timestamp)) AS first_ns,
    toUnixTimestamp64Nano(max(timestamp)) AS last_ns
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
