-- The administrators' list of runtimes, filtered by status (SPEC §5): one page is one walk down this index.
CREATE INDEX runtime_records_status_idx ON runtime_records (status, game_id DESC);

COMMENT ON COLUMN runtime_jobs.step IS 'The step under way (pull, create, start, health, init, …), written before its effect; a replacement that was broken off goes on from it.';
COMMENT ON COLUMN runtime_jobs.payload IS 'What the job needs beyond the game, and what its attempts leave for each other: the digest that was pulled, why a new engine was given up.';

INSERT INTO schema_versions (version, compatible_from) VALUES (12, 1);
