//! What a block and a deletion leave, and what becomes of the games of who is gone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ACCOUNT, GAMES, USERS, assert_departed, block, busy, delete, open_session, sign_up};
use crate::admin::mail;
use crate::harness::{Api, game, text};
use crate::public::auth::sign_in;

/// The tables that hold a text anywhere in a row.
async fn traces(api: &Api, needle: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'backend'::regnamespace AND c.relkind = 'r'",
    )
    .fetch_all(&api.pool())
    .await
    .unwrap();
    let mut found = Vec::new();
    for table in tables {
        let statement = format!("SELECT count(*) FROM {table} x WHERE strpos(lower(x::text), lower($1)) > 0");
        let count: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).bind(needle).fetch_one(&api.pool()).await.unwrap();
        if count > 0 {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn a_permanent_block_ends_everything_at_once_and_for_good() {
    let api = Api::start().await;
    let other = api.replica().await;
    let ada = busy(&api, "ada@example.org").await;
    let client = other.user(&ada);
    let set = block(&api, &ada).await.expect(201).json();
    client.get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    assert_departed(&api, &ada).await;
    for (what, n) in [
        ("memberships WHERE status = 'removed'", 1),
        ("applications WHERE status = 'withdrawn'", 1),
        ("invites WHERE status = 'closed'", 3),
        ("games WHERE status = 'cancelled'", 1),
        ("device_sessions WHERE revoke_reason = 'permanent_block'", 2),
        ("push_events WHERE what = 'invalidation' AND cardinality(device_sessions) = 2", 1),
        ("push_events", 1),
        ("audit_log WHERE action = 'user.sanction.set' AND jsonb_array_length(detail -> 'cancelled_games') = 1", 1),
    ] {
        assert_eq!(api.count(what).await, n, "{what}");
    }
    // What identifies the user is still there: they are blocked, not deleted. Their names are others' now.
    let account = api.admin().get(format!("{USERS}/{ada}")).send().await.expect(200).json();
    assert_eq!((&account["email"], &account["deleted_at"]), (&json!("ada@example.org"), &Value::Null));
    let game = api.open_public_game(json!({})).await;
    let (_, eve) = api.player("eva").await;
    api.join(&game, &eve, "Terran").await;
    // Lifted, the user may act again; what ended stays ended.
    let lift = format!("{USERS}/{ada}/sanctions/{}/lift", text(&set, "sanction_id"));
    api.admin().post(lift).send().await.expect(200);
    client.get(ACCOUNT).send().await.expect(200);
    assert_departed(&api, &ada).await;
    assert_eq!(sign_up(&api, "ada@example.org").await, ada, "the address is still theirs");
}

#[tokio::test]
async fn a_deletion_leaves_nothing_that_tells_who_it_was() {
    let api = Api::start().await;
    let ada = busy(&api, "ada.lovelace@example.org").await;
    let client = api.user(&ada);
    let profile = json!({ "user_name": "ada.lovelace", "display_name": "Ада Лавлейс", "preferred_language": "kw-GB" });
    client.patch(ACCOUNT).json(&profile).send().await.expect(200);
    let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
    let body = json!({ "client_public_key": STANDARD.encode(key.as_bytes()) });
    api.gateway().post(format!("/api/v1/internal/users/{ada}/sessions")).json(&body).send().await.expect(201);
    client.post(GAMES).header("Idempotency-Key", "key-of-ada").json(&game(json!({}))).send().await.expect(201);
    let public = api.open_public_game(json!({})).await;
    let applications = format!("{GAMES}/{public}/applications");
    let body = json!({ "race_name": "Zerg" });
    client.post(applications).header("Idempotency-Key", "key-of-ada").json(&body).send().await.expect(201);
    let body = json!({ "kind": "login_block", "reason": "Ada Lovelace wrote to us" });
    let set = api.admin().post(format!("{USERS}/{ada}/sanctions")).json(&body).send().await.expect(201).json();
    // Lifted: one in force would come back with the address (`carried.rs`).
    let lift = api.admin().post(format!("{USERS}/{ada}/sanctions/{}/lift", text(&set, "sanction_id")));
    lift.query("reason", "Ada Lovelace said sorry").send().await.expect(200);
    assert_eq!(api.count("audit_log WHERE reason LIKE '%Ada Lovelace%'").await, 2);
    let body = json!({ "plan": "monthly", "source": "admin", "reason": "for Ada Lovelace" });
    api.admin().post(format!("{USERS}/{ada}/entitlements")).json(&body).send().await.expect(201);
    let body = json!({ "text": "Ada Lovelace called" });
    api.admin().post(format!("{USERS}/{ada}/notes")).json(&body).send().await.expect(201);
    // Invites that name the user to others, one mail not sent yet, one sent.
    let own = api.open_private_game(&client, json!({})).await;
    for name in ["grace", "heidi"] {
        let body = json!({ "invited_user_id": api.account(name).await });
        client.post(format!("{GAMES}/{own}/invites")).json(&body).send().await.expect(201);
    }
    api.sql(
        "WITH r AS (INSERT INTO notification_routes (route_id, notification_id, channel, user_id, status)
                    SELECT gen_random_uuid(), notification_id, 'email', user_ids[1], 'delivered' FROM notifications
                     WHERE kind = 'lobby.invite.received' AND payload ->> 'inviter_user_id' = $1 RETURNING route_id),
              d AS (INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status)
                    SELECT route_id, 'lobby.invite.received', route_id::text, CASE row_number() OVER () WHEN 1
                        THEN 'pending' ELSE 'sent' END
                      FROM r RETURNING delivery_id)
         INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html)
             SELECT delivery_id, 'Ada Lovelace invites you', '', '' FROM d",
        &ada,
    )
    .await;
    // What other processes write of the user: a second identity, a mail that waits, one that was sent, words in a notification,
    // a code that is still out, wrong tries.
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
        VALUES (gen_random_uuid(), $1::uuid, 'telegram', 'tg-ada-4242')",
        &ada,
    )
    .await;
    sqlx::raw_sql(
        "INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status)
         VALUES ('00000000-0000-7000-8000-00000000000a', 'game.started', 'a', 'pending'),
                ('00000000-0000-7000-8000-00000000000b', 'game.finished', 'b', 'sent'),
                ('00000000-0000-7000-8000-00000000000c', 'game.finished', 'c', 'sending');
         INSERT INTO mail_recipients (delivery_id, address)
         SELECT delivery_id, 'ada.lovelace@example.org' FROM mail_deliveries WHERE idempotency_key IN ('a', 'b', 'c');
         INSERT INTO mail_recipients (delivery_id, address) VALUES ('00000000-0000-7000-8000-00000000000c', 'eve@example.org');
         INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html)
         SELECT delivery_id, 'Hello', 'Dear Ada Lovelace', '' FROM mail_deliveries WHERE idempotency_key IN ('a', 'b')",
    )
    .execute(&api.pool())
    .await
    .unwrap();
    api.sql(
        "INSERT INTO notifications (notification_id, kind, idempotency_key, audience, user_ids, payload)
         VALUES (gen_random_uuid(), 'lobby.membership.removed', 'x', 'users', ARRAY[$1::uuid],
                 '{\"game_id\": \"00000000-0000-7000-8000-000000000001\", \"reason\": \"Ada Lovelace swears\"}')",
        &ada,
    )
    .await;
    api.sql("INSERT INTO user_countries (user_id, country, count) VALUES ($1::uuid, 'GB', 7)", &ada).await;
    let out = sign_in::send(&api, "ada.lovelace@example.org").await;
    let code = sign_in::code(&api, &out).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    sign_in::confirm(&api, &out, wrong, json!({})).await.expect_problem(422, "code_incorrect");
    let key_hex: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let needles = ["ada.lovelace", "Ada Lovelace", "Лавлейс", "kw-GB", "tg-ada-4242", "key-of-ada", key_hex.as_str()];
    for needle in needles {
        assert_ne!(traces(&api, needle).await, Vec::<String>::new(), "{needle} was nowhere before");
    }

    client.delete(ACCOUNT).send().await.expect(204);
    for needle in needles {
        assert_eq!(traces(&api, needle).await, Vec::<String>::new(), "{needle}");
    }
    client.get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    client.delete(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    assert_departed(&api, &ada).await;
    assert_eq!(api.count("memberships WHERE status = 'left'").await, 1);
    assert_eq!(api.count("user_countries").await, 0);
    assert_eq!(api.count("device_sessions WHERE revoke_reason = 'account_deleted'").await, 3);
    let invites =
        |status: &str| format!("mail_deliveries WHERE template_id = 'lobby.invite.received' AND status = '{status}'");
    assert_eq!(api.count(&invites("pending")).await, 0);
    assert_ne!(api.count(&invites("sent")).await, 0, "what was sent is on record, without its words");
    assert_eq!(api.count("mail_recipients WHERE address = 'eve@example.org'").await, 1, "another's copy is theirs");
    assert_eq!(api.count("notifications WHERE payload ->> 'reason' = '' AND user_ids = '{}'").await, 1);
    // A code that was out opens nothing any more.
    sign_in::confirm(&api, &out, &code, json!({})).await.expect_problem(410, "challenge_expired");
    // The row stays, for those who look after it.
    let account = api.admin().get(format!("{USERS}/{ada}")).send().await.expect(200).json();
    assert_eq!(account["user_name"], format!("deleted-{}", ada.replace('-', "")));
    assert!(account["deleted_at"].is_string() && account["email"].is_null() && account["display_name"].is_null());
    let internal = api.gateway().get(format!("/api/v1/internal/users/{ada}")).send().await.expect(200).json();
    assert_eq!(internal, account);
    let history = api.admin().get(format!("{USERS}/{ada}/sanctions")).send().await.expect(200).json();
    assert_eq!((&history["items"][0]["kind"], &history["items"][0]["reason"]), (&json!("login_block"), &json!("")));
    open_session(&api, &ada).await.expect_problem(404, "account_not_found");
    block(&api, &ada).await.expect_problem(404, "account_not_found");
    let grant = json!({ "plan": "monthly", "source": "admin", "reason": "x" });
    let answer = api.admin().post(format!("{USERS}/{ada}/entitlements")).json(&grant).send().await;
    answer.expect_problem(404, "account_not_found");
    let answer = api.admin().post(format!("{USERS}/{ada}/limits")).json(&json!({})).send().await;
    answer.expect_problem(404, "account_not_found");
    // Address and name are free; whoever comes has nothing of the old account.
    let again = sign_up(&api, "ada.lovelace@example.org").await;
    assert_ne!(again, ada);
    let account = api.user(&again).get(ACCOUNT).send().await.expect(200).json();
    assert_eq!((&account["sanctions"], &account["entitlement"]["plan"]), (&json!([]), &json!("free")));
    api.user(&again).patch(ACCOUNT).json(&json!({ "user_name": "ada.lovelace" })).send().await.expect(200);
    client.get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
}

