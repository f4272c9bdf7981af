-- Treatments whose result was found in a span of time: of each the latest version known
-- at `as_of`, with the model that it names or is joined to.
SELECT
    if(said.1 != '', said.1, j.model) AS model_name,
    if(said.2 != '', said.2, j.version) AS model_version,
    said.3 AS treatment,
    lower(trimBoth(said.4)) AS result,
    said.5 AS effectiveness,
    said.6 AS followup_days,
    said.7 AS event_observed
FROM
(
    SELECT
        outcome_id,
        argMax(
            (
                model_name, model_version, treatment, treatment_outcome,
                treatment_effectiveness, followup_days, event_observed
            ),
            received
        ) AS said
    FROM outcomes
    WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
        AND timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
        AND received <= fromUnixTimestamp64Nano({as_of_ns:Int64})
    GROUP BY outcome_id
    HAVING said.3 != ''
) AS o
LEFT JOIN
(
    SELECT
        outcome_id,
        any(model_name) AS model,
        any(model_version) AS version
    FROM joined_outcomes
    WHERE treatment != ''
    GROUP BY outcome_id
) AS j USING (outcome_id)
ORDER BY model_name, model_version, treatment, outcome_id
LIMIT {limit:UInt64}
