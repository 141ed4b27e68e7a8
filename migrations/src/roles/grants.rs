//! What each process may do with each table, in the order of their names.
//!
//! Found from the statements that stand in each binary; `deploy/e2e/tests/it/roles.rs` says what is missing, and what no
//! statement needs. Whoever locks rows and changes nothing (`FOR UPDATE` and its like) needs UPDATE of one column: it is one
//! whose change would harm least.

use super::{Grant, on};

/// Of api-server.
pub(super) const API: &[Grant] = &[
    on("accounts").read().insert().update(
        "canonical_user_name declared_country deleted_at display_name limit_memberships limit_private_games \
             limit_race_names preferred_language time_zone updated_at user_name",
    ),
    on("admin_accounts").read().insert().update(
        "code_day code_tries email enabled last_used_at password_hash roles totp_last_step totp_pending \
             totp_pending_until totp_secret",
    ),
    on("admin_networks").read().insert().update("last_used_at").delete(),
    on("admin_recovery_codes").read().insert().update("used_at").delete(),
    on("admin_sessions").read().insert().update("confirmed_until end_reason ended_at last_seen_at").delete(),
    on("admin_sign_in_tickets").read().insert().update("tries used_at").delete(),
    on("admin_tokens").read().insert().update("last_used_at revoked_at"),
    on("applications").read().insert().update("decided_at idempotency_hash idempotency_key idempotency_owner status"),
    // Appended and read. What deletion takes out of it goes through `scrub_trail`.
    on("audit_log").read().insert(),
    on("auth_addresses").read().insert().update("day guarded_until wrong_tries").delete(),
    on("auth_challenges").read().insert().update("attempts consumed_at").delete(),
    on("carried_sanctions").read().insert().delete(),
    on("device_sessions").read().insert().update("client_public_key revoke_reason revoked_at status"),
    on("engine_reports").read(),
    on("engine_versions").read().insert().update("description enabled image max_players min_players title"),
    on("entitlements").read().insert().update("reason superseded_at"),
    on("games").read().insert().update(
        "accepted_turns approved_count current_turn description end_reason enrollment_ends_at finished_at idempotency_hash \
             idempotency_key idempotency_owner max_players min_players name notification_seq owner_user_id \
             pause_reason pauses settings status target_engine_version time_zone turn_schedule updated_at winners",
    ),
    on("identities").read().insert().delete(),
    on("invites").read().insert().update("idempotency_hash idempotency_key idempotency_owner status uses"),
    on("mail_attempts").read(),
    on("mail_dead_letters").read().delete(),
    on("mail_deliveries")
        .read()
        .insert()
        .update("crashes deadline_at failures finished_at next_attempt_at status suspect token worker_id")
        .delete(),
    // Not the text: sign-in codes stand in it. That of other mails is read through `mail_content`.
    on("mail_payloads")
        .select("delivery_id sensitive wiped_at")
        .insert()
        .update("body_html body_text subject wiped_at"),
    on("mail_recipients").read().insert().update("detail smtp_code status").delete(),
    on("memberships").read().insert().update("banish_due_at ended_at status"),
    on("notes").read().insert().delete(),
    on("notification_routes")
        .read()
        .update("crashes deadline_at failures finished_at game_seq next_attempt_at status suspect token worker_id"),
    on("notifications").read().insert().update("game_seq payload user_ids"),
    on("push_epochs").read().insert().lock_table(),
    on("push_event_ids").read().insert().lock("at").delete().truncate(),
    on("push_events").read().insert().truncate(),
    // Emptied one at a time.
    on("push_events_0").truncate(),
    on("push_events_1").truncate(),
    on("push_events_2").truncate(),
    on("push_events_3").truncate(),
    on("push_events_4").truncate(),
    on("push_events_5").truncate(),
    on("push_events_6").truncate(),
    on("push_events_7").truncate(),
    on("push_subscribers").read().insert().update("connected_at epoch generation seen_at seq stream_id").delete(),
    on("push_ticks").read().insert().delete(),
    on("queues").read().update("paused updated_at"),
    on("race_names").read().insert().update("expires_at status updated_at"),
    on("runtime_jobs").read().insert().update("deadline_at finished_at last_error status token worker_id"),
    on("runtime_operations").read().insert(),
    on("runtime_questions").read().insert(),
    on("runtime_records").read().update(
        "container_id current_turn daemon_id endpoint health ill_since misses probed_at revivals revive_at \
             skip_next_tick status unserved_since updated_at well_since",
    ),
    on("runtime_turns").read().insert().update(
        "crashes daemon_id deadline_at expected_turn failures finished_at last_error next_attempt_at rested_at \
             scheduled_at skipped_at status suspect token worker_id",
    ),
    on("sanctions").read().insert().update("lifted_at reason"),
    on("schema_versions").read(),
    on("stat_minutes").read(),
    on("user_countries").read().insert().update("count").delete(),
    on("workers").read(),
];

