//! What the mail with a sign-in code says (SPEC §6, §11).

use serde_json::json;

use super::sign_in;
use crate::harness::Api;

/// Subject and text of the mail that waits for the challenge.
async fn mail(api: &Api, challenge: &str) -> (String, String) {
    sqlx::query_as(
        "SELECT p.subject, p.body_text FROM mail_payloads p JOIN mail_deliveries d USING (delivery_id) WHERE d.idempotency_key = $1",
    )
    .bind(challenge)
    .fetch_one(&api.pool())
    .await
    .unwrap()
}

/// The two times in a mail, as they stand there.
fn times(text: &str) -> (String, String) {
    let after = |cue: &str| {
        let rest = text.split_once(cue).unwrap_or_else(|| panic!("no {cue:?} in {text}")).1;
        rest.split_once(')').unwrap().0.to_owned() + ")"
    };
    (after("asked for on "), after("until "))
}

#[tokio::test]
async fn a_code_says_when_it_was_asked_for_and_until_when_it_holds_in_the_accounts_zone() {
    let api = Api::start().await;
    let first = sign_in::send(&api, "ada@example.org").await;
    let (subject, text) = mail(&api, &first).await;
    let (asked, until) = times(&text);
    assert!(asked.ends_with("(UTC)") && until.ends_with("(UTC)"), "nobody's zone is known yet: {text}");
    assert_ne!(asked, until);
    let clock = asked.split(", ").last().unwrap().split(' ').next().unwrap();
    assert_eq!(subject, format!("Your Galaxy sign-in code, {clock}"), "two mails are told apart by it");

    let code = sign_in::code(&api, &first).await;
    sign_in::confirm(&api, &first, &code, json!({ "time_zone": "Asia/Tokyo" })).await.expect(200);
    let second = sign_in::send(&api, "ada@example.org").await;
    let (asked, until) = times(&mail(&api, &second).await.1);
    assert!(asked.ends_with("(Asia/Tokyo, UTC+09:00)") && until.ends_with("(Asia/Tokyo, UTC+09:00)"), "{asked}");

    // What the mail says is what the challenge and the delivery hold.
    let (asked_at, expires_at): (String, String) = sqlx::query_as(
        "SELECT to_char((d.expires_at - interval '10 minutes') AT TIME ZONE 'Asia/Tokyo', 'HH24:MI:SS'),
                to_char(c.expires_at AT TIME ZONE 'Asia/Tokyo', 'HH24:MI:SS')
           FROM mail_deliveries d JOIN auth_challenges c ON c.challenge_id::text = d.idempotency_key WHERE d.idempotency_key = $1",
    )
    .bind(&second)
    .fetch_one(&api.pool())
    .await
    .unwrap();
    assert!(asked.contains(&asked_at) && until.contains(&expires_at), "{asked} {until}");
}
