DROP TABLE carried_sanctions;
DELETE FROM schema_versions WHERE version = 27;
