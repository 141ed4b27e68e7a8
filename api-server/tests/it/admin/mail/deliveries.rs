//! Mail: seen, and sent again.

use futures::future::join_all;
use serde_json::{Value, json};
use shared::ids::DeliveryId;

use crate::admin::{code, items, mail, mail_is, walk};
use crate::harness::Api;

const DELIVERIES: &str = "/api/v1/admin/mail/deliveries";
const DEAD: &str = "/api/v1/admin/mail/dead-letters";
const RESEND: &str = "/api/v1/admin/mail/deliveries/resend";

/// `(status, token, attempt_no, failures, crashes, suspect, finished, due)` of a row.
type Row = (String, i64, i32, i32, i32, bool, bool, bool);

async fn row(api: &Api, id: DeliveryId) -> Row {
    sqlx::query_as(
        "SELECT status, token, attempt_no, failures, crashes, suspect, finished_at IS NOT NULL, next_attempt_at <= clock_timestamp()
           FROM mail_deliveries WHERE delivery_id = $1",
    )
    .bind(id.uuid())
    .fetch_one(&api.pool())
    .await
    .unwrap()
}

/// As [`mail_is`] and then a resend leave it.
fn resent(token: i64) -> Row {
    ("pending".to_owned(), token, 3, 0, 0, false, false, true)
}

