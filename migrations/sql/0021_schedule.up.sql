-- The turn timer over rests and forced turns (SPEC §8), and games that are ended before their engines end them (SPEC §7).

ALTER TABLE runtime_turns
    ADD COLUMN rested_at  timestamptz,
    ADD COLUMN skipped_at timestamptz;
COMMENT ON COLUMN runtime_turns.rested_at IS 'Since when the timer rests (idle, failed, quarantined): what was left until scheduled_at then is what is left when the game goes on. Null: it runs, or came to rest before this column was there.';
COMMENT ON COLUMN runtime_turns.skipped_at IS 'A due time before scheduled_at that does not count, as a forced turn took its place; while it is to come, forcing again skips no further one.';

ALTER TABLE runtime_records ADD COLUMN extinct_races text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN runtime_records.extinct_races IS 'Races that were extinct by the last status that the engine gave: what is known of them when the game is ended without it.';
COMMENT ON COLUMN runtime_records.skip_next_tick IS 'Set by force-next-turn, consumed by the turn that it makes due, and forgotten when the timer is set anew.';

ALTER TABLE games
    ADD COLUMN end_reason text,
    ADD CONSTRAINT games_end_reason_check CHECK (end_reason IS NULL OR status = 'finished');
COMMENT ON COLUMN games.end_reason IS 'Why the game was ended before its time, by its owner, an administrator, or the sweeper; null: it goes on, or was played to its end.';
COMMENT ON COLUMN games.pause_reason IS 'manual, engine_unreachable, generation_failed, schedule_ended, or stopped: the container is gone, only a start brings it back. Null: not paused.';
-- Games that have run and have nobody left: what the sweeper asks for in each pass.
CREATE INDEX games_abandoned_idx ON games (game_id)
    WHERE approved_count = 0 AND started_at IS NOT NULL AND status IN ('running', 'paused', 'start_failed');

INSERT INTO schema_versions (version, compatible_from) VALUES (21, 1);
