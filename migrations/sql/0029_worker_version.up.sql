-- Administrators see which release each worker runs (GET /admin/workers): during a rollout two stand side by side.

ALTER TABLE workers ADD COLUMN version text;
COMMENT ON COLUMN workers.version IS 'The version that the process was built as; null: of a release that does not say.';

INSERT INTO schema_versions (version, compatible_from) VALUES (29, 1);