#[tokio::test]
async fn mails_are_seen_by_state_template_address_and_time() {
    let api = Api::start().await;
    let admin = api.admin();
    let first = mail(&api, "1", &["ann@example.org", "bob@example.org"]).await;
    let second = mail(&api, "2", &["Ann@Example.org"]).await;
    let third = code(&api, "3").await;
    mail_is(&api, first, "dead_lettered").await;
    mail_is(&api, second, "sent").await;
    let all = [third, second, first].map(|id| json!(id));
    assert_eq!(walk(&admin, DELIVERIES, "delivery_id").await, all);
    for (query, expected) in [
        ("status=dead_lettered", &all[2..]),
        ("status=sent", &all[1..2]),
        ("status=quarantined", &[]),
        ("template_id=auth.login_code", &all[..1]),
        ("template_id=nothing", &[]),
        ("recipient=ANN@example.org", &all[..]),
        ("recipient=bob@example.org", &all[2..]),
        ("recipient=ANN@example.org&status=sent&template_id=game.started", &all[1..2]),
        ("created_after=2020-01-01T00:00:00Z&created_before=9999-12-31T00:00:00Z", &all[..]),
        ("created_before=2020-01-01T00:00:00Z", &[]),
        ("created_after=9999-12-31T00:00:00Z", &[]),
    ] {
        assert_eq!(walk(&admin, &format!("{DELIVERIES}?{query}"), "delivery_id").await, expected, "{query}");
    }
    // To the microsecond, by the database's clock.
    let at = items(&admin, DELIVERIES).await[1]["created_at"].as_str().unwrap().replace("+00:00", "Z");
    let since = format!("{DELIVERIES}?created_after={at}");
    assert_eq!(walk(&admin, &since, "delivery_id").await, all[..2]);
    let until = format!("{DELIVERIES}?created_before={at}");
    assert_eq!(walk(&admin, &until, "delivery_id").await, all[2..]);

    let one = admin.get(format!("{DELIVERIES}/{first}")).send().await.expect(200).json();
    assert_eq!(one, items(&admin, DELIVERIES).await[2]);
    assert_eq!(
        one["recipients"],
        json!([
            { "address": "ann@example.org", "status": "refused", "smtp_code": 550, "detail": null },
            { "address": "bob@example.org", "status": "refused", "smtp_code": 550, "detail": null },
        ])
    );
    assert_eq!((&one["attempts"], &one["last_error"], &one["wiped"]), (&json!(3), &json!("550"), &json!(false)));
    assert!(one["failed_at"].is_string() && one["next_attempt_at"].is_null(), "{one}");
    assert_eq!(walk(&admin, DEAD, "delivery_id").await, all[2..]);
    assert_eq!(walk(&admin, &format!("{DEAD}?status=quarantined"), "delivery_id").await, [Value::Null; 0]);
    assert_eq!(
        walk(&admin, &format!("{DEAD}?failed_before=2020-01-01T00:00:00Z"), "delivery_id").await,
        [Value::Null; 0]
    );

    let nobody = "00000000-0000-7000-8000-000000000001";
    admin.get(format!("{DELIVERIES}/{nobody}")).send().await.expect_problem(404, "delivery_not_found");
    admin.get(format!("{DELIVERIES}/{nobody}/attempts")).send().await.expect_problem(404, "delivery_not_found");
    for (query, pointer) in [
        ("status=lost", "/query/status"),
        ("created_after=%2B10000-01-01T00:00:00Z", "/query/created_after"),
        ("created_before=yesterday", "/query/created_before"),
        ("cursor=AAAA", "/query/cursor"),
    ] {
        let answer = admin.get(format!("{DELIVERIES}?{query}")).bad().send().await;
        let answer = answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{query}");
    }
    admin.get(format!("{DELIVERIES}?recipient=%00")).bad().send().await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn the_attempts_of_a_mail_are_seen_newest_first() {
    let api = Api::start().await;
    let id = mail(&api, "1", &["ann@example.org"]).await;
    let path = format!("{DELIVERIES}/{id}/attempts");
    assert!(items(&api.admin(), &path).await.is_empty());
    for (number, outcome) in [(1, "retry"), (2, "unknown"), (5, "permanent")] {
        sqlx::query(
            "INSERT INTO mail_attempts (delivery_id, attempt_no, started_at, finished_at, outcome, smtp_code, detail)
             VALUES ($1, $2, now(), CASE WHEN $3 <> 'unknown' THEN now() END, $3, 450, 'later')",
        )
        .bind(id.uuid())
        .bind(number)
        .bind(outcome)
        .execute(&api.pool())
        .await
        .unwrap();
    }
    assert_eq!(walk(&api.admin(), &path, "attempt_no").await, [5, 2, 1]);
    let unknown = &items(&api.admin(), &path).await[1];
    assert_eq!(
        (&unknown["outcome"], &unknown["finished_at"], &unknown["smtp_code"]),
        (&json!("unknown"), &Value::Null, &json!(450))
    );
}

#[tokio::test]
async fn a_mail_is_sent_again_from_the_states_that_allow_it() {
    let api = Api::start().await;
    let admin = api.admin();
    for (n, status) in ["pending", "retrying", "dead_lettered", "quarantined"].into_iter().enumerate() {
        let id = mail(&api, status, &["ann@example.org", "bob@example.org"]).await;
        sqlx::query("UPDATE mail_recipients SET status = 'accepted', smtp_code = 250 WHERE address LIKE 'bob%' AND delivery_id = $1")
            .bind(id.uuid())
            .execute(&api.pool())
            .await
            .unwrap();
        mail_is(&api, id, status).await;
        // Both ways lead to the same.
        let path =
            if n % 2 == 0 { format!("{DELIVERIES}/{id}/resend") } else { format!("/api/v1/admin/mail/{id}/resend") };
        let answer = admin.post(path).send().await.expect(200).json();
        assert_eq!(row(&api, id).await, resent(3), "{status}");
        assert_eq!(
            (&answer["status"], &answer["attempts"], &answer["failures"]),
            (&json!("pending"), &json!(3), &json!(0))
        );
        assert!(answer["next_attempt_at"].is_string() && answer["failed_at"].is_null(), "{answer}");
        let states: Vec<&Value> = answer["recipients"].as_array().unwrap().iter().map(|r| &r["status"]).collect();
        assert_eq!(states, ["undecided", "accepted"], "who accepted is not asked again");
        assert_eq!(api.count("mail_dead_letters").await, 0);
    }
    for status in ["sending", "sent", "expired"] {
        let id = mail(&api, status, &["ann@example.org"]).await;
        mail_is(&api, id, status).await;
        let before = row(&api, id).await;
        for path in [format!("{DELIVERIES}/{id}/resend"), format!("/api/v1/admin/mail/{id}/resend")] {
            admin.post(path).send().await.expect_problem(409, "delivery_state_conflict");
        }
        assert_eq!(row(&api, id).await, before);
    }
    let wiped = code(&api, "wiped").await;
    mail_is(&api, wiped, "dead_lettered").await;
    sqlx::query(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = now() WHERE sensitive",
    )
    .execute(&api.pool())
    .await
    .unwrap();
    for path in [format!("{DELIVERIES}/{wiped}/resend"), format!("/api/v1/admin/mail/{wiped}/resend")] {
        admin.post(path).send().await.expect_problem(409, "delivery_wiped");
    }
    assert_eq!(admin.get(format!("{DELIVERIES}/{wiped}")).send().await.expect(200).json()["wiped"], true);
    // In bulk it is not even a match.
    let answer = admin.post(RESEND).json(&json!({ "filter": { "template_id": "auth.login_code" } })).send().await;
    assert_eq!(answer.expect(200).json(), json!({ "matched": 0, "changed": 0 }));
    let nobody = "00000000-0000-7000-8000-000000000001";
    admin.post(format!("{DELIVERIES}/{nobody}/resend")).send().await.expect_problem(404, "delivery_not_found");
}

#[tokio::test]
async fn many_are_sent_again_by_filter_the_oldest_first() {
    let api = Api::start().await;
    let admin = api.admin();
    let mut ids = Vec::new();
    for n in 0..5 {
        let id = mail(&api, &n.to_string(), &["ann@example.org"]).await;
        mail_is(&api, id, if n == 4 { "quarantined" } else { "dead_lettered" }).await;
        ids.push(id);
    }
    let waiting = mail(&api, "waiting", &["bob@example.org"]).await;
    mail_is(&api, waiting, "retrying").await;
    let resend = |filter: Value, limit: Option<u16>| {
        let mut body = json!({ "filter": filter });
        if let Some(limit) = limit {
            body["limit"] = json!(limit);
        }
        let request = admin.post(RESEND).json(&body);
        async move { request.send().await.expect(200).json() }
    };
    let recipient =
        json!({ "recipient": "Ann@example.org", "status": "dead_lettered", "failed_after": "2020-01-01T00:00:00Z" });
    assert_eq!(resend(recipient, Some(2)).await, json!({ "matched": 4, "changed": 2 }));
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(row(&api, *id).await.0 == "pending", n < 2, "{n}");
    }
    assert_eq!(
        resend(json!({ "failed_before": "2020-01-01T00:00:00Z" }), None).await,
        json!({ "matched": 0, "changed": 0 })
    );
    assert_eq!(resend(json!({ "template_id": "game.finished" }), None).await, json!({ "matched": 0, "changed": 0 }));
    assert_eq!(resend(json!({}), None).await, json!({ "matched": 3, "changed": 3 }), "dead letters and quarantine");
    assert_eq!(resend(json!({ "status": "retrying" }), None).await, json!({ "matched": 1, "changed": 1 }));
    assert_eq!(row(&api, waiting).await, resent(3));
    // The trail has what was asked and what was done, without the address.
    let details: Vec<Value> =
        sqlx::query_scalar("SELECT detail FROM audit_log WHERE action = 'mail.resend_many' ORDER BY audit_id")
            .fetch_all(&api.pool())
            .await
            .unwrap();
    assert_eq!(details[0]["delivery_ids"], json!(ids[..2]));
    assert_eq!((&details[0]["matched"], &details[0]["limit"]), (&json!(4), &json!(2)));
    assert_eq!(details[0]["filter"]["recipient"], "(given)");
    for (body, pointer) in [
        (json!({}), "/filter"),
        (json!({ "filter": { "status": "sent" } }), "/filter/status"),
        (json!({ "filter": { "state": "sent" } }), "/filter/state"),
        (json!({ "filter": {}, "limit": 0 }), "/limit"),
        (json!({ "filter": {}, "limit": 1001 }), "/limit"),
    ] {
        let answer = admin.post(RESEND).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}: {}", answer.json());
    }
}

