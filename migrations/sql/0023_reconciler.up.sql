-- The reconciler (SPEC §8): what it remembers of an engine, which daemon each controller serves, and what the API asks a controller.

ALTER TABLE workers ADD COLUMN daemon_id text;
COMMENT ON COLUMN workers.daemon_id IS 'The daemon that a runtime-controller serves, as in runtime_records; null until it has met one, and for every other process.';

ALTER TABLE runtime_records
    ADD COLUMN revivals       integer NOT NULL DEFAULT 0 CONSTRAINT runtime_records_revivals_check CHECK (revivals >= 0),
    ADD COLUMN revive_at      timestamptz,
    ADD COLUMN well_since     timestamptz,
    ADD COLUMN misses         integer NOT NULL DEFAULT 0 CONSTRAINT runtime_records_misses_check CHECK (misses >= 0),
    ADD COLUMN ill_since      timestamptz,
    ADD COLUMN probed_at      timestamptz,
    ADD COLUMN unserved_since timestamptz;
COMMENT ON COLUMN runtime_records.daemon_id IS 'Id of the Docker daemon (or process-driver host) that has the container; a controller acts only on its own daemon''s records. Empty: released, and taken by whichever daemon starts the game next.';
COMMENT ON COLUMN runtime_records.revivals IS 'How often the engine was brought back since it was last well for a while; the budget of a crash loop.';
COMMENT ON COLUMN runtime_records.revive_at IS 'It is not brought back again before this; null: at once.';
COMMENT ON COLUMN runtime_records.well_since IS 'Since when it has answered without interruption; null while it does not.';
COMMENT ON COLUMN runtime_records.misses IS 'Probes in a row that it missed.';
COMMENT ON COLUMN runtime_records.ill_since IS 'The first of the probes that it missed; null while it is well.';
COMMENT ON COLUMN runtime_records.probed_at IS 'When it was probed last.';
COMMENT ON COLUMN runtime_records.unserved_since IS 'When it was first seen that no live controller serves its daemon; null while one does.';

-- One engine has an address at a time. Of two that are recorded at the same one at most one is right: the next look finds it out.
UPDATE runtime_records r SET endpoint = NULL
 WHERE endpoint IS NOT NULL AND EXISTS (SELECT FROM runtime_records o WHERE o.daemon_id = r.daemon_id AND o.endpoint = r.endpoint AND o.game_id <> r.game_id);
CREATE UNIQUE INDEX runtime_records_endpoint_key ON runtime_records (daemon_id, endpoint) WHERE endpoint IS NOT NULL;

-- What a pass reads: every game ever played keeps its record, few have an engine.
DROP INDEX runtime_records_live_idx;
CREATE INDEX runtime_records_live_idx ON runtime_records (daemon_id)
 WHERE container_id IS NOT NULL OR endpoint IS NOT NULL OR status IN ('running', 'generation_in_progress', 'engine_unreachable');

ALTER TABLE runtime_operations
    ADD COLUMN times   integer NOT NULL DEFAULT 1 CONSTRAINT runtime_operations_times_check CHECK (times > 0),
    ADD COLUMN last_at timestamptz;
UPDATE runtime_operations SET last_at = at;
ALTER TABLE runtime_operations ALTER COLUMN last_at SET DEFAULT clock_timestamp(), ALTER COLUMN last_at SET NOT NULL;
COMMENT ON TABLE runtime_operations IS 'What was done to a runtime. Append-only, but that one which happens again and again within an hour is counted in its row.';
COMMENT ON COLUMN runtime_operations.op IS 'A job''s kind, a job''s step, turn, or what the reconciler saw and did: revive, lost, adopt, orphan, health, forget, unserved; accept-turn and release of an administrator.';
COMMENT ON COLUMN runtime_operations.times IS 'How often it happened, from at to last_at.';
COMMENT ON COLUMN runtime_operations.last_at IS 'When it happened last.';

CREATE TABLE runtime_questions (
    question_id uuid        CONSTRAINT runtime_questions_pkey PRIMARY KEY,
    daemon_id   text        NOT NULL,
    kind        text        NOT NULL CONSTRAINT runtime_questions_kind_check CHECK (kind IN ('reconcile', 'log')),
    game_id     uuid        CONSTRAINT runtime_questions_game_id_fkey REFERENCES games,
    payload     jsonb       NOT NULL DEFAULT '{}',
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    taken_at    timestamptz,
    answered_at timestamptz,
    answer      jsonb,
    error       text,
    CONSTRAINT runtime_questions_answer_check CHECK ((answered_at IS NULL) = (answer IS NULL AND error IS NULL) AND (answer IS NULL OR error IS NULL))
);
COMMENT ON TABLE runtime_questions IS 'What the API asks the controller of a daemon while somebody waits for it: the API itself has no Docker. Old ones are removed.';
COMMENT ON COLUMN runtime_questions.question_id IS 'UUIDv7: who asks looks for the answer by it.';
COMMENT ON COLUMN runtime_questions.asked_at IS 'When it was asked: the oldest is taken up first.';
COMMENT ON COLUMN runtime_questions.daemon_id IS 'Whose controller is asked; any of several may answer.';
COMMENT ON COLUMN runtime_questions.kind IS 'reconcile: what a pass of the reconciler would do, or does. log: an engine''s last lines.';
COMMENT ON COLUMN runtime_questions.game_id IS 'About which game; null: the whole daemon.';
COMMENT ON COLUMN runtime_questions.payload IS 'What the kind needs beyond the game.';
COMMENT ON COLUMN runtime_questions.expires_at IS 'Who asks waits no longer: it is not taken up after this.';
COMMENT ON COLUMN runtime_questions.taken_at IS 'When a controller took it up. It is taken up once: one that dies over it leaves it unanswered.';
COMMENT ON COLUMN runtime_questions.answered_at IS 'When it was answered, well or not.';
COMMENT ON COLUMN runtime_questions.answer IS 'The answer; its form is the kind''s.';
COMMENT ON COLUMN runtime_questions.error IS 'Why there is none, for people.';
CREATE INDEX runtime_questions_open_idx ON runtime_questions (daemon_id, asked_at) WHERE taken_at IS NULL;
CREATE INDEX runtime_questions_expires_at_idx ON runtime_questions (expires_at);

INSERT INTO schema_versions (version, compatible_from) VALUES (23, 1);