#[tokio::test]
async fn mails_for_administrators_stay_whoever_had_their_address() {
    let api = Api::start().await;
    let ada = sign_up(&api, "ops@example.org").await;
    sqlx::raw_sql(
        "INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key)
         VALUES ('00000000-0000-7000-8000-00000000000a', 'mail.dead_lettered', 'a'),
                ('00000000-0000-7000-8000-00000000000b', 'game.started', 'b');
         INSERT INTO mail_recipients (delivery_id, address)
         SELECT delivery_id, 'ops@example.org' FROM mail_deliveries WHERE idempotency_key IN ('a', 'b')",
    )
    .execute(&api.pool())
    .await
    .unwrap();
    delete(&api, &ada).await.expect(204);
    let left: Vec<String> =
        sqlx::query_scalar("SELECT template_id FROM mail_deliveries").fetch_all(&api.pool()).await.unwrap();
    assert_eq!(left, ["mail.dead_lettered"]);
}

#[tokio::test]
async fn games_of_an_owner_who_is_gone_go_on_or_are_called_off() {
    let api = Api::start().await;
    let (ada, client) = api.player("ada").await;
    let (bob, _) = api.player("bob").await;
    api.plan(&ada, "permanent").await;
    let mut games = Vec::new();
    for status in
        ["draft", "enrollment_open", "ready_to_start", "starting", "start_failed", "running", "paused", "finished"]
    {
        let id = api.open_private_game(&client, json!({})).await;
        api.sql(&format!("UPDATE games SET status = '{status}' WHERE game_id = $1::uuid"), &id).await;
        games.push((id, status));
    }
    let public = api.public_game(json!({ "owner_user_id": ada })).await;
    // A member of a running game, who stays.
    let (running, _) = &games[5];
    let statement = format!(
        "INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key)
         SELECT gen_random_uuid(), $1::uuid, u, name, name FROM (VALUES ('{ada}'::uuid, 'zerg'), ('{bob}'::uuid, 'terran')) v (u, name)"
    );
    api.sql(&statement, running).await;
    api.sql("UPDATE games SET approved_count = 2 WHERE game_id = $1::uuid", running).await;
    delete(&api, &ada).await.expect(204);
    for (id, before) in &games {
        let game = api.game(id).await;
        let started = ["running", "paused", "finished"].contains(before);
        assert_eq!(game["status"], if started { before } else { "cancelled" }, "{before}");
        assert_eq!(game["owner_user_id"], ada, "a private game has an owner, who is nobody now");
    }
    assert_eq!(api.count("runtime_jobs WHERE kind = 'stop'").await, 1, "the start that was under way is undone");
    let (running, public) = (api.game(running).await, api.game(&public).await);
    assert_eq!((&running["approved_count"], &public["owner_user_id"]), (&json!(1), &Value::Null));
    assert_eq!(
        api.count("memberships WHERE race_name = 'zerg' AND status = 'left' AND banish_due_at IS NOT NULL").await,
        1
    );
    assert_eq!(api.count("memberships WHERE race_name = 'terran' AND status = 'active'").await, 1);
    assert_departed(&api, &ada).await;
}

