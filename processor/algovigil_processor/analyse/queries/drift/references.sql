-- The reference in force of each version: the one activated last.
SELECT
    model_name,
    model_version,
    argMax(reference_id, (timestamp, reference_id)) AS reference_id
FROM reference_events
WHERE event = 'activated'
GROUP BY model_name, model_version
ORDER BY model_name, model_version
