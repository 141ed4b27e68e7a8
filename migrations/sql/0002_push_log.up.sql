-- The push log (SPEC §12, QUEUE-AND-LOG §4, docs/push.md): events are insert-only, ticks number them.

CREATE SEQUENCE push_events_ev_id_seq;

CREATE TABLE push_events (
    slot              smallint    NOT NULL DEFAULT ((extract(epoch FROM clock_timestamp())::bigint / 3600) % 8),
    ev_id             bigint      NOT NULL DEFAULT nextval('push_events_ev_id_seq'),
    xid               xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    what              text        NOT NULL CONSTRAINT push_events_what_check CHECK (what IN ('client', 'invalidation')),
    event_id          uuid,
    user_id           text        NOT NULL,
    device_session_id text        NOT NULL DEFAULT '',
    kind              text        NOT NULL DEFAULT '',
    payload           bytea       NOT NULL DEFAULT '',
    encoding          text        NOT NULL DEFAULT '',
    request_id        text        NOT NULL DEFAULT '',
    trace_id          text        NOT NULL DEFAULT '',
    device_sessions   text[]      NOT NULL DEFAULT '{}',
    reason            text        NOT NULL DEFAULT '',
    CONSTRAINT push_events_client_check CHECK ((what = 'client') = (event_id IS NOT NULL))
) PARTITION BY LIST (slot);
COMMENT ON TABLE push_events IS 'What subscribers are told. Rows are never updated or deleted one by one; their sequence numbers follow from push_ticks.';
COMMENT ON COLUMN push_events.slot IS 'A ring of eight slots, an hour each, by the time of the insert. A slot is emptied by TRUNCATE once no kept tick can refer to it; shared::db::push_log::MAX_WINDOW follows from the eight.';
COMMENT ON COLUMN push_events.ev_id IS 'Order inside a tick. From a sequence without cache: of two inserts one after the other, under the lock on the row they are about, the later has the higher number.';
COMMENT ON COLUMN push_events.xid IS 'The inserting top-level transaction: whether a tick''s snapshot sees it decides which tick the event belongs to.';
COMMENT ON COLUMN push_events.at IS 'When it was inserted, a little before its commit. For the lag metric only; order never comes from it.';
COMMENT ON COLUMN push_events.what IS 'client: a ClientEvent; invalidation: a SessionInvalidation, appended by the transaction that revokes.';
COMMENT ON COLUMN push_events.event_id IS 'The producer''s id of a client event (a notification route''s id). Unique through push_event_ids: a partitioned table cannot have that itself.';
COMMENT ON COLUMN push_events.device_session_id IS 'Of a client event: the one session it is for; empty: all of the user''s.';
COMMENT ON COLUMN push_events.device_sessions IS 'Of an invalidation: the revoked sessions; empty: all of the user''s.';

CREATE TABLE push_events_0 PARTITION OF push_events FOR VALUES IN (0);
CREATE TABLE push_events_1 PARTITION OF push_events FOR VALUES IN (1);
CREATE TABLE push_events_2 PARTITION OF push_events FOR VALUES IN (2);
CREATE TABLE push_events_3 PARTITION OF push_events FOR VALUES IN (3);
CREATE TABLE push_events_4 PARTITION OF push_events FOR VALUES IN (4);
CREATE TABLE push_events_5 PARTITION OF push_events FOR VALUES IN (5);
CREATE TABLE push_events_6 PARTITION OF push_events FOR VALUES IN (6);
CREATE TABLE push_events_7 PARTITION OF push_events FOR VALUES IN (7);
-- Each tick reads a range of xids; the tail stays cheap however much the slots hold.
CREATE INDEX push_events_xid_ev_id_idx ON push_events (xid, ev_id);

CREATE TABLE push_event_ids (
    event_id uuid        CONSTRAINT push_event_ids_pkey PRIMARY KEY,
    ev_id    bigint      NOT NULL,
    xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at       timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE push_event_ids IS 'Makes Publish idempotent: the first insert of an event_id wins. Outlives the events themselves.';
CREATE INDEX push_event_ids_at_idx ON push_event_ids (at);

CREATE TABLE push_epochs (
    epoch             integer     CONSTRAINT push_epochs_pkey PRIMARY KEY,
    system_identifier text        NOT NULL,
    timeline          text        NOT NULL,
    database_oid      oid         NOT NULL,
    ticks_oid         oid         NOT NULL,
    opened_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT push_epochs_epoch_check CHECK (epoch BETWEEN 1 AND 99999)
);
COMMENT ON TABLE push_epochs IS 'The first five digits of every cursor. A new epoch opens when the database under the log is another one than when the newest epoch was opened: restored, or failed over.';
COMMENT ON COLUMN push_epochs.system_identifier IS 'pg_control_system(): the cluster.';
COMMENT ON COLUMN push_epochs.timeline IS 'First eight characters of pg_walfile_name(pg_current_wal_lsn()): changes with each promotion and each point-in-time recovery.';
COMMENT ON COLUMN push_epochs.database_oid IS 'Changes when a dump is restored into a fresh database.';
COMMENT ON COLUMN push_epochs.ticks_oid IS 'OID of push_ticks: changes when a dump is restored into the same database.';

CREATE TABLE push_ticks (
    epoch    integer     NOT NULL,
    tick_id  bigint      NOT NULL,
    base_seq bigint      NOT NULL,
    n        integer     NOT NULL CONSTRAINT push_ticks_n_check CHECK (n > 0),
    snap     pg_snapshot NOT NULL,
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT push_ticks_pkey PRIMARY KEY (epoch, tick_id),
    CONSTRAINT push_ticks_epoch_base_seq_key UNIQUE (epoch, base_seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE push_ticks IS 'One row is one snapshot. Its events are those visible to it and not to the tick before; they have the sequences base_seq … base_seq + n − 1 in the order of ev_id. The row never changes, so every reader counts alike. (epoch, 0) is the genesis: it occupies sequence 0 and has no events.';
COMMENT ON COLUMN push_ticks.at IS 'When the tick was written. Retention goes by it; the tick before the oldest kept one stays, since its snapshot bounds that one.';

CREATE SEQUENCE push_subscribers_generation_seq;

CREATE TABLE push_subscribers (
    gateway_client_id text        CONSTRAINT push_subscribers_pkey PRIMARY KEY,
    stream_id         uuid        NOT NULL,
    generation        bigint      NOT NULL DEFAULT nextval('push_subscribers_generation_seq'),
    connected_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE push_subscribers IS 'Which stream, on whichever replica, holds a gateway_client_id: the last one to subscribe. A replica ends its streams that are no longer named here with ABORTED.';
COMMENT ON COLUMN push_subscribers.generation IS 'Grows with every subscription, for people who read this table.';

INSERT INTO schema_versions (version, compatible_from) VALUES (2, 1);