#[tokio::test]
async fn a_public_game_is_given_to_nobody_who_is_gone() {
    let api = Api::start().await;
    let other = api.replica().await;
    let blocked = api.account("bob").await;
    let body = json!({ "kind": "permanent_block", "reason": "cheated" });
    api.admin().post(format!("{USERS}/{blocked}/sanctions")).json(&body).send().await.expect(201);
    let nobody = "00000000-0000-7000-8000-000000000001";
    let give = async |api: &Api, owner: &str| {
        api.admin().post("/api/v1/admin/games").json(&game(json!({ "owner_user_id": owner }))).send().await
    };
    for owner in [blocked.as_str(), nobody] {
        let answer = give(&api, owner).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/owner_user_id");
    }
    for round in 0..6 {
        let ada = api.account(&format!("ada{round}")).await;
        let (gone, made) = futures::join!(delete(&other, &ada), give(&api, &ada));
        gone.expect(204);
        if made.status == 201 {
            assert_eq!(api.game(&text(&made.json(), "game_id")).await["owner_user_id"], Value::Null, "round {round}");
        } else {
            made.expect_problem(400, "invalid_request");
        }
        give(&api, &ada).await.expect_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_deletion_takes_what_was_said_of_the_persons_mails_and_of_nobody_elses() {
    let api = Api::start().await;
    let ada = sign_up(&api, "ada@example.org").await;
    let theirs = mail(&api, "theirs", &["ada@example.org"]).await;
    let both = mail(&api, "both", &["ada@example.org", "eve@example.org"]).await;
    for id in [theirs, both] {
        let resend = api.admin().post(format!("/api/v1/admin/mail/deliveries/{id}/resend"));
        resend.query("reason", format!("Ada has moved: {id}")).send().await.expect(200);
    }
    delete(&api, &ada).await.expect(204);
    let said = async |id| api.count(&format!("audit_log WHERE target_id = '{id}' AND reason LIKE 'Ada%'")).await;
    assert_eq!(
        (said(theirs).await, said(both).await),
        (0, 1),
        "of a mail that is somebody else's too the reason is kept"
    );
    assert_eq!(api.count("audit_log WHERE action = 'mail.resend'").await, 2);
}
