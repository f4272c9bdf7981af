-- Outcomes that are not joined yet, each beside its prediction in every version. An
-- outcome says by what it is joined: inference id, else trace id, else patient and model
-- (then the nearest earlier prediction).
WITH
    pending AS
    (
        SELECT
            outcome_id,
            cityHash64(outcome_id) AS outcome_key,
            toUnixTimestamp64Nano(timestamp) AS found_ns,
            toUnixTimestamp64Nano(received) AS received_ns,
            cityHash64(outcome_id, received_ns) AS version_key,
            lower(outcome_type) AS kind,
            model_name AS of_model,
            model_version AS of_version,
            patient_id AS of_patient,
            predicted_value,
            actual_value,
            alert_shown,
            acted_on,
            treatment,
            multiIf(
                inference_id != '', 'inference',
                trace_id != '', 'trace',
                patient_id != '' AND model_name != '', 'patient',
                ''
            ) AS joined_by,
            multiIf(
                joined_by = 'inference', inference_id,
                joined_by = 'trace', trace_id,
                patient_id
            ) AS id
        FROM outcomes
        WHERE received <= fromUnixTimestamp64Nano({now_ns:Int64})
            AND received > fromUnixTimestamp64Nano({since_ns:Int64})
            AND found_ns <= {now_ns:Int64} + {skew_ns:Int64}
            AND joined_by != ''
            AND version_key NOT IN (SELECT version_key FROM joined_outcomes)
        ORDER BY received DESC
        LIMIT {limit:UInt64}
    ),
    candidates AS
    (
        SELECT 'inference' AS by_kind, inference_id AS by_id, *, age FROM inferences
        WHERE inference_id IN (SELECT id FROM pending WHERE joined_by = 'inference')
        UNION ALL
        SELECT 'trace' AS by_kind, trace_id AS by_id, *, age FROM inferences
        WHERE trace_id IN (SELECT id FROM pending WHERE joined_by = 'trace')
        UNION ALL
        SELECT 'patient' AS by_kind, patient_id AS by_id, *, age FROM inferences
        WHERE patient_id IN (SELECT id FROM pending WHERE joined_by = 'patient')
    )
SELECT
    model_name,
    model_version,
    chosen.1 AS made_ns,
    cityHash64(model_name, model_version, chosen.2, chosen.3) AS prediction_key,
    chosen.2 AS inference_id,
    chosen.3 AS row,
    if(chosen.4 = '', predicted_value, chosen.4) AS predicted,
    chosen.5 AS score,
    chosen.6 AS predicted_number,
    chosen.7 AS row_weight,
    chosen.8 AS site,
    chosen.9 AS device,
    chosen.10 AS subgroup,
    chosen.11 AS age,
    joined_by,
    outcome_key,
    version_key,
    outcome_id,
    kind AS outcome_type,
    found_ns,
    received_ns,
    actual_value AS actual,
    alert_shown,
    acted_on,
    treatment
FROM
(
    SELECT
        made.model_name AS model_name,
        made.model_version AS model_version,
        outcome_key, version_key, outcome_id, kind, found_ns, received_ns, joined_by,
        predicted_value, actual_value, alert_shown, acted_on, treatment,
        argMin(
            (
                toUnixTimestamp64Nano(made.timestamp),
                made.inference_id,
                made.row,
                ifNull(made.label, ''),
                made.score,
                made.value,
                made.row_weight,
                made.site,
                made.device,
                made.subgroup,
                made.age
            ),
            -- by patient the nearest prediction, those before the outcome first (clocks
            -- may disagree); by trace the first
            (
                isNull(made.label) AND isNull(made.score) AND isNull(made.value),
                isNull(made.label),
                joined_by = 'patient'
                    AND toUnixTimestamp64Nano(made.timestamp) > found_ns,
                if(
                    joined_by = 'patient',
                    toInt64(abs(found_ns - toUnixTimestamp64Nano(made.timestamp))),
                    toUnixTimestamp64Nano(made.timestamp)
                ),
                made.inference_id,
                made.row
            )
        ) AS chosen
    FROM candidates AS made
    INNER JOIN pending
        ON made.by_kind = pending.joined_by AND made.by_id = pending.id
    WHERE made.error_type = ''
        AND made.timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
        AND (of_model = '' OR of_model = made.model_name)
        AND (of_version = '' OR of_version = made.model_version)
        AND (of_patient = '' OR made.patient_id = '' OR of_patient = made.patient_id)
        AND (
            joined_by != 'patient'
            OR toUnixTimestamp64Nano(made.timestamp) <= found_ns + {skew_ns:Int64}
        )
    GROUP BY ALL
)
