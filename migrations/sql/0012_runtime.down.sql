COMMENT ON COLUMN runtime_jobs.payload IS NULL;
COMMENT ON COLUMN runtime_jobs.step IS 'The step under way (pull, create, start, health, init, …), for people; the work itself reads the world anew.';
DROP INDEX runtime_records_status_idx;
DELETE FROM schema_versions WHERE version = 12;