#[tokio::test]
async fn of_many_who_send_the_same_again_at_once_each_mail_is_one_s() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut ids = Vec::new();
    for n in 0..40 {
        let id = mail(&api, &n.to_string(), &["ann@example.org"]).await;
        mail_is(&api, id, "dead_lettered").await;
        ids.push(id);
    }
    let body = json!({ "filter": {}, "limit": 30 });
    let calls = (0..6).map(|n| if n % 2 == 0 { api.admin() } else { other.admin() });
    let answers = join_all(calls.map(|admin| admin.post(RESEND).json(&body).send())).await;
    let mut changed = 0;
    for answer in answers {
        let answer = answer.expect(200).json();
        assert!(answer["changed"].as_i64().unwrap() <= 30 && answer["matched"].as_i64() >= answer["changed"].as_i64());
        changed += answer["changed"].as_i64().unwrap();
    }
    assert_eq!(changed, 40);
    for id in ids {
        assert_eq!(row(&api, id).await, resent(3), "each was changed once");
    }
}

#[tokio::test]
async fn what_a_mail_says_is_read_with_a_line_in_the_trail_and_never_where_it_holds_a_code() {
    let api = Api::start().await;
    let admin = api.admin();
    let read = async |id: DeliveryId| admin.get(format!("{DELIVERIES}/{id}/content")).send().await;
    let said = mail(&api, "1", &["ann@example.org"]).await;
    let content = read(said).await.expect(200).json();
    let stored: (String, String, String) =
        sqlx::query_as("SELECT subject, body_text, body_html FROM mail_payloads WHERE delivery_id = $1")
            .bind(said.uuid())
            .fetch_one(&api.pool())
            .await
            .unwrap();
    let expected = json!({ "delivery_id": said, "subject": stored.0, "text": stored.1, "html": stored.2 });
    assert_eq!(content, expected, "as it is sent");
    let trail: Vec<(String, String)> =
        sqlx::query_as("SELECT action, target_id FROM audit_log WHERE target_type = 'mail_delivery'")
            .fetch_all(&api.pool())
            .await
            .unwrap();
    assert_eq!(trail, [("mail.read".to_owned(), said.to_string())]);

    let secret = code(&api, "2").await;
    let refused = read(secret).await.expect_problem(403, "delivery_secret");
    assert!(!String::from_utf8_lossy(&refused.body).contains("481516"));
    let wipe = "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = now()
                 WHERE delivery_id = $1::uuid";
    for (id, status, code) in [(secret, 403, "delivery_secret"), (said, 409, "delivery_wiped")] {
        api.sql(wipe, &id.to_string()).await;
        read(id).await.expect_problem(status, code);
    }
    read(DeliveryId::new()).await.expect_problem(404, "delivery_not_found");
    assert_eq!(api.count("audit_log WHERE action = 'mail.read'").await, 1, "what was refused was not read");
    let refused = "audit_log WHERE action = 'admin_get_mail_delivery_content' AND outcome = 'refused'
                    AND target_type = 'mail_delivery' AND detail ->> 'code' = 'delivery_secret' AND target_id";
    assert_eq!(api.count(&format!("{refused} = '{secret}'")).await, 2, "each who would have read a code");
    assert_eq!(api.count(&format!("{refused} <> '{secret}'")).await, 0);
}
