DROP TABLE stat_minutes;
DROP INDEX runtime_records_unserved_idx;
DROP INDEX runtime_records_unwell_idx;
DROP INDEX runtime_turns_scheduled_at_idx;
DROP INDEX games_paused_idx;
DELETE FROM schema_versions WHERE version = 31;
