-- The mail outbox (SPEC §11). The queue columns (priority … finished_at) mean the same in every queue table; docs/queue.md explains them.

CREATE TABLE mail_deliveries (
    delivery_id     uuid        CONSTRAINT mail_deliveries_pkey PRIMARY KEY,
    template_id     text        NOT NULL,
    idempotency_key text        NOT NULL,
    status          text        NOT NULL DEFAULT 'pending' CONSTRAINT mail_deliveries_status_check CHECK (status IN
        ('pending', 'sending', 'retrying', 'sent', 'dead_lettered', 'quarantined', 'expired')),
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
    expires_at      timestamptz,
    sent_at         timestamptz,
    data_started_at timestamptz,
    CONSTRAINT mail_deliveries_template_id_idempotency_key_key UNIQUE (template_id, idempotency_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON COLUMN mail_deliveries.token IS 'Fencing token: raised by every claim and rescue; a finish with another token changes nothing (SPEC §10.2).';
COMMENT ON COLUMN mail_deliveries.attempt_no IS 'Grows over the delivery''s whole life, through resends.';
COMMENT ON COLUMN mail_deliveries.failures IS 'Failed tries that count against the attempt budget.';
COMMENT ON COLUMN mail_deliveries.suspect IS 'A worker died while it had this row: it is worked alone from now on; crashes counts deaths while alone, the third quarantines.';
COMMENT ON COLUMN mail_deliveries.expires_at IS 'A login code past its life is not sent: the delivery ends expired. Null: never.';
COMMENT ON COLUMN mail_deliveries.data_started_at IS 'The moment before DATA of the attempt under way; set and no outcome recorded means unknown.';
-- Both indexes stand over literal states, so that the claim and rescue statements match them in any plan (QUEUE-AND-LOG §1, §2).
CREATE INDEX mail_deliveries_due_idx ON mail_deliveries (priority, next_attempt_at, delivery_id) WHERE status IN ('pending', 'retrying') AND NOT suspect;
CREATE INDEX mail_deliveries_suspect_idx ON mail_deliveries (next_attempt_at, delivery_id) WHERE status IN ('pending', 'retrying') AND suspect;
CREATE INDEX mail_deliveries_active_idx ON mail_deliveries (worker_id) WHERE status = 'sending';
CREATE INDEX mail_deliveries_finished_idx ON mail_deliveries (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE mail_recipients (
    delivery_id uuid     NOT NULL CONSTRAINT mail_recipients_delivery_id_fkey REFERENCES mail_deliveries ON DELETE CASCADE,
    address     text     NOT NULL,
    status      text     NOT NULL DEFAULT 'undecided' CONSTRAINT mail_recipients_status_check CHECK (status IN ('undecided', 'accepted', 'refused')),
    smtp_code   smallint,
    detail      text,
    CONSTRAINT mail_recipients_pkey PRIMARY KEY (delivery_id, address)
);
COMMENT ON COLUMN mail_recipients.status IS 'Retries address only the undecided ones.';

CREATE TABLE mail_payloads (
    delivery_id uuid        CONSTRAINT mail_payloads_pkey PRIMARY KEY CONSTRAINT mail_payloads_delivery_id_fkey REFERENCES mail_deliveries ON DELETE CASCADE,
    subject     text,
    body_text   text,
    body_html   text,
    sensitive   boolean     NOT NULL DEFAULT false,
    wiped_at    timestamptz,
    CONSTRAINT mail_payloads_wiped_check CHECK ((wiped_at IS NULL) = (body_text IS NOT NULL))
);
COMMENT ON COLUMN mail_payloads.sensitive IS 'Holds a login code: wiped at every terminal state.';

CREATE TABLE mail_attempts (
    delivery_id uuid        NOT NULL CONSTRAINT mail_attempts_delivery_id_fkey REFERENCES mail_deliveries ON DELETE CASCADE,
    attempt_no  integer     NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    outcome     text        NOT NULL CONSTRAINT mail_attempts_outcome_check CHECK (outcome IN ('sent', 'retry', 'permanent', 'unknown')),
    smtp_code   smallint,
    detail      text,
    CONSTRAINT mail_attempts_pkey PRIMARY KEY (delivery_id, attempt_no)
);
COMMENT ON TABLE mail_attempts IS 'Append-only. unknown: the worker died after DATA had begun.';

CREATE TABLE mail_dead_letters (
    delivery_id uuid        CONSTRAINT mail_dead_letters_pkey PRIMARY KEY CONSTRAINT mail_dead_letters_delivery_id_fkey REFERENCES mail_deliveries ON DELETE CASCADE,
    failed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt_no  integer     NOT NULL,
    last_error  text        NOT NULL
);

INSERT INTO schema_versions (version, compatible_from) VALUES (4, 1);
