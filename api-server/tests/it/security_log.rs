//! What failed sign-ins leave in the log and the metrics of the real binary (SPEC §6, §16).

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{TestDb, eventually};

use crate::binary::Binary;
use crate::harness::{ADMIN, PASSWORD};

const DEADLINE: Duration = Duration::from_secs(60);

/// The fields of the line with this event.
async fn line(binary: &mut Binary, event: &str) -> Value {
    let wanted = format!("\"event\":\"{event}\"");
    let line = binary.process.wait_for_line(|line| line.contains(&wanted), DEADLINE).await;
    serde_json::from_str(&line).unwrap()
}

#[tokio::test]
async fn failures_leave_who_and_from_where_and_nothing_secret() {
    let db = TestDb::new().await;
    let settings = [
        ("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN),
        ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", PASSWORD),
        ("BACKEND_AUTH_GUARD_WRONG_TRIES", "1"),
    ];
    let mut binary = Binary::start(&db, &settings);
    binary.ready().await;
    let http = reqwest::Client::new();
    let base = format!("http://{}/api/v1", binary.rest);
    let url = |path: &str| format!("{base}{path}");
    let admin = http.get(url("/admin/games")).basic_auth(ADMIN, Some("hunter2 hunter2"));
    assert_eq!(admin.header("x-forwarded-for", "203.0.113.66").send().await.unwrap().status(), 401);
    let sent = http.post(url("/public/auth/send-email-code")).json(&json!({ "email": "ada.secret@example.org" }));
    let challenge = sent.send().await.unwrap().json::<Value>().await.unwrap()["challenge_id"].clone();
    for code in ["987651", "987652"] {
        let tried = http.post(url("/public/auth/confirm-email-code"));
        let tried = tried
            .header("x-forwarded-for", "2001:db8:0:1::7")
            .json(&json!({ "challenge_id": challenge, "code": code }));
        assert!([200, 422].contains(&tried.send().await.unwrap().status().as_u16()));
    }

    let refused = line(&mut binary, "admin_refused").await;
    let fields =
        ["admin", "ip", "outcome", "level"].map(|field| refused[field].as_str().unwrap_or_default().to_owned());
    assert_eq!(fields, [ADMIN, "203.0.113.66", "wrong", "warn"], "{refused}");
    assert!(refused["request_id"].is_string(), "{refused}");
    // Somebody who typed their password into the name's field.
    let mistyped = http.get(url("/admin/games")).basic_auth("correct-horse-battery", Some(""));
    assert_eq!(mistyped.send().await.unwrap().status(), 401);
    let nameless = |line: &str| line.contains("admin_refused") && !line.contains(ADMIN);
    let refused = binary.process.wait_for_line(nameless, DEADLINE).await;
    let refused: Value = serde_json::from_str(&refused).unwrap();
    assert_eq!((&refused["admin"], &refused["outcome"]), (&Value::Null, &json!("wrong")), "{refused}");
    let refused = line(&mut binary, "code_refused").await;
    assert_eq!(
        (&refused["network"], &refused["outcome"]),
        (&json!("2001:db8:0:1::/64"), &json!("incorrect")),
        "{refused}"
    );
    let guarded = line(&mut binary, "address_guarded").await;
    assert_eq!(guarded["cause"], "wrong_tries", "{guarded}");
    let ops = format!("http://{}/metrics", binary.ops);
    eventually(DEADLINE, "the metrics", || async {
        let metrics = reqwest::get(&ops).await.unwrap().text().await.unwrap();
        let has = |name: &str, label: &str| {
            metrics.lines().any(|line| line.starts_with(name) && line.contains(label) && !line.ends_with(" 0"))
        };
        let all = has("admin_sign_in_failures_total", "outcome=\"wrong\"")
            && has("auth_wrong_codes_total", "outcome=\"incorrect\"")
            && has("auth_addresses_guarded_total", "cause=\"wrong_tries\"");
        if all { Ok(()) } else { Err(metrics) }
    })
    .await;
    let log = binary.process.lines().join("\n");
    for secret in ["hunter2", "correct-horse", "ada.secret", "98765", PASSWORD] {
        assert!(!log.contains(secret), "{secret} stands in the log");
    }
    binary.stop().await;
}

#[tokio::test]
async fn a_start_with_secrets_that_can_be_guessed_fails_and_names_each() {
    let db = TestDb::new().await;
    let seventy_two = "kQ3#vX9!pL2$wZ7%mR5^tB8&nC4*jD6(hF1)gS0_yA+uE=iO-xK?rT:qW;zV,cM.bN/lPuYx";
    assert_eq!(seventy_two.len(), 72);
    let settings = [
        ("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN),
        ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", seventy_two),
        ("BACKEND_GATEWAY_TOKEN", "g"),
        ("BACKEND_WORKER_TOKEN", "w"),
        ("BACKEND_AUTH_CODE_PEPPER", "p"),
    ];
    let mut binary = Binary::start(&db, &settings);
    let status = binary.process.wait_exit(DEADLINE).await.unwrap();
    assert!(!status.success());
    let said = binary.process.lines().join("\n");
    for name in settings.iter().map(|(name, _)| name).filter(|name| !name.ends_with("USER")) {
        assert!(said.contains(name), "{name} is not among the faults: {said}");
    }
    assert!(!said.contains(seventy_two), "{said}");
}
