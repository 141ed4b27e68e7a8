-- What the operator console reads (SPEC §5 admin): the overview counts what burns, each by an index of its own.

-- Index-only: how many games are paused, by reason.
CREATE INDEX games_paused_idx ON games (pause_reason) WHERE status = 'paused';
-- Turns by when they were due, however often they were tried since.
CREATE INDEX runtime_turns_scheduled_at_idx ON runtime_turns (scheduled_at) WHERE status IN ('pending', 'retrying', 'generating');
-- Index-only: how many engines are unwell, and how.
CREATE INDEX runtime_records_unwell_idx ON runtime_records (status) WHERE status IN ('engine_unreachable', 'generation_failed');
CREATE INDEX runtime_records_unserved_idx ON runtime_records (game_id) WHERE unserved_since IS NOT NULL;

INSERT INTO schema_versions (version, compatible_from) VALUES (31, 1);
