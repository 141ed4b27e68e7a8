//! Dead mails that are put away, and what a bulk resend leaves out (SPEC §5).

use futures::future::join_all;
use serde_json::{Value, json};
use shared::ids::DeliveryId;

use crate::admin::{code, depth, items, mail, mail_is, walk};
use crate::harness::Api;

const DELIVERIES: &str = "/api/v1/admin/mail/deliveries";
const MAILS: &str = "/api/v1/admin/mail/dead-letters";
const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

/// The administrators' mail about a dead mail.
async fn alarm(api: &Api, key: &str) -> DeliveryId {
    let id = mail(api, key, &["admin@example.org"]).await;
    let named = "UPDATE mail_deliveries SET template_id = 'mail.dead_lettered' WHERE delivery_id = $1::uuid";
    api.sql(named, &id.to_string()).await;
    id
}

#[tokio::test]
async fn a_dead_mail_is_put_away_a_wiped_code_too() {
    let api = Api::start().await;
    let admin = api.admin();
    let wiped = code(&api, "wiped").await;
    mail_is(&api, wiped, "dead_lettered").await;
    api.sql(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = now() WHERE delivery_id = $1::uuid",
        &wiped.to_string(),
    )
    .await;
    let quarantined = code(&api, "quarantined").await;
    mail_is(&api, quarantined, "quarantined").await;
    let dead = mail(&api, "dead", &["ann@example.org"]).await;
    mail_is(&api, dead, "dead_lettered").await;
    assert_eq!(walk(&admin, MAILS, "delivery_id").await, [json!(dead), json!(quarantined), json!(wiped)]);
    let dismiss = |id: &str| admin.post(format!("{MAILS}/{id}/dismiss")).send();
    for id in [wiped, quarantined, dead] {
        let answer = dismiss(&id.to_string()).await.expect(200).json();
        assert_eq!((&answer["status"], &answer["failed_at"]), (&json!("dismissed"), &Value::Null));
        assert_eq!(answer["last_error"], "550", "what killed it stays readable");
        dismiss(&id.to_string()).await.expect_problem(409, "delivery_state_conflict");
    }
    assert!(items(&admin, MAILS).await.is_empty());
    assert_eq!(api.count("mail_dead_letters").await, 0);
    assert_eq!((depth(&api, "mail", "dead_lettered").await, depth(&api, "mail", "quarantined").await), (0, 0));
    // No code survives its mail.
    assert_eq!(api.count("mail_payloads WHERE sensitive AND wiped_at IS NULL").await, 0);
    let put_away = format!("{DELIVERIES}?status=dismissed");
    assert_eq!(walk(&admin, &put_away, "delivery_id").await.len(), 3);
    // A bulk resend does not see them; by its id one comes back while there is something to send.
    let all = admin.post(format!("{DELIVERIES}/resend")).json(&json!({ "filter": {} })).send().await.expect(200);
    assert_eq!(all.json(), json!({ "matched": 0, "changed": 0 }));
    admin.post(format!("{DELIVERIES}/{wiped}/resend")).send().await.expect_problem(409, "delivery_wiped");
    let again = admin.post(format!("{DELIVERIES}/{dead}/resend")).send().await.expect(200).json();
    assert_eq!(again["status"], "pending");
    for (n, status) in ["pending", "sending", "retrying", "sent", "expired"].into_iter().enumerate() {
        let id = mail(&api, &format!("alive{n}"), &["ann@example.org"]).await;
        mail_is(&api, id, status).await;
        dismiss(&id.to_string()).await.expect_problem(409, "delivery_state_conflict");
    }
    dismiss(NOBODY).await.expect_problem(404, "delivery_not_found");
}

