-- Memberships that end: what the engine still has to be told, who may come back, and what the sweeper looks for (SPEC §7).

ALTER TABLE memberships
    ADD COLUMN banish_due_at timestamptz,
    ADD COLUMN banished_at   timestamptz,
    ADD CONSTRAINT memberships_banish_check CHECK (status <> 'active' OR (banish_due_at IS NULL AND banished_at IS NULL));
COMMENT ON COLUMN memberships.banish_due_at IS 'The race of this ended membership is still to be banished in the engine, not before this; null: nothing is owed. Written with the end itself, so that no active job, pause or restart can lose it.';
COMMENT ON COLUMN memberships.banished_at IS 'When the engine had banished the race.';
-- Both stand over the few rows that are owed: one for the game whose runtime became free, one for the sweeper.
CREATE INDEX memberships_banish_game_id_idx ON memberships (game_id) WHERE banish_due_at IS NOT NULL;
CREATE INDEX memberships_banish_due_at_idx ON memberships (banish_due_at) WHERE banish_due_at IS NOT NULL;

-- Who was approved and left may apply again; that nobody is in twice is said by memberships_game_id_user_id_key.
DROP INDEX applications_game_id_user_id_key;
CREATE UNIQUE INDEX applications_game_id_user_id_key ON applications (game_id, user_id) WHERE status = 'submitted';

CREATE INDEX invites_inviter_user_id_idx ON invites (inviter_user_id) WHERE status = 'open';
CREATE INDEX invites_expires_at_idx ON invites (expires_at) WHERE status = 'open';

INSERT INTO schema_versions (version, compatible_from) VALUES (10, 1);
