-- Indexes in the order of the lists (SPEC §3, docs/scale.md): each way to see a game has one, so that a page costs what it shows.

-- The public part of everybody's list of games. Its predecessor held the drafts too, which nobody else may see.
CREATE INDEX games_listed_idx ON games (game_id DESC) WHERE visibility = 'public' AND status <> 'draft';
DROP INDEX games_visibility_idx;
-- The administrators' lists of one state: the rare ones are looked for most.
CREATE INDEX games_status_idx ON games (status, game_id DESC);
CREATE INDEX runtime_records_status_idx ON runtime_records (status, game_id DESC);
-- The games that a user plays in, and those that he is invited to, newest first.
CREATE INDEX memberships_active_idx ON memberships (user_id, game_id DESC) WHERE status = 'active';
CREATE INDEX invites_open_idx ON invites (invited_user_id, game_id DESC) WHERE status = 'open';

INSERT INTO schema_versions (version, compatible_from) VALUES (14, 1);
