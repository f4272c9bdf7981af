-- Confusion counts per version over predictions made in the window, with the outcomes
-- known now. An outcome says by what it is joined: inference id, else trace id, else
-- patient and model (then the nearest earlier prediction). It labels one prediction of
-- a version; of several outcomes for one prediction the latest counts.
WITH
    x -> ifNull(toString(toFloat64OrNull(x)), x) AS as_number,
    x -> as_number(lower(trimBoth(x))) AS plain,
    x -> multiIf(
        {positive:String} != '', if(plain(x) = plain({positive:String}), '+', plain(x)),
        plain(x) IN ('1', 'true', 'positive', 'malignant'), '+',
        plain(x) IN ('0', 'false', 'negative', 'benign'), '-',
        plain(x)
    ) AS class_of,
    predictions AS
    (
        SELECT
            model_name, model_version, inference_id, row, trace_id, patient_id,
            toUnixTimestamp64Nano(timestamp) AS made_ns,
            ifNull(label, '') AS predicted
        FROM inferences
        WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
            AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
            AND error_type = ''
    ),
    known AS
    (
        SELECT
            outcome_id,
            toUnixTimestamp64Nano(timestamp) AS outcome_ns,
            toUnixTimestamp64Nano(received) AS received_ns,
            model_name AS of_model,
            model_version AS of_version,
            patient_id AS of_patient,
            predicted_value,
            actual_value,
            multiIf(
                inference_id != '', concat('i', inference_id),
                trace_id != '', concat('t', trace_id),
                patient_id != '' AND model_name != '',
                    concat('p', patient_id, '\0', model_name),
                ''
            ) AS key
        FROM outcomes FINAL
        WHERE lower(outcome_type) = 'diagnostic'
            AND actual_value != ''
            AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
            AND received <= fromUnixTimestamp64Nano({now_ns:Int64})
            -- an outcome comes after its prediction; a day for clocks that disagree
            AND received > fromUnixTimestamp64Nano({start_ns:Int64}) - INTERVAL 1 DAY
            AND key != ''
    ),
    labelling AS
    (
        SELECT
            model_name, model_version, outcome_id,
            any(outcome_ns) AS known_ns,
            any(received_ns) AS arrived_ns,
            any(actual_value) AS actual,
            argMin(
                (inference_id, row, if(predicted = '', predicted_value, predicted)),
                -- by patient the nearest prediction, by trace the first
                (
                    predicted = '',
                    if(startsWith(key, 'p'), -made_ns, made_ns),
                    inference_id,
                    row
                )
            ) AS of_prediction
        FROM
        (
            SELECT
                *,
                arrayJoin(
                    [
                        concat('i', inference_id),
                        concat('t', trace_id),
                        concat('p', patient_id, '\0', model_name)
                    ]
                ) AS key
            FROM predictions
        ) AS made
        INNER JOIN known USING (key)
        WHERE (of_model = '' OR of_model = model_name)
            AND (of_version = '' OR of_version = model_version)
            AND (of_patient = '' OR patient_id = '' OR of_patient = patient_id)
            AND (NOT startsWith(key, 'p') OR made_ns <= outcome_ns)
        GROUP BY model_name, model_version, outcome_id
    ),
    labelled AS
    (
        SELECT
            model_name, model_version,
            of_prediction.1 AS inference_id,
            of_prediction.2 AS row,
            argMax(
                (class_of(of_prediction.3), class_of(actual)),
                (known_ns, arrived_ns, outcome_id)
            ) AS pair
        FROM labelling
        WHERE of_prediction.3 != ''
        GROUP BY model_name, model_version, inference_id, row
    ),
    counts AS
    (
        SELECT
            model_name, model_version,
            count() AS labels,
            countIf(pair.1 = pair.2) AS agreeing,
            -- without a named positive class only words that are known take part
            countIf(pair.1 = '+' AND pair.2 = '+') AS tp,
            countIf(pair.1 = '+' AND pair.2 != '+' AND is_known) AS fp,
            countIf(pair.1 != '+' AND pair.2 = '+' AND is_known) AS fn,
            countIf(pair.1 != '+' AND pair.2 != '+' AND is_known) AS tn
        FROM
        (
            SELECT
                *,
                {positive:String} != ''
                    OR (pair.1 IN ('+', '-') AND pair.2 IN ('+', '-')) AS is_known
            FROM labelled
        )
        GROUP BY model_name, model_version
    )
SELECT
    made.model_name AS model_name,
    made.model_version AS model_version,
    made.inferences AS inferences,
    labels, agreeing, tp, fp, fn, tn
FROM
(
    SELECT model_name, model_version, count() AS inferences
    FROM predictions
    GROUP BY model_name, model_version
) AS made
LEFT JOIN counts USING (model_name, model_version)
ORDER BY model_name, model_version
