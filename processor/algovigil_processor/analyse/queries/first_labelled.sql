-- The first labelled predictions of a version, as known now, with what they were made
-- from.
WITH labelled AS
(
    SELECT
        inference_id,
        row,
        min(made) AS at,
        argMax(predicted, (found, received, outcome_key)) AS predicted,
        argMax(actual, (found, received, outcome_key)) AS actual
    FROM joined_outcomes
    WHERE model_name = {model:String}
        AND model_version = {version:String}
        AND joined <= fromUnixTimestamp64Nano({now_ns:Int64})
        AND outcome_type = 'diagnostic'
        -- what was acted on may not have come true because it was predicted
        AND ifNull(acted_on, false) = false
    GROUP BY inference_id, row
    HAVING actual != ''
    ORDER BY at, inference_id, row
    LIMIT {limit:UInt64}
)
SELECT
    labelled.predicted AS predicted,
    labelled.actual AS actual,
    toUnixTimestamp64Nano(at) AS made_ns,
    made.score AS score,
    made.row_weight AS row_weight,
    CAST(mapKeys(features), 'Array(String)') AS names,
    mapValues(features) AS numbers,
    arrayMap(
        (name, level) -> concat(name, '=', level),
        CAST(mapKeys(categories), 'Array(String)'),
        mapValues(categories)
    ) AS levels
FROM inferences AS made
INNER JOIN labelled USING (inference_id, row)
WHERE made.model_name = {model:String}
    AND made.model_version = {version:String}
    AND made.timestamp >= (SELECT min(at) FROM labelled)
    AND made.timestamp <= (SELECT max(at) FROM labelled)
ORDER BY made_ns, inference_id, row
