DELETE FROM schema_versions WHERE version = 19;

-- What was put away is dead again.
UPDATE notification_routes SET status = 'dead_lettered' WHERE status = 'dismissed';
ALTER TABLE notification_routes DROP CONSTRAINT notification_routes_status_check;
ALTER TABLE notification_routes ADD CONSTRAINT notification_routes_status_check CHECK (status IN
    ('pending', 'dispatching', 'retrying', 'delivered', 'dead_lettered', 'quarantined', 'skipped'));
UPDATE notifications SET status = 'dead_lettered' WHERE status = 'dismissed';
ALTER TABLE notifications DROP CONSTRAINT notifications_status_check;
ALTER TABLE notifications ADD CONSTRAINT notifications_status_check CHECK (status IN
    ('pending', 'expanding', 'retrying', 'expanded', 'dead_lettered', 'quarantined'));
UPDATE mail_deliveries SET status = 'dead_lettered' WHERE status = 'dismissed';
ALTER TABLE mail_deliveries DROP CONSTRAINT mail_deliveries_status_check;
ALTER TABLE mail_deliveries ADD CONSTRAINT mail_deliveries_status_check CHECK (status IN
    ('pending', 'sending', 'retrying', 'sent', 'dead_lettered', 'quarantined', 'expired'));
COMMENT ON COLUMN mail_deliveries.status IS 'pending, retrying: due at next_attempt_at; sending: a worker has it; sent, dead_lettered, quarantined, expired: over (docs/mail.md).';
COMMENT ON COLUMN notifications.status IS 'pending, retrying: due at next_attempt_at; expanding: a worker has it; expanded: all routes are there; dead_lettered, quarantined: some may be missing.';
COMMENT ON COLUMN notification_routes.status IS 'pending, retrying: due at next_attempt_at; dispatching: a worker has it; delivered, dead_lettered, quarantined: over; skipped: there was nobody to tell.';

ALTER TABLE notifications DROP COLUMN unmailed;
ALTER TABLE memberships DROP COLUMN invite_id;
DROP INDEX invites_mailed_idx;
ALTER TABLE invites DROP COLUMN mailed_at;
CREATE INDEX invites_inviter_idx ON invites (inviter_user_id);
DROP INDEX invites_by_inviter_idx;
ALTER TABLE engine_versions
    DROP CONSTRAINT engine_versions_players_check,
    DROP COLUMN max_players,
    DROP COLUMN min_players,
    DROP COLUMN description,
    DROP COLUMN title;