#[tokio::test]
async fn many_dead_mails_are_put_away_by_filter_each_once() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut ids = Vec::new();
    for n in 0..12 {
        let id = if n < 2 {
            code(&api, &n.to_string()).await
        } else {
            mail(&api, &n.to_string(), &["bob@example.org"]).await
        };
        mail_is(&api, id, if n == 11 { "quarantined" } else { "dead_lettered" }).await;
        ids.push(json!(id));
    }
    let waiting = mail(&api, "waiting", &["bob@example.org"]).await;
    mail_is(&api, waiting, "retrying").await;
    sqlx::query(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = now() WHERE sensitive",
    )
    .execute(&api.pool())
    .await
    .unwrap();
    let path = format!("{MAILS}/dismiss");
    let dismiss = async |body: Value| api.admin().post(&path).json(&body).send().await.expect(200).json();
    assert_eq!(
        dismiss(json!({ "filter": { "failed_before": "2020-01-01T00:00:00Z" } })).await,
        json!({ "matched": 0, "changed": 0 })
    );
    let codes = json!({ "filter": { "template_id": "auth.login_code" } });
    assert_eq!(dismiss(codes).await, json!({ "matched": 2, "changed": 2 }), "wiped ones match");
    let oldest = json!({ "filter": { "recipient": "BOB@example.org", "status": "dead_lettered" }, "limit": 3 });
    assert_eq!(dismiss(oldest).await, json!({ "matched": 9, "changed": 3 }));
    let left = walk(&api.admin(), MAILS, "delivery_id").await;
    assert_eq!(left, ids[5..].iter().rev().cloned().collect::<Vec<_>>(), "the oldest went first");
    let body = json!({ "filter": {}, "limit": 5 });
    let calls = (0..6).map(|n| if n % 2 == 0 { api.admin() } else { other.admin() });
    let answers = join_all(calls.map(|admin| admin.post(&path).json(&body).send())).await;
    let changed: i64 = answers.into_iter().map(|a| a.expect(200).json()["changed"].as_i64().unwrap()).sum();
    assert_eq!(changed, 7);
    assert_eq!(dismiss(json!({ "filter": {} })).await, json!({ "matched": 0, "changed": 0 }));
    assert_eq!(api.count("mail_deliveries WHERE status = 'retrying'").await, 1, "what waits is not dead");
    let detail: Value = sqlx::query_scalar(
        "SELECT detail FROM audit_log WHERE action = 'mail.dismiss_many' AND detail ->> 'limit' = '3'",
    )
    .fetch_one(&api.pool())
    .await
    .unwrap();
    assert_eq!((&detail["filter"]["recipient"], &detail["delivery_ids"]), (&json!("(given)"), &json!(ids[2..5])));
    for (body, pointer) in [
        (json!({}), "/filter"),
        (json!({ "filter": { "status": "retrying" } }), "/filter/status"),
        (json!({ "filter": {}, "limit": 0 }), "/limit"),
    ] {
        let answer = api.admin().post(&path).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_bulk_resend_leaves_alarms_alone_unless_they_are_named() {
    let api = Api::start().await;
    let dead = mail(&api, "dead", &["ann@example.org"]).await;
    let told = alarm(&api, "told").await;
    for id in [dead, told] {
        mail_is(&api, id, "dead_lettered").await;
    }
    let resend = async |filter: Value| {
        let body = json!({ "filter": filter });
        api.admin().post(format!("{DELIVERIES}/resend")).json(&body).send().await.expect(200).json()
    };
    assert_eq!(resend(json!({})).await, json!({ "matched": 1, "changed": 1 }));
    assert_eq!(walk(&api.admin(), MAILS, "delivery_id").await, [json!(told)]);
    assert_eq!(resend(json!({ "recipient": "admin@example.org" })).await, json!({ "matched": 0, "changed": 0 }));
    assert_eq!(resend(json!({ "template_id": "mail.dead_lettered" })).await, json!({ "matched": 1, "changed": 1 }));
    // Putting away is for alarms too.
    mail_is(&api, told, "dead_lettered").await;
    let all = json!({ "filter": {} });
    let away = api.admin().post(format!("{MAILS}/dismiss")).json(&all).send().await.expect(200).json();
    assert_eq!(away, json!({ "matched": 1, "changed": 1 }));
}
