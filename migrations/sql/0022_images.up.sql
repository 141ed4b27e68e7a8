-- The image that a game began with is pinned (SPEC §8, "the image decides nothing"): containers are made by its id, whatever its tag
-- has become since.

ALTER TABLE runtime_records ADD COLUMN image_id text;
COMMENT ON COLUMN runtime_records.image_id IS 'The daemon''s id of the image that every container of the game is made from, until a patch; null: none was met yet, or the driver knows no images.';
COMMENT ON COLUMN runtime_records.image_digest IS 'What that image is in its registry, repository@digest, by which it is pulled anew where it is gone; of an image that came from no registry, its id. Null: none was met yet, or the driver knows none.';
COMMENT ON COLUMN runtime_records.image IS 'Image reference, or path of a binary, that was started; the former one until its replacement answers. Which image it stood for then: image_id.';
COMMENT ON COLUMN games.pause_reason IS 'manual, engine_unreachable, generation_failed, state_limit: its state directory is too large, or stopped: the container is gone, only a start brings it back. Null: not paused.';

INSERT INTO schema_versions (version, compatible_from) VALUES (22, 1);
