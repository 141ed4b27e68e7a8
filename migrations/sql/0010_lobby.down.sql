DROP INDEX invites_expires_at_idx;
DROP INDEX invites_inviter_user_id_idx;
DROP INDEX applications_game_id_user_id_key;
-- Of an applicant who came twice only the last approval counts for the older build.
UPDATE applications a SET status = 'closed'
 WHERE a.status IN ('submitted', 'approved')
   AND EXISTS (SELECT FROM applications b
                WHERE b.game_id = a.game_id AND b.user_id = a.user_id AND b.status IN ('submitted', 'approved') AND b.application_id > a.application_id);
CREATE UNIQUE INDEX applications_game_id_user_id_key ON applications (game_id, user_id) WHERE status IN ('submitted', 'approved');
DROP INDEX memberships_banish_due_at_idx;
DROP INDEX memberships_banish_game_id_idx;
ALTER TABLE memberships DROP CONSTRAINT memberships_banish_check, DROP COLUMN banished_at, DROP COLUMN banish_due_at;
DELETE FROM schema_versions WHERE version = 10;
