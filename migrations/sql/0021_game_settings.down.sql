ALTER TABLE games DROP COLUMN settings;
DELETE FROM schema_versions WHERE version = 21;
