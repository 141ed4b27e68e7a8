DROP INDEX invites_open_idx;
DROP INDEX memberships_active_idx;
DROP INDEX runtime_records_status_idx;
DROP INDEX games_status_idx;
CREATE INDEX games_visibility_idx ON games (visibility, game_id DESC);
DROP INDEX games_listed_idx;
DELETE FROM schema_versions WHERE version = 14;
