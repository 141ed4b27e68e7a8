DROP TABLE notes;
DROP FUNCTION mail_content(uuid);
ALTER TABLE push_subscribers
    DROP COLUMN seen_at,
    DROP COLUMN seq,
    DROP COLUMN epoch;
DROP TABLE stat_minutes;
DROP INDEX runtime_jobs_request_id_idx;
DROP INDEX notifications_request_id_idx;
DROP INDEX mail_deliveries_request_id_idx;
DROP INDEX audit_log_request_id_idx;
DROP INDEX runtime_records_container_id_idx;
DROP INDEX games_name_prefix_idx;
DROP INDEX runtime_records_unserved_idx;
DROP INDEX runtime_records_unwell_idx;
DROP INDEX runtime_turns_scheduled_at_idx;
DROP INDEX games_paused_idx;
DELETE FROM schema_versions WHERE version = 31;
