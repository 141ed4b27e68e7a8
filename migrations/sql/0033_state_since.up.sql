-- Since when a game is as it is (SPEC §4 "Bulk"): what is done to many leaves out what came into its state after it was looked at.

-- A constant, so that no row is written anew; what was there before counts as having always been so.
ALTER TABLE games ADD COLUMN state_since timestamptz NOT NULL DEFAULT 'epoch';
ALTER TABLE games ALTER COLUMN state_since SET DEFAULT clock_timestamp();
COMMENT ON COLUMN games.state_since IS 'Since when status and pause_reason are as they are; the epoch: since before that was written down.';

-- Eight statements of three processes change the state: one that forgot the time would be seen nowhere.
CREATE FUNCTION games_state_since() RETURNS trigger LANGUAGE plpgsql SET search_path = backend, pg_temp AS $$
BEGIN
    NEW.state_since := clock_timestamp();
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION games_state_since() FROM PUBLIC;
COMMENT ON FUNCTION games_state_since() IS 'Writes down when a game came into its state.';
CREATE TRIGGER games_state_since BEFORE UPDATE OF status, pause_reason ON games FOR EACH ROW
    WHEN (OLD.status IS DISTINCT FROM NEW.status OR OLD.pause_reason IS DISTINCT FROM NEW.pause_reason)
    EXECUTE FUNCTION games_state_since();

INSERT INTO schema_versions (version, compatible_from) VALUES (33, 1);
