-- What administrators look through and set going again after an incident (SPEC §5 admin, §10.5).

ALTER TABLE admin_accounts
    ADD COLUMN idempotency_owner text,
    ADD COLUMN idempotency_key   text,
    ADD COLUMN idempotency_hash  bytea,
    ADD CONSTRAINT admin_accounts_idempotency_key UNIQUE (idempotency_owner, idempotency_key);
COMMENT ON COLUMN admin_accounts.idempotency_hash IS 'SHA-256 of the request body that made the row, the password in it replaced by its HMAC under the pepper: a plain hash would be a fast way around bcrypt.';
-- Listed in the order of the names' bytes, whatever the database's collation.
CREATE INDEX admin_accounts_list_idx ON admin_accounts (user_name COLLATE "C" DESC);

CREATE INDEX audit_log_action_idx ON audit_log (action, audit_id DESC);
CREATE INDEX audit_log_target_id_idx ON audit_log (target_id, audit_id DESC);

-- Dead letters and quarantined rows of each queue: written when a row dies, so they cost the living nothing.
CREATE INDEX mail_deliveries_dead_idx ON mail_deliveries (delivery_id DESC) WHERE status IN ('dead_lettered', 'quarantined');
CREATE INDEX notifications_dead_idx ON notifications (notification_id DESC) WHERE status IN ('dead_lettered', 'quarantined');
CREATE INDEX notification_routes_dead_idx ON notification_routes (route_id DESC) WHERE status IN ('dead_lettered', 'quarantined');
CREATE INDEX runtime_jobs_dead_idx ON runtime_jobs (job_id DESC) WHERE status IN ('failed', 'quarantined');
CREATE INDEX runtime_turns_dead_idx ON runtime_turns (game_id DESC) WHERE status IN ('failed', 'quarantined');

-- Whatever is not over well: nearly every row is, so a list by any other status reads few rows, and those that are over
-- stand in no further index. Templates and kinds are found by the unique keys that begin with them.
CREATE INDEX mail_deliveries_unsent_idx ON mail_deliveries (delivery_id DESC) WHERE status <> 'sent';
CREATE INDEX notifications_unexpanded_idx ON notifications (notification_id DESC) WHERE status <> 'expanded';
CREATE INDEX notifications_game_id_idx ON notifications (game_id, notification_id DESC) WHERE game_id IS NOT NULL;

-- Addresses from outside the accounts (the administrators') are not normalised.
CREATE INDEX mail_recipients_address_idx ON mail_recipients (lower(address), delivery_id DESC);

INSERT INTO schema_versions (version, compatible_from) VALUES (11, 1);
