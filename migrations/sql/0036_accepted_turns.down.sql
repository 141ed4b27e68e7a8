ALTER TABLE games DROP COLUMN accepted_turns;
DELETE FROM schema_versions WHERE version = 36;
