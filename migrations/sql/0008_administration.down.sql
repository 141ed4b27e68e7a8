DROP TABLE audit_log;
DROP TABLE admin_accounts;
DELETE FROM schema_versions WHERE version = 8;
