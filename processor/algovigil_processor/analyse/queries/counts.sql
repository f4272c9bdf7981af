-- How much there is to join: answered from the tables' metadata.
SELECT
    (SELECT count() FROM outcomes) AS outcomes,
    (SELECT count() FROM inferences) AS inferences,
    (SELECT count() FROM calibration_references) AS calibrations
