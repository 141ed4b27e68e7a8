DROP TABLE user_countries;
DELETE FROM schema_versions WHERE version = 13;
