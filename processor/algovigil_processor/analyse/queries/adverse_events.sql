-- Adverse events that happened in a span of time: of each the latest version known at
-- `as_of`, when it was first heard of, and the model that it names or is joined to.
SELECT
    outcome_id,
    if(said.1 != '', said.1, j.model) AS model_name,
    if(said.2 != '', said.2, j.version) AS model_version,
    said.3 AS event,
    lower(trimBoth(said.4)) AS severity,
    said.5 AS reported,
    toUnixTimestamp64Nano(said.6) AS happened_ns,
    first_ns AS heard_ns
FROM
(
    SELECT
        outcome_id,
        argMax(
            (model_name, model_version, actual_value, severity, reported, timestamp),
            received
        ) AS said,
        min(toUnixTimestamp64Nano(received)) AS first_ns
    FROM outcomes
    WHERE lower(outcome_type) = 'adverse_event'
        AND timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
        AND timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
        AND received <= fromUnixTimestamp64Nano({as_of_ns:Int64})
    GROUP BY outcome_id
) AS o
LEFT JOIN
(
    SELECT
        outcome_id,
        any(model_name) AS model,
        any(model_version) AS version
    FROM joined_outcomes
    WHERE lower(outcome_type) = 'adverse_event'
    GROUP BY outcome_id
) AS j USING (outcome_id)
ORDER BY happened_ns, outcome_id
LIMIT {limit:UInt64}
