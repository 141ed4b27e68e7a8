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

-- A user's names, but the released ones that he no longer has. The exclusion constraint's index is no way to find them (it
-- would read a good part of itself for one holder), but the planner takes it for one as long as the holder's id is a column of it.
CREATE INDEX race_names_held_idx ON race_names (user_id, race_name_id DESC) WHERE status <> 'released';
DROP INDEX race_names_user_id_idx;
ALTER TABLE race_names DROP CONSTRAINT race_names_one_holder_excl;
ALTER TABLE race_names ADD CONSTRAINT race_names_one_holder_excl
    EXCLUDE USING gist (canonical_key WITH =, (uuid_send(user_id)) WITH <>) WHERE (status <> 'released');
-- Whether a name is free is asked by its key; the exclusion constraint's index is for the constraint.
CREATE INDEX race_names_canonical_key_idx ON race_names (canonical_key) INCLUDE (user_id, game_id, status) WHERE status <> 'released';

INSERT INTO schema_versions (version, compatible_from) VALUES (14, 1);
