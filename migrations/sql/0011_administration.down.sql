DROP INDEX mail_recipients_address_idx;
DROP INDEX notifications_game_id_idx;
DROP INDEX notifications_unexpanded_idx;
DROP INDEX mail_deliveries_unsent_idx;
DROP INDEX runtime_turns_dead_idx;
DROP INDEX runtime_jobs_dead_idx;
DROP INDEX notification_routes_dead_idx;
DROP INDEX notifications_dead_idx;
DROP INDEX mail_deliveries_dead_idx;
DROP INDEX audit_log_target_id_idx;
DROP INDEX audit_log_action_idx;
DROP INDEX admin_accounts_list_idx;
ALTER TABLE admin_accounts
    DROP CONSTRAINT admin_accounts_idempotency_key,
    DROP COLUMN idempotency_hash,
    DROP COLUMN idempotency_key,
    DROP COLUMN idempotency_owner;
DELETE FROM schema_versions WHERE version = 11;
