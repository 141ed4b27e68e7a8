-- How often a game's turn was set right by hand (SPEC §8, "There is a way on"). Turns and pauses after it are others than those of
-- the same number before, and are told anew.

-- A constant, so that no row is written anew.
ALTER TABLE games ADD COLUMN accepted_turns integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN games.accepted_turns IS 'How often the engine''s turn was taken as the game''s; makes idempotency keys of later turns and pauses distinct.';

INSERT INTO schema_versions (version, compatible_from) VALUES (36, 1);
