DROP TABLE runtime_questions;
ALTER TABLE runtime_operations DROP COLUMN times, DROP COLUMN last_at;
COMMENT ON TABLE runtime_operations IS 'Append-only: what was done to a runtime.';
COMMENT ON COLUMN runtime_operations.op IS 'A job''s kind, a job''s step, turn, or revive (an engine was brought back).';
DROP INDEX runtime_records_live_idx;
CREATE INDEX runtime_records_live_idx ON runtime_records (daemon_id) WHERE status IN ('running', 'generation_in_progress');
DROP INDEX runtime_records_endpoint_key;
ALTER TABLE runtime_records
    DROP COLUMN revivals, DROP COLUMN revive_at, DROP COLUMN well_since, DROP COLUMN misses, DROP COLUMN ill_since, DROP COLUMN probed_at,
    DROP COLUMN unserved_since;
COMMENT ON COLUMN runtime_records.daemon_id IS 'Id of the Docker daemon (or process-driver host) that has the container; a controller acts only on its own daemon''s records.';
ALTER TABLE workers DROP COLUMN daemon_id;
DELETE FROM schema_versions WHERE version = 23;
