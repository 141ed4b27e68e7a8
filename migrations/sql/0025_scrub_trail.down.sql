DROP FUNCTION scrub_trail(uuid);
DELETE FROM schema_versions WHERE version = 25;
