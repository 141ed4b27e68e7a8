//! `sign-in`, `second-factor` and `sign-out`.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{AUTH, administrator, ask, by_code, code, forget_steps, set_up, signed_in};
use crate::harness::{ADMIN, Api, PASSWORD};

const LIST: &str = "/api/v1/admin/queues";
const PAUSE: &str = "/api/v1/admin/queues/mail/pause";

#[tokio::test]
async fn an_administrator_signs_in_by_cookie_and_out_again() {
    let api = Api::start().await;
    let other = api.replica().await;
    let answer = ask(&api, ADMIN, PASSWORD).await.expect(200);
    let cookie = answer.header("set-cookie").to_owned();
    for part in ["__Host-galaxy-admin=", "; Path=/", "; Max-Age=43200", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(answer.json()["session"]["current"], true);
    let client = super::with_cookie(&api, &answer);
    let me = client.get(format!("{AUTH}/me")).send().await.expect(200).json();
    assert_eq!((&me["user_name"], &me["via"], &me["roles"]), (&json!(ADMIN), &json!("session"), &json!(["owner"])));
    client.post(PAUSE).send().await.expect(200);
    // A write wants the word of the browser that the page is ours.
    client.post(PAUSE).without_header("Origin").send().await.expect_problem(403, "cross_site");
    client.get(LIST).without_header("Origin").send().await.expect(200);
    let elsewhere = super::with_cookie(&other, &answer);
    elsewhere.get(LIST).send().await.expect(200);
    let out = client.post(format!("{AUTH}/sign-out")).send().await.expect(200);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    assert_eq!(out.json()["end_reason"], "signed_out");
    for replica in [&client, &elsewhere] {
        let refused = replica.get(LIST).send().await.expect_problem(401, "admin_session_required");
        assert_eq!(refused.header("www-authenticate"), r#"Bearer realm="galaxy-admin""#);
    }
    api.admin().post(format!("{AUTH}/sign-out")).send().await.expect_problem(409, "no_session");
    // Only the hash is kept.
    let secret = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let kept: String = sqlx::query_scalar("SELECT string_agg(s::text, ' ') FROM admin_sessions s")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    assert!(!kept.contains(&secret));
}

#[tokio::test]
async fn over_plain_http_nobody_signs_in_but_from_this_machine() {
    let api = Api::start().await;
    let remote = api.client.with_header("X-Forwarded-For", "203.0.113.7");
    let body = json!({ "user_name": ADMIN, "password": PASSWORD });
    let sign_in = format!("{AUTH}/sign-in");
    remote.post(&sign_in).json(&body).send().await.expect_problem(400, "insecure_transport");
    // A proxy's own `Host` says nothing of the client.
    let own = remote.post(&sign_in).header("Host", "127.0.0.1:8080");
    own.json(&body).send().await.expect_problem(400, "insecure_transport");
    remote.post(&sign_in).header("X-Forwarded-Proto", "https").json(&body).send().await.expect(200);
    let second = json!({ "ticket": "x", "code": "123456" });
    let step = format!("{AUTH}/second-factor");
    remote.post(&step).json(&second).send().await.expect_problem(400, "insecure_transport");
    api.client.post(&step).json(&second).send().await.expect_problem(410, "sign_in_ticket_expired");
}

#[tokio::test]
async fn failures_are_alike_counted_slowed_and_written_down() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let mut answers = Vec::new();
    // Whoever types a password into the name's field does not find it in the trail.
    for (name, written) in [("ada", "ada"), ("nobody", "?")] {
        let answer = ask(&api, name, "a wrong password").await.expect_problem(401, "sign_in_refused").json();
        answers.push((answer["detail"].clone(), answer["code"].clone()));
        let line: (String, String, String) = sqlx::query_as(
            "SELECT action, outcome, via FROM audit_log WHERE actor = $1 ORDER BY audit_id DESC LIMIT 1",
        )
        .bind(written)
        .fetch_one(&api.pool())
        .await
        .unwrap();
        assert_eq!((line.0.as_str(), line.1.as_str(), line.2.as_str()), ("admin.sign_in", "refused", "session"));
    }
    assert_eq!(answers[0], answers[1]);
    let guesses = join_all((0..20).map(|n| {
        let body = json!({ "user_name": "ada", "password": format!("guess number {n}") });
        api.client.post(format!("{AUTH}/sign-in")).json(&body).send()
    }))
    .await;
    let count = |status: u16| guesses.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(401), count(429)), (5, 15), "one of the six was used above");
    // Failures here slow nobody elsewhere.
    let elsewhere = api.client.with_header("X-Forwarded-For", "198.51.100.7").with_header("X-Forwarded-Proto", "https");
    let body = json!({ "user_name": "ada", "password": PASSWORD });
    elsewhere.post(format!("{AUTH}/sign-in")).json(&body).send().await.expect(200);
}

#[tokio::test]
async fn a_right_password_that_leads_no_further_is_written_down() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    set_up(&api, &signed_in(&api, "ada").await).await;
    let before = api.count("audit_log").await;
    ask(&api, "ada", PASSWORD).await.expect(200);
    let basic = api.client.with_basic("ada", PASSWORD).get(LIST).send().await;
    basic.expect_problem(401, "admin_session_required");
    let lines: Vec<(String, String, String, Value, bool)> = sqlx::query_as(
        "SELECT action, outcome, via, detail, session_id IS NULL FROM audit_log WHERE actor = 'ada' ORDER BY audit_id DESC LIMIT 2",
    )
    .fetch_all(&api.pool())
    .await
    .unwrap();
    let line = |outcome: &str, via: &str, detail: Value| {
        ("admin.sign_in".to_owned(), outcome.to_owned(), via.to_owned(), detail, true)
    };
    let expected = [
        line("refused", "basic", json!({ "outcome": "second_factor" })),
        line("done", "session", json!({ "second_factor": "awaited" })),
    ];
    assert_eq!((lines.as_slice(), api.count("audit_log").await - before), (expected.as_slice(), 2));
}

