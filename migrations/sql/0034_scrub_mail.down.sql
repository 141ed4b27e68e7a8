DROP INDEX audit_log_mail_reasons_idx;
CREATE OR REPLACE FUNCTION scrub_trail(erased uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = backend, pg_temp AS $$
    UPDATE backend.audit_log SET detail = detail - 'reason', reason = NULL
     WHERE target_type = 'user' AND target_id = erased::text AND (detail ? 'reason' OR reason IS NOT NULL);
    -- A ban names its game as the target, and the person in the detail.
    UPDATE backend.audit_log SET detail = detail - 'reason', reason = NULL
     WHERE target_type = 'game' AND (detail ? 'reason' OR reason IS NOT NULL) AND detail ->> 'user_id' = erased::text
       AND target_id = ANY (ARRAY(SELECT game_id::text FROM backend.memberships WHERE user_id = erased AND status = 'blocked'));
    UPDATE backend.audit_log SET reason = NULL
     WHERE target_type IN ('membership', 'application') AND reason IS NOT NULL
       AND target_id = ANY (ARRAY(SELECT membership_id::text FROM backend.memberships WHERE user_id = erased
                                  UNION ALL SELECT application_id::text FROM backend.applications WHERE user_id = erased));
$$;
DELETE FROM schema_versions WHERE version = 34;
