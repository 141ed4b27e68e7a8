DROP TRIGGER games_state_since ON games;
DROP FUNCTION games_state_since();
ALTER TABLE games DROP COLUMN state_since;
DELETE FROM schema_versions WHERE version = 33;
