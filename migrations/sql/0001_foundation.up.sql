-- Bookkeeping that every process reads, the liveness of workers, and the switches of the queues.

CREATE TABLE schema_versions (
    version         bigint      CONSTRAINT schema_versions_pkey PRIMARY KEY,
    compatible_from bigint      NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT schema_versions_compatible_from_check CHECK (compatible_from BETWEEN 1 AND version)
);
COMMENT ON TABLE schema_versions IS 'One row per applied migration. A binary fits when compatible_from of the newest row <= its own schema version <= the newest version (SPEC §16).';
COMMENT ON COLUMN schema_versions.compatible_from IS 'The oldest binary schema version that still works on this schema. An expanding migration leaves it, a contracting one raises it.';

CREATE TABLE workers (
    worker_id  uuid        CONSTRAINT workers_pkey PRIMARY KEY,
    process    text        NOT NULL,
    instance   text        NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    beat_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE workers IS 'Liveness: one row per worker process, refreshed every second. Rows claimed by a worker whose row is gone or expired are due again (SPEC §10.3).';
COMMENT ON COLUMN workers.expires_at IS 'The lease. The worker trusts itself only until a second before this, on its own monotonic clock.';

CREATE TABLE queues (
    name       text        CONSTRAINT queues_pkey PRIMARY KEY,
    paused     boolean     NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE queues IS 'The switch of each queue. A paused queue claims nothing; work under way is finished (SPEC §10.7).';
INSERT INTO queues (name) VALUES ('mail'), ('notifications'), ('notification_routes'), ('runtime_jobs'), ('runtime_turns');

INSERT INTO schema_versions (version, compatible_from) VALUES (1, 1);