#[tokio::test]
async fn a_stranger_at_the_same_address_spends_nothing_of_an_administrators_way_in() {
    let api = Api::start_with(&[("BACKEND_HTTP_PUBLIC_RATE", "20")]).await;
    administrator(&api, "ada", &["owner"]).await;
    let office = api.client.with_header("X-Forwarded-For", "198.51.100.7").with_header("X-Forwarded-Proto", "https");
    let sign_in = format!("{AUTH}/sign-in");
    let body = json!({ "user_name": "ada", "password": PASSWORD });
    office.post(&sign_in).json(&body).send().await.expect(200);
    let long = json!({ "user_name": "ada", "password": "x".repeat(20_000) });
    for what in ["nothing", "no form", "too long", "players' codes"] {
        let asked = (0..150).map(|_| match what {
            "nothing" => office.post(&sign_in).bad(),
            "no form" => office.post(&sign_in).bad().json(&json!({ "name": "ada" })),
            "too long" => office.post(&sign_in).bad().json(&long),
            _ => office.post("/api/v1/public/auth/send-email-code").bad(),
        });
        let answers = join_all(asked.map(|request| request.send())).await;
        let slowed = answers.iter().filter(|answer| answer.status == 429).count();
        assert!(slowed > 0, "{what} is slowed down");
    }
    office.post(&sign_in).json(&body).send().await.expect(200);
    let ticket = json!({ "ticket": "none", "code": "123456" });
    office
        .post(format!("{AUTH}/second-factor"))
        .json(&ticket)
        .send()
        .await
        .expect_problem(410, "sign_in_ticket_expired");
}

#[tokio::test]
async fn a_ticket_takes_five_codes_and_becomes_one_session() {
    let api = Api::start().await;
    let other = api.replica().await;
    administrator(&api, "ada", &["owner"]).await;
    let (secret, recovery, _) = set_up(&api, &signed_in(&api, "ada").await).await;
    let ticket = async || ask(&api, "ada", PASSWORD).await.expect(200).json();
    let half = ticket().await;
    assert_eq!((&half["second_factor"], &half["session"]), (&json!("totp"), &Value::Null));
    let step = |replica: &Api, ticket: &Value, code: &str| {
        let body = json!({ "ticket": ticket, "code": code });
        replica.client.post(format!("{AUTH}/second-factor")).json(&body).send()
    };
    for _ in 0..5 {
        step(&api, &half["ticket"], "000000000").await.expect_problem(422, "code_incorrect");
    }
    forget_steps(&api, "ada").await;
    let right = code(&api, &secret, 0).await;
    step(&api, &half["ticket"], &right).await.expect_problem(410, "sign_in_ticket_expired");
    // One code, two tickets, two replicas, at once: it counts once.
    let (one, two) = (ticket().await, ticket().await);
    let (first, second) = tokio::join!(step(&api, &one["ticket"], &right), step(&other, &two["ticket"], &right));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
    // An earlier code is no better.
    step(&api, &ticket().await["ticket"], &code(&api, &secret, -1).await).await.expect_problem(422, "code_incorrect");
    // A recovery code stands in, however it is typed, once.
    let typed = recovery[0].to_lowercase().replace('-', " ");
    by_code(&api, "ada", &typed).await.expect(200);
    by_code(&api, "ada", &recovery[0]).await.expect_problem(422, "code_incorrect");
    // A ticket is worth nothing once the password is another one.
    let old = ticket().await;
    api.admin().post("/api/v1/admin/admin-accounts/ada/reset-password").send().await.expect(200);
    step(&api, &old["ticket"], &recovery[1]).await.expect_problem(410, "sign_in_ticket_expired");
}

#[tokio::test]
async fn many_wrong_codes_from_elsewhere_leave_the_owner_at_home_and_their_recovery_codes_alone() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    let (secret, recovery, _) = set_up(&api, &signed_in(&api, "ada").await).await;
    api.sql(
        "UPDATE admin_accounts SET code_tries = 1000, code_day = (now() AT TIME ZONE 'UTC')::date WHERE user_name = $1",
        "ada",
    )
    .await;
    forget_steps(&api, "ada").await;
    let stranger = api.client.with_header("X-Forwarded-For", "203.0.113.66").with_header("X-Forwarded-Proto", "https");
    let step = async |code: &str| {
        let body = json!({ "user_name": "ada", "password": PASSWORD });
        let ticket =
            stranger.post(format!("{AUTH}/sign-in")).json(&body).send().await.expect(200).json()["ticket"].clone();
        let body = json!({ "ticket": ticket, "code": code });
        stranger.post(format!("{AUTH}/second-factor")).json(&body).send().await
    };
    let right = code(&api, &secret, 0).await;
    step(&right).await.expect_problem(422, "code_incorrect");
    by_code(&api, "ada", &right).await.expect(200);
    step(&recovery[0]).await.expect(200);
}

#[tokio::test]
async fn wrong_codes_from_one_network_are_slowed() {
    let api = Api::start().await;
    administrator(&api, "ada", &["owner"]).await;
    set_up(&api, &signed_in(&api, "ada").await).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(by_code(&api, "ada", "000000000").await.status.as_u16());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 10, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
}
