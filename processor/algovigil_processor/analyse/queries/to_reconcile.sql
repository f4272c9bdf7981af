-- The newest estimate of each version whose labels had time to come and that was not
-- compared with them yet.
SELECT
    model_name,
    model_version,
    toUnixTimestamp64Nano(window_start) AS start_ns,
    toUnixTimestamp64Nano(window_end) AS end_ns,
    reference_id,
    metric,
    value,
    lower,
    upper,
    n
FROM
(
    SELECT
        *,
        max(window_end) OVER (PARTITION BY model_name, model_version) AS newest
    FROM performance_estimates AS e
    LEFT JOIN
    (
        SELECT
            model_name AS m, model_version AS v, max(window_end) AS done
        FROM performance_estimates
        WHERE realised IS NOT NULL
        GROUP BY m, v
    ) AS before ON e.model_name = before.m AND e.model_version = before.v
    WHERE status = 'ok'
        AND realised IS NULL
        AND window_end <= fromUnixTimestamp64Nano({until_ns:Int64})
        AND window_end > fromUnixTimestamp64Nano({since_ns:Int64})
        AND window_end > done
)
WHERE window_end = newest
