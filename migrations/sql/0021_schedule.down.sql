DROP INDEX games_abandoned_idx;
COMMENT ON COLUMN games.pause_reason IS 'manual, engine_unreachable, generation_failed, or stopped: the container is gone, only a start brings it back. Null: not paused.';
ALTER TABLE games DROP COLUMN end_reason;
COMMENT ON COLUMN runtime_records.skip_next_tick IS 'Set by force-next-turn, consumed by the next scheduled tick.';
ALTER TABLE runtime_records DROP COLUMN extinct_races;
ALTER TABLE runtime_turns
    DROP COLUMN skipped_at,
    DROP COLUMN rested_at;
DELETE FROM schema_versions WHERE version = 21;
