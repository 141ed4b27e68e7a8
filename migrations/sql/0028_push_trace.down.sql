ALTER TABLE push_events DROP COLUMN traceparent;
DELETE FROM schema_versions WHERE version = 28;
