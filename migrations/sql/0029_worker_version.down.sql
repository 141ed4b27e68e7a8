ALTER TABLE workers DROP COLUMN version;
DELETE FROM schema_versions WHERE version = 29;
