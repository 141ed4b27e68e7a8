CREATE OR REPLACE FUNCTION scrub_trail(erased uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = backend, pg_temp AS $$
    UPDATE backend.audit_log SET detail = detail - 'reason'
     WHERE target_type = 'user' AND target_id = erased::text AND detail ? 'reason';
    -- A ban names its game as the target, and the person in the detail.
    UPDATE backend.audit_log SET detail = detail - 'reason'
     WHERE target_type = 'game' AND detail ? 'reason' AND detail ->> 'user_id' = erased::text
       AND target_id = ANY (ARRAY(SELECT game_id::text FROM backend.memberships WHERE user_id = erased AND status = 'blocked'));
$$;
DROP INDEX audit_log_by_operation_idx;
DROP INDEX audit_log_by_via_idx;
DROP INDEX audit_log_by_outcome_idx;
ALTER TABLE audit_log
    DROP COLUMN operation_id,
    DROP COLUMN after,
    DROP COLUMN before,
    DROP COLUMN reason;
DELETE FROM schema_versions WHERE version = 32;
