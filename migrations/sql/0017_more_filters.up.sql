-- Indexes for the filters of lists that had none (docs/scale.md): as in 0015, by the filter's column and the id, both in one
-- direction. Within a game, an account or an owner, that stands first.

CREATE INDEX games_by_status_idx ON games (status, game_id);
CREATE INDEX games_by_visibility_idx ON games (visibility, game_id);
CREATE INDEX games_by_owner_idx ON games (owner_user_id, game_id) WHERE owner_user_id IS NOT NULL;
CREATE INDEX games_by_owner_status_idx ON games (owner_user_id, status, game_id) WHERE owner_user_id IS NOT NULL;
DROP INDEX games_status_idx;
DROP INDEX games_owner_user_id_idx;
-- The public part of everybody's list of games, by status.
CREATE INDEX games_listed_by_status_idx ON games (status, game_id) WHERE visibility = 'public' AND status <> 'draft';

CREATE INDEX applications_by_status_idx ON applications (game_id, status, application_id);
CREATE INDEX memberships_by_status_idx ON memberships (game_id, status, membership_id);
CREATE INDEX device_sessions_by_status_idx ON device_sessions (user_id, status, device_session_id);

-- What may be in force, in the order of the list.
CREATE INDEX sanctions_unlifted_idx ON sanctions (user_id, sanction_id) WHERE lifted_at IS NULL;
DROP INDEX sanctions_user_id_idx;

INSERT INTO schema_versions (version, compatible_from) VALUES (17, 1);
