-- Labelled predictions of one version made in a span of time, as known at `as_of`: of
-- each outcome the latest version, of several outcomes the one found last. Every
-- `every`-th prediction by its hash, so that what is read is bounded.
WITH
    x -> ifNull(toString(toFloat64OrNull(x)), x) AS as_number,
    x -> as_number(lower(trimBoth(x))) AS plain,
    latest AS
    (
        SELECT
            outcome_key,
            argMax(
                (
                    prediction_key, found, received, made, predicted, actual, score,
                    predicted_number, row_weight, site, device, subgroup, age,
                    alert_shown, acted_on, inference_id
                ),
                received
            ) AS said
        FROM joined_outcomes
        WHERE model_name = {model:String}
            AND model_version = {version:String}
            AND made > fromUnixTimestamp64Nano({start_ns:Int64})
            AND made <= fromUnixTimestamp64Nano({end_ns:Int64})
            AND joined <= fromUnixTimestamp64Nano({as_of_ns:Int64})
            AND outcome_type = 'diagnostic'
            AND prediction_key % {every:UInt64} = 0
        GROUP BY outcome_key
    )
SELECT
    toUnixTimestamp64Nano(last.4) AS made_ns,
    plain(last.5) AS predicted,
    plain(last.6) AS actual,
    last.7 AS score,
    last.8 AS predicted_number,
    last.9 AS row_weight,
    last.10 AS site,
    last.11 AS device,
    last.12 AS subgroup,
    last.13 AS age,
    last.14 AS alert_shown,
    last.15 AS acted_on,
    last.16 AS inference_id,
    contradictory
FROM
(
    SELECT
        argMax(said, (said.2, said.3, outcome_key)) AS last,
        uniqExact(plain(said.6)) > 1 AS contradictory
    FROM latest
    -- a correction to nothing takes the label back
    WHERE said.6 != ''
    GROUP BY said.1
)
ORDER BY made_ns, inference_id
