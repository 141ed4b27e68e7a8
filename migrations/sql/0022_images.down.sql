COMMENT ON COLUMN games.pause_reason IS 'manual, engine_unreachable, generation_failed, or stopped: the container is gone, only a start brings it back. Null: not paused.';
COMMENT ON COLUMN runtime_records.image IS 'Image reference, or path of a binary, that was started; the former one until its replacement answers.';
COMMENT ON COLUMN runtime_records.image_digest IS 'Content digest of that image; null: not pulled yet, or the driver knows none.';
ALTER TABLE runtime_records DROP COLUMN image_id;
DELETE FROM schema_versions WHERE version = 22;
