-- The lobby's limits, what a private game can be made with, and dead letters that are put away (SPEC §5, §7).

-- What users are shown of an engine version, and how many players a game on it may have.
ALTER TABLE engine_versions
    ADD COLUMN title       text,
    ADD COLUMN description text,
    ADD COLUMN min_players integer,
    ADD COLUMN max_players integer,
    ADD CONSTRAINT engine_versions_players_check CHECK (min_players BETWEEN 1 AND 1000 AND max_players BETWEEN 1 AND 1000 AND min_players <= max_players);
COMMENT ON COLUMN engine_versions.title IS 'What users read instead of the label; null: the label alone.';
COMMENT ON COLUMN engine_versions.description IS 'What users read about it; null: nothing.';
COMMENT ON COLUMN engine_versions.min_players IS 'Games on it have at least so many players; null: no bound.';
COMMENT ON COLUMN engine_versions.max_players IS 'Games on it have at most so many players; null: no bound.';

-- Invites of one user within the last hour are counted, and a deletion looks for all of them.
CREATE INDEX invites_by_inviter_idx ON invites (inviter_user_id, created_at);
DROP INDEX invites_inviter_idx;

ALTER TABLE invites ADD COLUMN mailed_at timestamptz;
COMMENT ON COLUMN invites.mailed_at IS 'When the mail of this invite was ordered; null: none was, since the invitee had one of this game within a day, or the invite is a code.';
CREATE INDEX invites_mailed_idx ON invites (game_id, invited_user_id, mailed_at) WHERE mailed_at IS NOT NULL;

ALTER TABLE memberships ADD COLUMN invite_id uuid CONSTRAINT memberships_invite_id_fkey REFERENCES invites;
COMMENT ON COLUMN memberships.invite_id IS 'The invite that gave the membership, so that redeeming it again answers the membership; null: an application gave it, or it is older than this column.';

ALTER TABLE notifications ADD COLUMN unmailed text;
COMMENT ON COLUMN notifications.unmailed IS 'Why its e-mail routes are skipped; null: they are not.';

-- A dead letter that an administrator has put away.
ALTER TABLE mail_deliveries DROP CONSTRAINT mail_deliveries_status_check;
ALTER TABLE mail_deliveries ADD CONSTRAINT mail_deliveries_status_check CHECK (status IN
    ('pending', 'sending', 'retrying', 'sent', 'dead_lettered', 'quarantined', 'expired', 'dismissed'));
ALTER TABLE notifications DROP CONSTRAINT notifications_status_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_status_check CHECK (status IN
    ('pending', 'expanding', 'retrying', 'expanded', 'dead_lettered', 'quarantined', 'dismissed'));
ALTER TABLE notification_routes DROP CONSTRAINT notification_routes_status_check;
ALTER TABLE notification_routes ADD CONSTRAINT notification_routes_status_check CHECK (status IN
    ('pending', 'dispatching', 'retrying', 'delivered', 'dead_lettered', 'quarantined', 'skipped', 'dismissed'));
COMMENT ON COLUMN mail_deliveries.status IS 'pending, retrying: due at next_attempt_at; sending: a worker has it; sent, dead_lettered, quarantined, expired: over; dismissed: it was dead and an administrator has put it away (docs/mail.md).';
COMMENT ON COLUMN notifications.status IS 'pending, retrying: due at next_attempt_at; expanding: a worker has it; expanded: all routes are there; dead_lettered, quarantined: some may be missing; dismissed: it was dead and an administrator has put it away.';
COMMENT ON COLUMN notification_routes.status IS 'pending, retrying: due at next_attempt_at; dispatching: a worker has it; delivered, dead_lettered, quarantined: over; skipped: there was nobody to tell; dismissed: it was dead and an administrator has put it away.';

INSERT INTO schema_versions (version, compatible_from) VALUES (19, 1);
