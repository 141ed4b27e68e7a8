-- What a game's engine is told when the game begins (SPEC §5 `settings`, §9 `init`): variants of a game need no engine version of their own.

ALTER TABLE games
    ADD COLUMN settings json NOT NULL DEFAULT '{}',
    ADD CONSTRAINT games_settings_check CHECK (json_typeof(settings) = 'object' AND octet_length(settings::text) <= 16384);
COMMENT ON COLUMN games.settings IS 'An object that only the engine understands, given to its init. json, not jsonb: it passes as it was taken, and an identical init stays identical.';

INSERT INTO schema_versions (version, compatible_from) VALUES (21, 1);
