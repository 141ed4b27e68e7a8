-- What was said of a person's mails goes with them (SPEC §4 "Administrators", "Trail").

-- As before (0032), with the reasons of what was done to mails that are gone: deletion removes the person's before it comes here, and
-- of one that its age removed nobody knows any more whose it was.
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
    UPDATE backend.audit_log a SET reason = NULL
     WHERE a.target_type = 'mail_delivery' AND a.reason IS NOT NULL
       AND NOT EXISTS (SELECT FROM backend.mail_deliveries d WHERE d.delivery_id = a.target_id::uuid);
$$;

-- Of mails alone, and only while they say why: each deletion looks through them.
CREATE INDEX audit_log_mail_reasons_idx ON audit_log (audit_id) WHERE target_type = 'mail_delivery' AND reason IS NOT NULL;

INSERT INTO schema_versions (version, compatible_from) VALUES (34, 1);
