DROP TABLE memberships;
DROP TABLE invites;
DROP TABLE applications;
DROP TABLE race_names;
DROP TABLE games;
DROP TABLE engine_versions;
DROP EXTENSION btree_gist;
DELETE FROM schema_versions WHERE version = 5;
