//! Sign-in by mailed code (SPEC §6).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, text};

const SEND: &str = "/api/v1/public/auth/send-email-code";
const CONFIRM: &str = "/api/v1/public/auth/confirm-email-code";

pub async fn send(api: &Api, email: &str) -> String {
    let answer =
        api.client.post(SEND).json(&json!({ "email": email, "preferred_language": "de" })).send().await.expect(202);
    text(&answer.json(), "challenge_id")
}

/// The code in the mail that waits for the challenge.
pub async fn code(api: &Api, challenge: &str) -> String {
    let body: String = sqlx::query_scalar(
        "SELECT p.body_text FROM mail_payloads p JOIN mail_deliveries d USING (delivery_id) WHERE d.idempotency_key = $1",
    )
    .bind(challenge)
    .fetch_one(&api.pool())
    .await
    .unwrap();
    let is_code = |word: &&str| {
        let short = word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit());
        short || word.split('-').map(str::len).eq([4, 4, 4]) && word.bytes().all(|b| !b.is_ascii_lowercase())
    };
    let word = body.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(is_code);
    word.unwrap_or_else(|| panic!("no code in {body}")).to_owned()
}

pub async fn confirm(api: &Api, challenge: &str, code: &str, more: Value) -> ContractResponse {
    let mut body = json!({ "challenge_id": challenge, "code": code });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.client.post(CONFIRM).json(&body).send().await
}

/// Signs in with an address, from an address; what a client gets.
pub async fn sign_in_from(api: &Api, email: &str, ip: &str) -> Value {
    let challenge = send(api, email).await;
    let body = json!({ "challenge_id": challenge, "code": code(api, &challenge).await });
    api.client.post(CONFIRM).header("X-Forwarded-For", ip).json(&body).send().await.expect(200).json()
}

/// A challenge, and the code in its mail.
pub async fn mailed(api: &Api, email: &str) -> (String, String) {
    let challenge = send(api, email).await;
    let code = code(api, &challenge).await;
    (challenge, code)
}

