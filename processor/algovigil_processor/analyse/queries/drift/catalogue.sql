-- Every reference, the newest first, with its state.
SELECT
    reference_id,
    any(model_name) AS model_name,
    any(model_version) AS model_version,
    any(source) AS source,
    any(provisional) AS provisional,
    toString(any(created)) AS created,
    toString(any(since)) AS since,
    countIf(subgroup_key = '') AS features,
    max(rows) AS rows,
    uniqExactIf((subgroup_key, subgroup_value), subgroup_key != '') AS subgroups,
    reference_id IN
    (
        SELECT argMax(reference_id, (timestamp, reference_id)) FROM reference_events
        WHERE event = 'activated' GROUP BY model_name, model_version
    ) AS active,
    reference_id IN
    (
        SELECT reference_id FROM reference_events WHERE event = 'complete'
    ) AS complete
FROM
(
    SELECT * FROM reference_profiles
    WHERE {model:String} IN ('', model_name)
        AND {reference_id:String} IN ('', reference_id)
    LIMIT 1 BY reference_id, subgroup_key, subgroup_value, first_code
)
GROUP BY reference_id
ORDER BY created DESC, reference_id
LIMIT 1000
