-- Notifications and their routes (SPEC §13). Both tables are queues: a notification is expanded, a route is dispatched.

CREATE TABLE notifications (
    notification_id  uuid        CONSTRAINT notifications_pkey PRIMARY KEY,
    kind             text        NOT NULL,
    idempotency_key  text        NOT NULL,
    audience         text        NOT NULL CONSTRAINT notifications_audience_check CHECK (audience IN ('users', 'game_members', 'everyone', 'administrators')),
    user_ids         uuid[]      NOT NULL DEFAULT '{}',
    game_id          uuid        CONSTRAINT notifications_game_id_fkey REFERENCES games,
    game_seq         bigint,
    payload          jsonb       NOT NULL,
    expanded_to      uuid,
    status           text        NOT NULL DEFAULT 'pending' CONSTRAINT notifications_status_check CHECK (status IN
        ('pending', 'expanding', 'retrying', 'expanded', 'dead_lettered', 'quarantined')),
    priority        smallint    NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    token           bigint      NOT NULL DEFAULT 0,
    attempt_no      integer     NOT NULL DEFAULT 0,
    failures        integer     NOT NULL DEFAULT 0,
    crashes         integer     NOT NULL DEFAULT 0,
    suspect         boolean     NOT NULL DEFAULT false,
    worker_id       uuid,
    deadline_at     timestamptz,
    last_error      text,
    request_id      text,
    traceparent     text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    CONSTRAINT notifications_kind_idempotency_key_key UNIQUE (kind, idempotency_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON COLUMN notifications.audience IS 'Who gets it: user_ids; the active members of game_id; every account; the administrators'' address.';
COMMENT ON COLUMN notifications.game_seq IS 'Notification number within the game, taken under the game''s row lock; null: no order is promised.';
COMMENT ON COLUMN notifications.expanded_to IS 'Expansion cursor: recipients up to this user_id have their routes; a chunked expansion resumes here.';
-- Both indexes stand over literal states, so that the claim and rescue statements match them in any plan (QUEUE-AND-LOG §1, §2).
CREATE INDEX notifications_due_idx ON notifications (priority, next_attempt_at, notification_id) WHERE status IN ('pending', 'retrying') AND NOT suspect;
CREATE INDEX notifications_suspect_idx ON notifications (next_attempt_at, notification_id) WHERE status IN ('pending', 'retrying') AND suspect;
CREATE INDEX notifications_active_idx ON notifications (worker_id) WHERE status = 'expanding';
CREATE INDEX notifications_finished_idx ON notifications (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX notifications_game_order_idx ON notifications (game_id, game_seq) WHERE status IN ('pending', 'retrying', 'expanding') AND game_seq IS NOT NULL;

CREATE TABLE notification_routes (
    route_id        uuid        CONSTRAINT notification_routes_pkey PRIMARY KEY,
    notification_id uuid        NOT NULL CONSTRAINT notification_routes_notification_id_fkey REFERENCES notifications ON DELETE CASCADE,
    channel         text        NOT NULL CONSTRAINT notification_routes_channel_check CHECK (channel IN ('push', 'email', 'admin_email')),
    user_id         uuid        CONSTRAINT notification_routes_user_id_fkey REFERENCES accounts,
    game_id         uuid,
    game_seq        bigint,
    status          text        NOT NULL DEFAULT 'pending' CONSTRAINT notification_routes_status_check CHECK (status IN
        ('pending', 'dispatching', 'retrying', 'delivered', 'dead_lettered', 'quarantined', 'skipped')),
    priority        smallint    NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    token           bigint      NOT NULL DEFAULT 0,
    attempt_no      integer     NOT NULL DEFAULT 0,
    failures        integer     NOT NULL DEFAULT 0,
    crashes         integer     NOT NULL DEFAULT 0,
    suspect         boolean     NOT NULL DEFAULT false,
    worker_id       uuid,
    deadline_at     timestamptz,
    last_error      text,
    request_id      text,
    traceparent     text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at     timestamptz,
    CONSTRAINT notification_routes_recipient_key UNIQUE NULLS NOT DISTINCT (notification_id, channel, user_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON COLUMN notification_routes.route_id IS 'Also the push event_id and the mail delivery''s idempotency key, so a repeated dispatch is one event and one mail.';
COMMENT ON COLUMN notification_routes.game_seq IS 'Push order per (user_id, game_id); null: exempt (broadcasts, re-driven routes).';
-- Both indexes stand over literal states, so that the claim and rescue statements match them in any plan (QUEUE-AND-LOG §1, §2).
CREATE INDEX notification_routes_due_idx ON notification_routes (priority, next_attempt_at, route_id) WHERE status IN ('pending', 'retrying') AND NOT suspect;
CREATE INDEX notification_routes_suspect_idx ON notification_routes (next_attempt_at, route_id) WHERE status IN ('pending', 'retrying') AND suspect;
CREATE INDEX notification_routes_active_idx ON notification_routes (worker_id) WHERE status = 'dispatching';
CREATE INDEX notification_routes_finished_idx ON notification_routes (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX notification_routes_order_idx ON notification_routes (user_id, game_id, game_seq)
    WHERE status IN ('pending', 'retrying', 'dispatching') AND channel = 'push' AND game_seq IS NOT NULL;

INSERT INTO schema_versions (version, compatible_from) VALUES (6, 1);
