DROP TABLE mail_alarms;
DELETE FROM schema_versions WHERE version = 20;