/// A code of six digits that is not this one.
pub fn wrong(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

/// How many were answered with this problem.
fn refused(answers: &[ContractResponse], code: &str) -> usize {
    answers.iter().filter(|answer| answer.json()["code"] == code).count()
}

#[tokio::test]
async fn a_code_makes_an_account_once_and_a_session_each_time() {
    let api = Api::start().await;
    let first = send(&api, " Ada@Example.org ").await;
    let first_code = code(&api, &first).await;
    let signed_in =
        confirm(&api, &first, &first_code, json!({ "time_zone": "Europe/Berlin" })).await.expect(200).json();
    assert_eq!(signed_in["account_created"], true);
    confirm(&api, &first, &first_code, json!({})).await.expect_problem(410, "challenge_expired");

    let second = send(&api, "ada@example.org").await;
    let again = confirm(&api, &second, &code(&api, &second).await, json!({})).await.expect(200).json();
    assert_eq!((&again["account_created"], &again["user_id"]), (&json!(false), &signed_in["user_id"]));
    assert_ne!(again["device_session_id"], signed_in["device_session_id"]);

    let account = api.user(&text(&signed_in, "user_id")).get("/api/v1/user/account").send().await.expect(200).json();
    assert_eq!(
        (&account["email"], &account["preferred_language"], &account["time_zone"]),
        (&json!("ada@example.org"), &json!("de"), &json!("Europe/Berlin"))
    );
    assert_eq!((&account["entitlement"]["plan"], &account["sanctions"]), (&json!("free"), &json!([])));
}

#[tokio::test]
async fn tries_are_counted_before_they_are_compared() {
    let api = Api::start().await;
    let challenge = send(&api, "ada@example.org").await;
    let right = code(&api, &challenge).await;
    for _ in 0..5 {
        confirm(&api, &challenge, &wrong(&right), json!({})).await.expect_problem(422, "code_incorrect");
    }
    confirm(&api, &challenge, &right, json!({})).await.expect_problem(410, "challenge_expired");
    assert_eq!(api.count("accounts").await, 0);
}

#[tokio::test]
async fn many_guesses_at_once_get_no_more_tries() {
    let api = Api::start().await;
    let other = api.replica().await;
    let replicas = [&api, &other];
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    let guess = wrong(&right);
    let answers = join_all((0..20).map(|n| confirm(replicas[n % 2], &challenge, &guess, json!({})))).await;
    assert_eq!((refused(&answers, "code_incorrect"), refused(&answers, "challenge_expired")), (5, 15));
    for replica in replicas {
        confirm(replica, &challenge, &right, json!({})).await.expect_problem(410, "challenge_expired");
    }
}

#[tokio::test]
async fn a_code_that_is_out_of_tries_does_not_keep_its_owner_from_another() {
    let api = Api::start_with(&[("BACKEND_AUTH_CHALLENGE_THROTTLE_MAX", "1")]).await;
    let (burnt, right) = mailed(&api, "ada@example.org").await;
    assert_eq!(send(&api, "ada@example.org").await, burnt, "the one that lives is answered again");
    for _ in 0..5 {
        confirm(&api, &burnt, &wrong(&right), json!({})).await.expect_problem(422, "code_incorrect");
    }
    let (fresh, right) = mailed(&api, "ada@example.org").await;
    assert_ne!(fresh, burnt);
    confirm(&api, &fresh, &right, json!({})).await.expect(200);
}

#[tokio::test]
async fn the_throttle_answers_the_newest_again_and_mails_nothing() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut ids = Vec::new();
    for replica in [&api, &other, &api, &other, &api] {
        ids.push(send(replica, "ada@example.org").await);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    assert!(ids[3] == ids[2] && ids[4] == ids[2]);
    assert_eq!(api.count("mail_deliveries").await, 3);
}

#[tokio::test]
async fn many_requests_at_once_get_no_more_mails_than_the_throttle_lets_out() {
    let api = Api::start().await;
    let other = api.replica().await;
    let replicas = [&api, &other];
    let answered = join_all((0..12).map(|n| send(replicas[n % 2], "eve@example.org"))).await;
    let all =
        async |query: &'static str| -> Vec<String> { sqlx::query_scalar(query).fetch_all(&api.pool()).await.unwrap() };
    let live = all("SELECT challenge_id::text FROM auth_challenges WHERE address = 'eve@example.org'").await;
    let mails = all("SELECT idempotency_key FROM mail_deliveries").await;
    assert_eq!((live.len(), mails.len()), (3, 3));
    // Whoever asked holds a challenge that is live and whose code was mailed, and each of these was answered to somebody.
    let set = |ids: Vec<String>| ids.into_iter().collect::<BTreeSet<String>>();
    let live = set(live);
    assert_eq!(set(answered), live);
    assert_eq!(set(mails), live);
}

#[tokio::test]
async fn many_confirmations_at_once_make_one_account() {
    let api = Api::start_with(&[("BACKEND_AUTH_CHALLENGE_THROTTLE_MAX", "100")]).await;
    let other = api.replica().await;
    let replicas = [&api, &other];
    let mut challenges = Vec::new();
    for _ in 0..8 {
        challenges.push(mailed(&api, "ada@example.org").await);
    }
    let calls = challenges.iter().enumerate().map(|(n, (id, code))| confirm(replicas[n % 2], id, code, json!({})));
    let answers = join_all(calls).await;
    let answers: Vec<Value> = answers.into_iter().map(|a| a.expect(200).json()).collect();
    assert!(answers.iter().all(|a| a["user_id"] == answers[0]["user_id"]));
    assert_eq!(answers.iter().filter(|a| a["account_created"] == true).count(), 1);
    assert_eq!((api.count("accounts").await, api.count("device_sessions").await), (1, 8));
}

#[tokio::test]
async fn the_same_challenge_confirmed_at_once_opens_one_session() {
    let api = Api::start().await;
    let other = api.replica().await;
    let replicas = [&api, &other];
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    let answers = join_all((0..10).map(|n| confirm(replicas[n % 2], &challenge, &right, json!({})))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    assert_eq!(refused(&answers, "challenge_expired"), 9);
    assert_eq!((api.count("accounts").await, api.count("device_sessions").await), (1, 1));
}

#[tokio::test]
async fn a_blocked_account_signs_in_no_more_but_is_mailed_all_the_same() {
    let api = Api::start().await;
    let first = send(&api, "ada@example.org").await;
    let signed_in = confirm(&api, &first, &code(&api, &first).await, json!({})).await.expect(200).json();
    api.sanction(&text(&signed_in, "user_id"), "login_block").await;
    let second = send(&api, "ada@example.org").await;
    confirm(&api, &second, &code(&api, &second).await, json!({})).await.expect_problem(403, "account_blocked");
}

#[tokio::test]
async fn keys_must_be_points_of_large_order() {
    let api = Api::start().await;
    let challenge = send(&api, "ada@example.org").await;
    let right = code(&api, &challenge).await;
    let mut identity = [0u8; 32];
    identity[0] = 1;
    for bad in ["%%%".to_owned(), STANDARD.encode([7; 31]), STANDARD.encode(identity), STANDARD.encode([0; 32])] {
        let answer = confirm(&api, &challenge, &right, json!({ "client_public_key": bad })).await;
        let answer = answer.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/client_public_key");
    }
    let key = STANDARD.encode(ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key().as_bytes());
    let signed_in = confirm(&api, &challenge, &right, json!({ "client_public_key": key })).await.expect(200).json();
    let path = format!("/api/v1/internal/sessions/{}", text(&signed_in, "device_session_id"));
    let session = api.gateway().get(&path).send().await.expect(200).json();
    assert_eq!((&session["client_public_key"], &session["status"]), (&json!(key), &json!("active")));
}

#[tokio::test]
async fn malformed_requests_write_nothing() {
    let api = Api::start().await;
    for body in [
        json!({ "email": "nobody" }),
        json!({ "email": "a@b.cd\r\nBcc: x@y.zz" }),
        json!({ "email": "\"a b\"@example.org" }),
        json!({ "email": "a@[127.0.0.1]" }),
        json!({ "email": "a@localhost" }),
        json!({ "email": "a@example.org", "preferred_language": "not a tag" }),
    ] {
        api.client.post(SEND).json(&body).send().await.expect_problem(400, "invalid_request");
    }
    for body in [json!({}), json!({ "email": 5 }), json!({ "email": "a@example.org", "code": 1 })] {
        api.client.post(SEND).bad().json(&body).send().await.expect_problem(400, "invalid_request");
    }
    api.client
        .post(CONFIRM)
        .bad()
        .json(&json!({ "challenge_id": "x", "code": "123456" }))
        .send()
        .await
        .expect_problem(400, "invalid_request");
    assert_eq!((api.count("auth_challenges").await, api.count("mail_deliveries").await), (0, 0));
}
