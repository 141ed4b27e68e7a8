-- What the operator console reads (SPEC §5 admin): the overview counts what burns, each by an index of its own.

-- Index-only: how many games are paused, by reason.
CREATE INDEX games_paused_idx ON games (pause_reason) WHERE status = 'paused';
-- Turns by when they were due, however often they were tried since.
CREATE INDEX runtime_turns_scheduled_at_idx ON runtime_turns (scheduled_at) WHERE status IN ('pending', 'retrying', 'generating');
-- Index-only: how many engines are unwell, and how.
CREATE INDEX runtime_records_unwell_idx ON runtime_records (status) WHERE status IN ('engine_unreachable', 'generation_failed');
CREATE INDEX runtime_records_unserved_idx ON runtime_records (game_id) WHERE unserved_since IS NOT NULL;

-- What one box for everything looks up: names of games, containers, and what a request made.
CREATE INDEX games_name_prefix_idx ON games (lower(name) COLLATE "C");
CREATE INDEX runtime_records_container_id_idx ON runtime_records (container_id COLLATE "C") WHERE container_id IS NOT NULL;
CREATE INDEX audit_log_request_id_idx ON audit_log (request_id);
CREATE INDEX mail_deliveries_request_id_idx ON mail_deliveries (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX notifications_request_id_idx ON notifications (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX runtime_jobs_request_id_idx ON runtime_jobs (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE stat_minutes (
    at     timestamptz NOT NULL,
    series text        NOT NULL,
    value  float8      NOT NULL,
    CONSTRAINT stat_minutes_pkey PRIMARY KEY (at, series)
);
-- One series over a time, from the index alone.
CREATE INDEX stat_minutes_series_idx ON stat_minutes (series, at) INCLUDE (value);
COMMENT ON TABLE stat_minutes IS 'Figures of each minute, for charts. Written by whichever runtime-controller comes first, kept for seven days.';
COMMENT ON COLUMN stat_minutes.at IS 'The minute, whole. What happens is counted over the minute that ended then; what is, was so within the minute that began then.';
COMMENT ON COLUMN stat_minutes.series IS 'Which figure: a word of StatSeries, shared/src/domain/stats.rs. A word that a release does not know is passed over by it.';
COMMENT ON COLUMN stat_minutes.value IS 'The figure.';

-- How far each push stream is, as its replica says every few seconds.
ALTER TABLE push_subscribers
    ADD COLUMN epoch   integer,
    ADD COLUMN seq     bigint,
    ADD COLUMN seen_at timestamptz;
COMMENT ON COLUMN push_subscribers.epoch IS 'The epoch of the last event that was handed to the stream; null: its replica has not said yet.';
COMMENT ON COLUMN push_subscribers.seq IS 'The number of that event.';
COMMENT ON COLUMN push_subscribers.seen_at IS 'When its replica said so: every few seconds while the stream lives.';

-- What a mail says, for administrators. api-server may not read the text of payloads, since sign-in codes stand in some: this
-- function reads it with its owner's rights, and never that of a mail with a code.
CREATE FUNCTION mail_content(wanted uuid) RETURNS TABLE (subject text, body_text text, body_html text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = backend, pg_temp AS $$
    SELECT p.subject, p.body_text, p.body_html FROM backend.mail_payloads p
     WHERE p.delivery_id = wanted AND NOT p.sensitive AND p.wiped_at IS NULL;
$$;
REVOKE ALL ON FUNCTION mail_content(uuid) FROM PUBLIC;
COMMENT ON FUNCTION mail_content(uuid) IS 'What a mail says, unless it holds a code or is wiped. Runs as its owner.';

CREATE TABLE notes (
    note_id           uuid        CONSTRAINT notes_pkey PRIMARY KEY,
    user_id           uuid        CONSTRAINT notes_user_id_fkey REFERENCES accounts,
    game_id           uuid        CONSTRAINT notes_game_id_fkey REFERENCES games,
    author            text        NOT NULL,
    text              text        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    idempotency_owner text,
    idempotency_key   text,
    idempotency_hash  bytea,
    CONSTRAINT notes_subject_check CHECK ((user_id IS NULL) <> (game_id IS NULL)),
    CONSTRAINT notes_idempotency_key UNIQUE (idempotency_owner, idempotency_key)
);
CREATE INDEX notes_user_id_idx ON notes (user_id, note_id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX notes_game_id_idx ON notes (game_id, note_id DESC) WHERE game_id IS NOT NULL;
COMMENT ON TABLE notes IS 'What administrators write down for each other about an account or a game. Never changed; those about an account go with its deletion.';
COMMENT ON COLUMN notes.note_id IS 'UUIDv7.';
COMMENT ON COLUMN notes.user_id IS 'The account that it is about; null: it is about a game.';
COMMENT ON COLUMN notes.game_id IS 'The game that it is about; null: it is about an account.';
COMMENT ON COLUMN notes.author IS 'Who wrote it, by admin_accounts.user_name.';
COMMENT ON COLUMN notes.text IS 'What it says, 1 to 2000 characters in lines.';
COMMENT ON COLUMN notes.created_at IS 'When it was written.';
COMMENT ON COLUMN notes.idempotency_owner IS 'Whose Idempotency-Key made the row (SPEC §3): admin:<name>. Null: none did.';
COMMENT ON COLUMN notes.idempotency_key IS 'The key, as it was sent.';
COMMENT ON COLUMN notes.idempotency_hash IS 'SHA-256 of what was asked for: the same key with anything else is refused.';

INSERT INTO schema_versions (version, compatible_from) VALUES (31, 1);
