DROP TABLE engine_reports;
DROP TABLE runtime_operations;
DROP TABLE runtime_turns;
DROP TABLE runtime_jobs;
DROP TABLE runtime_records;
DELETE FROM schema_versions WHERE version = 7;
