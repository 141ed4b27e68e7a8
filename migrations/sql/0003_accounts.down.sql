DROP TABLE sanctions;
DROP TABLE entitlements;
DROP TABLE device_sessions;
DROP TABLE auth_challenges;
DROP TABLE auth_addresses;
DROP TABLE identities;
DROP TABLE accounts;
DELETE FROM schema_versions WHERE version = 3;
