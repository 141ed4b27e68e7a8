-- Every process reads the reason of a pause as a closed word (docs/adr/0015): one that it does not know would be an error of every
-- list with that game. So a new reason comes with a migration, as every other word does.

ALTER TABLE games ADD CONSTRAINT games_pause_reason_check CHECK (pause_reason IN
    ('engine_unreachable', 'generation_failed', 'manual', 'schedule_ended', 'state_limit', 'stopped')) NOT VALID;
ALTER TABLE games VALIDATE CONSTRAINT games_pause_reason_check;

INSERT INTO schema_versions (version, compatible_from) VALUES (26, 1);
