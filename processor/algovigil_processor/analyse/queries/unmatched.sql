-- Outcomes received in a span of time that no prediction was found for, by model as
-- their reporter named it, and those found before the prediction that they belong to.
SELECT
    model_name,
    count() AS outcomes,
    countIf(
        cityHash64(outcome_id, toUnixTimestamp64Nano(received)) NOT IN
        (SELECT version_key FROM joined_outcomes)
    ) AS unmatched
FROM outcomes
WHERE received > fromUnixTimestamp64Nano({start_ns:Int64})
    AND received <= fromUnixTimestamp64Nano({end_ns:Int64})
GROUP BY model_name
HAVING unmatched > 0
