ALTER TABLE games DROP CONSTRAINT games_pause_reason_check;
DELETE FROM schema_versions WHERE version = 26;
