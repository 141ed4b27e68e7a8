ALTER TABLE audit_log DROP COLUMN session_id, DROP COLUMN via, DROP COLUMN outcome;
DROP TABLE admin_tokens;
DROP TABLE admin_recovery_codes;
DROP TABLE admin_sign_in_tickets;
DROP TABLE admin_sessions;
ALTER TABLE admin_accounts
    DROP COLUMN code_day,
    DROP COLUMN code_tries,
    DROP COLUMN totp_pending_until,
    DROP COLUMN totp_pending,
    DROP COLUMN totp_last_step,
    DROP COLUMN totp_secret,
    DROP COLUMN email,
    DROP COLUMN roles;
DELETE FROM schema_versions WHERE version = 30;
