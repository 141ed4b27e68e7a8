-- Runtimes: one engine container per game, the jobs on it, its turn timer, and what was done (SPEC §8).

CREATE TABLE runtime_records (
    game_id        uuid        CONSTRAINT runtime_records_pkey PRIMARY KEY CONSTRAINT runtime_records_game_id_fkey REFERENCES games,
    status         text        NOT NULL CONSTRAINT runtime_records_status_check CHECK (status IN
        ('starting', 'running', 'generation_in_progress', 'engine_unreachable', 'generation_failed', 'stopped', 'removed', 'finished')),
    driver         text        NOT NULL,
    daemon_id      text        NOT NULL,
    engine_version text        NOT NULL,
    image          text        NOT NULL,
    image_digest   text,
    container_id   text,
    endpoint       text,
    engine_token   text        NOT NULL,
    current_turn   integer     NOT NULL DEFAULT 0,
    health         text        NOT NULL DEFAULT 'unknown',
    skip_next_tick boolean     NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN runtime_records.daemon_id IS 'Id of the Docker daemon (or process-driver host) that has the container; a controller acts only on its own daemon''s records.';
COMMENT ON COLUMN runtime_records.engine_token IS 'Bearer token of this engine (SPEC §9): a neighbour cannot drive the game.';
COMMENT ON COLUMN runtime_records.endpoint IS 'Base URL under which the API and the controller reach the engine; null while it is not up.';
COMMENT ON COLUMN runtime_records.skip_next_tick IS 'Set by force-next-turn, consumed by the next scheduled tick.';

-- The watch asks for these every few seconds; every game ever played keeps its record.
CREATE INDEX runtime_records_live_idx ON runtime_records (daemon_id) WHERE status IN ('running', 'generation_in_progress');

CREATE TABLE runtime_jobs (
    job_id          uuid        CONSTRAINT runtime_jobs_pkey PRIMARY KEY,
    game_id         uuid        NOT NULL CONSTRAINT runtime_jobs_game_id_fkey REFERENCES games,
    kind            text        NOT NULL CONSTRAINT runtime_jobs_kind_check CHECK (kind IN ('start', 'stop', 'restart', 'patch', 'banish', 'force_next_turn')),
    payload         jsonb       NOT NULL DEFAULT '{}',
    step            text,
    daemon_id       text,
    status          text        NOT NULL DEFAULT 'pending' CONSTRAINT runtime_jobs_status_check CHECK (status IN
        ('pending', 'running', 'retrying', 'succeeded', 'failed', 'quarantined')),
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
    CONSTRAINT runtime_jobs_payload_check CHECK (jsonb_typeof(payload) = 'object')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON COLUMN runtime_jobs.step IS 'The step under way (pull, create, start, health, init, …), for people; the work itself reads the world anew.';
COMMENT ON COLUMN runtime_jobs.daemon_id IS 'The only daemon that may work this job; null: any.';
CREATE UNIQUE INDEX runtime_jobs_one_active_key ON runtime_jobs (game_id) WHERE status IN ('pending', 'running', 'retrying');
CREATE INDEX runtime_jobs_game_id_idx ON runtime_jobs (game_id, job_id DESC);
-- Both indexes stand over literal states, so that the claim and rescue statements match them in any plan (QUEUE-AND-LOG §1, §2).
CREATE INDEX runtime_jobs_due_idx ON runtime_jobs (priority, next_attempt_at, job_id) WHERE status IN ('pending', 'retrying') AND NOT suspect;
CREATE INDEX runtime_jobs_suspect_idx ON runtime_jobs (next_attempt_at, job_id) WHERE status IN ('pending', 'retrying') AND suspect;
CREATE INDEX runtime_jobs_active_idx ON runtime_jobs (worker_id) WHERE status = 'running';
CREATE INDEX runtime_jobs_finished_idx ON runtime_jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE runtime_turns (
    game_id         uuid        CONSTRAINT runtime_turns_pkey PRIMARY KEY CONSTRAINT runtime_turns_game_id_fkey REFERENCES games,
    daemon_id       text        NOT NULL,
    status          text        NOT NULL CONSTRAINT runtime_turns_status_check CHECK (status IN
        ('pending', 'generating', 'retrying', 'idle', 'failed', 'quarantined')),
    scheduled_at    timestamptz NOT NULL,
    expected_turn   integer,
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
    CONSTRAINT runtime_turns_expected_turn_check CHECK (expected_turn >= 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.05);
COMMENT ON TABLE runtime_turns IS 'The turn timer of each game, a queue row that comes due again and again. idle: paused, stopped or finished.';
COMMENT ON COLUMN runtime_turns.scheduled_at IS 'When the turn was due by its schedule; next_attempt_at may be later after a failure. The difference to the moment it ran is the turn lateness.';
COMMENT ON COLUMN runtime_turns.expected_turn IS 'The turn being closed by the generation under way; written before the engine is asked, so that a late answer or a crash repeats the same request.';
-- Both indexes stand over literal states, so that the claim and rescue statements match them in any plan (QUEUE-AND-LOG §1, §2).
CREATE INDEX runtime_turns_due_idx ON runtime_turns (priority, next_attempt_at, game_id) WHERE status IN ('pending', 'retrying') AND NOT suspect;
CREATE INDEX runtime_turns_suspect_idx ON runtime_turns (next_attempt_at, game_id) WHERE status IN ('pending', 'retrying') AND suspect;
CREATE INDEX runtime_turns_active_idx ON runtime_turns (worker_id) WHERE status = 'generating';
CREATE INDEX runtime_turns_finished_idx ON runtime_turns (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE runtime_operations (
    operation_id uuid        CONSTRAINT runtime_operations_pkey PRIMARY KEY,
    game_id      uuid        NOT NULL CONSTRAINT runtime_operations_game_id_fkey REFERENCES games,
    job_id       uuid,
    op           text        NOT NULL,
    outcome      text        NOT NULL,
    detail       text,
    at           timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE runtime_operations IS 'Append-only: what was done to a runtime.';
CREATE INDEX runtime_operations_game_id_idx ON runtime_operations (game_id, operation_id DESC);

CREATE TABLE engine_reports (
    game_id   uuid    NOT NULL CONSTRAINT engine_reports_game_id_fkey REFERENCES games,
    race_name text    NOT NULL,
    turn      integer NOT NULL,
    report    json    NOT NULL,
    CONSTRAINT engine_reports_pkey PRIMARY KEY (game_id, race_name, turn)
);
COMMENT ON TABLE engine_reports IS 'Final reports of finished games, kept before their containers go (SPEC §9). json, not jsonb: they pass unchanged.';

INSERT INTO schema_versions (version, compatible_from) VALUES (7, 1);
