-- Indexes for the administrators' filtered lists (docs/scale.md): by the filter's column and the id, both in one direction, so
-- that both together bound the walk and give its order.

CREATE INDEX audit_log_by_actor_idx ON audit_log (actor, audit_id);
CREATE INDEX audit_log_by_action_idx ON audit_log (action, audit_id);
CREATE INDEX audit_log_by_target_idx ON audit_log (target_id, audit_id);
CREATE INDEX audit_log_by_target_type_idx ON audit_log (target_type, audit_id);
DROP INDEX audit_log_actor_idx;
DROP INDEX audit_log_action_idx;
DROP INDEX audit_log_target_id_idx;
DROP INDEX audit_log_target_idx;

CREATE INDEX mail_deliveries_by_status_idx ON mail_deliveries (status, delivery_id) WHERE status <> 'sent';
CREATE INDEX mail_deliveries_by_template_idx ON mail_deliveries (template_id, delivery_id);
DROP INDEX mail_deliveries_unsent_idx;

CREATE INDEX notifications_by_status_idx ON notifications (status, notification_id) WHERE status <> 'expanded';
CREATE INDEX notifications_by_kind_idx ON notifications (kind, notification_id);
CREATE INDEX notifications_by_game_idx ON notifications (game_id, notification_id) WHERE game_id IS NOT NULL;
DROP INDEX notifications_unexpanded_idx;
DROP INDEX notifications_game_id_idx;

-- A deletion looks for the mails of all invites that the person sent, and for all codes that were asked for his addresses.
CREATE INDEX invites_inviter_idx ON invites (inviter_user_id);
DROP INDEX invites_inviter_user_id_idx;
CREATE INDEX auth_challenges_by_address_idx ON auth_challenges (address, created_at);
DROP INDEX auth_challenges_address_idx;

-- What the sweeper closes, and none of the enrolments that ended short of players and stay open.
CREATE INDEX games_full_enrollment_idx ON games (enrollment_ends_at) WHERE status = 'enrollment_open' AND approved_count >= min_players;
DROP INDEX games_enrollment_idx;

INSERT INTO schema_versions (version, compatible_from) VALUES (15, 1);
