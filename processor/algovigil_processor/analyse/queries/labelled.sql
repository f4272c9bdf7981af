-- Rows of joined outcomes per version in a span of time, an upper bound of its labels.
SELECT model_name, model_version, count() AS rows
FROM joined_outcomes
WHERE made > fromUnixTimestamp64Nano({start_ns:Int64})
    AND made <= fromUnixTimestamp64Nano({end_ns:Int64})
    AND joined <= fromUnixTimestamp64Nano({as_of_ns:Int64})
    AND outcome_type = 'diagnostic'
GROUP BY model_name, model_version
