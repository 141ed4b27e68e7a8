DROP TABLE mail_dead_letters;
DROP TABLE mail_attempts;
DROP TABLE mail_payloads;
DROP TABLE mail_recipients;
DROP TABLE mail_deliveries;
DELETE FROM schema_versions WHERE version = 4;
