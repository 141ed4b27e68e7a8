-- What the trail says besides (SPEC §4 "Administrators"): why, how it was before and after, and what it is a part of.

ALTER TABLE audit_log
    ADD COLUMN reason       text  CONSTRAINT audit_log_reason_check CHECK (char_length(reason) BETWEEN 1 AND 500),
    ADD COLUMN before       jsonb CONSTRAINT audit_log_before_check CHECK (octet_length(before::text) <= 16384),
    ADD COLUMN after        jsonb CONSTRAINT audit_log_after_check CHECK (octet_length(after::text) <= 16384),
    ADD COLUMN operation_id uuid;
CREATE INDEX audit_log_by_outcome_idx ON audit_log (outcome, audit_id);
CREATE INDEX audit_log_by_via_idx ON audit_log (via, audit_id);
CREATE INDEX audit_log_by_operation_idx ON audit_log (operation_id, audit_id) WHERE operation_id IS NOT NULL;
COMMENT ON COLUMN audit_log.reason IS 'Why, as the administrator said; null: they did not say. Of what was done to a person it goes with the deletion of their account.';
COMMENT ON COLUMN audit_log.before IS 'What was changed, as it was: an object. No address, no secret, no text that people wrote.';
COMMENT ON COLUMN audit_log.after IS 'The same, as it was left.';
COMMENT ON COLUMN audit_log.operation_id IS 'What it is a part of, by an id of the caller''s: the pieces of something done to many have the same.';

-- As before (0025), with the column, and with what was done to what the person had in games.
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

INSERT INTO schema_versions (version, compatible_from) VALUES (32, 1);
