-- The trail is appended and read; no process may change it. What deletion of an account takes out of it, the free words about
-- the person (SPEC §6), is taken out by this function with its owner's rights, and nothing else is.

CREATE FUNCTION scrub_trail(erased uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = backend, pg_temp AS $$
    UPDATE backend.audit_log SET detail = detail - 'reason'
     WHERE target_type = 'user' AND target_id = erased::text AND detail ? 'reason';
    -- A ban names its game as the target, and the person in the detail.
    UPDATE backend.audit_log SET detail = detail - 'reason'
     WHERE target_type = 'game' AND detail ? 'reason' AND detail ->> 'user_id' = erased::text
       AND target_id = ANY (ARRAY(SELECT game_id::text FROM backend.memberships WHERE user_id = erased AND status = 'blocked'));
$$;
REVOKE ALL ON FUNCTION scrub_trail(uuid) FROM PUBLIC;
COMMENT ON FUNCTION scrub_trail(uuid) IS 'Takes the reasons, free words, out of what the trail says of a deleted account. Runs as its owner.';

INSERT INTO schema_versions (version, compatible_from) VALUES (25, 1);