/// Of mail-worker.
pub(super) const MAIL: &[Grant] = &[
    on("auth_addresses").select("address day guarded_until").lock("day").delete(),
    on("auth_challenges").select("address challenge_id expires_at").lock("attempts").delete(),
    on("carried_sanctions").select("ends_at sanction_id").lock("kind").delete(),
    on("games").select("game_id notification_seq").update("notification_seq"),
    on("mail_alarms").select("cause deliveries due_at").insert().update("deliveries").delete(),
    on("mail_attempts").select("attempt_no delivery_id").insert(),
    on("mail_dead_letters")
        .select("attempt_no delivery_id last_error")
        .insert()
        .update("attempt_no failed_at last_error"),
    on("mail_deliveries")
        .read()
        .update(
            "attempt_no crashes data_started_at deadline_at failures finished_at last_error next_attempt_at \
             sent_at status suspect token worker_id",
        )
        .delete(),
    on("mail_payloads")
        .select("body_html body_text delivery_id sensitive subject wiped_at")
        .update("body_html body_text subject wiped_at"),
    on("mail_recipients").select("address delivery_id status").update("detail smtp_code status"),
    on("notifications").select("idempotency_key kind").insert(),
    on("queues").select("name paused"),
    on("schema_versions").select("compatible_from version"),
    on("workers").select("expires_at process worker_id").insert().update("beat_at expires_at").delete(),
];

/// Of notify-worker.
pub(super) const NOTIFY: &[Grant] = &[
    on("accounts").select("created_at deleted_at display_name time_zone user_id user_name").lock("updated_at"),
    on("games").select("game_id name"),
    on("identities").select("external_id identity_id kind user_id").lock("created_at"),
    on("invites").select("expires_at invite_id"),
    on("mail_alarms").select("alarm_key cause deliveries"),
    on("mail_deliveries").select("delivery_id idempotency_key template_id").insert(),
    on("mail_payloads").insert(),
    on("mail_recipients").insert(),
    on("memberships").select("game_id status user_id"),
    on("notification_routes")
        .read()
        .insert()
        .update(
            "attempt_no crashes deadline_at failures finished_at last_error next_attempt_at status suspect token \
             worker_id",
        )
        .delete(),
    on("notifications")
        .read()
        .update(
            "attempt_no crashes deadline_at expanded_to failures finished_at last_error next_attempt_at status \
             suspect token worker_id",
        )
        .delete(),
    on("queues").select("name paused"),
    on("runtime_turns").select("game_id scheduled_at status"),
    on("schema_versions").select("compatible_from version"),
    on("workers").select("expires_at worker_id").insert().update("beat_at expires_at").delete(),
];

/// Of runtime-controller.
pub(super) const RUNTIME: &[Grant] = &[
    on("applications").select("game_id status").update("decided_at status"),
    on("engine_reports").read().insert(),
    on("engine_versions").select("created_at description enabled image max_players min_players title version"),
    on("games").read().update(
        "current_turn end_reason finished_at notification_seq pause_reason pauses started_at status \
             target_engine_version updated_at winners",
    ),
    on("invites").select("expires_at game_id invite_id status").update("status"),
    on("mail_deliveries").select("finished_at status suspect"),
    on("memberships").read().update("banish_due_at banished_at"),
    // This and the next but one, as mail_deliveries above, are counted for charts.
    on("notification_routes").select("finished_at status suspect"),
    on("notifications").select("idempotency_key kind status suspect").insert(),
    on("push_ticks").select("base_seq epoch n tick_id"),
    on("queues").select("name paused"),
    on("race_names")
        .select("canonical_key expires_at game_id race_name race_name_id status user_id")
        .update("expires_at status updated_at"),
    on("runtime_jobs")
        .read()
        .insert()
        .update(
            "attempt_no crashes daemon_id deadline_at failures finished_at last_error next_attempt_at payload \
             status step suspect token worker_id",
        )
        .delete(),
    on("runtime_operations")
        .select("at game_id last_at op operation_id outcome times")
        .insert()
        .update("detail last_at times")
        .delete(),
    on("runtime_questions")
        .select("asked_at daemon_id expires_at game_id kind payload question_id taken_at")
        .update("answer answered_at error taken_at")
        .delete(),
    on("runtime_records").read().insert().update(
        "container_id current_turn daemon_id driver endpoint engine_token engine_version extinct_races health \
             ill_since image image_digest image_id misses probed_at revivals revive_at skip_next_tick status \
             unserved_since updated_at well_since",
    ),
    on("runtime_turns").read().insert().update(
        "attempt_no crashes daemon_id deadline_at expected_turn failures finished_at last_error \
             next_attempt_at rested_at scheduled_at skipped_at status suspect token worker_id",
    ),
    on("schema_versions").select("compatible_from version"),
    on("stat_minutes").select("at series").insert().delete(),
    on("workers")
        .select("daemon_id expires_at process worker_id")
        .insert()
        .update("beat_at daemon_id expires_at")
        .delete(),
];
