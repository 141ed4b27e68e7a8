//! Administrators: made, disabled, given passwords.

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use super::{items, walk};
use crate::harness::{ADMIN, Api, PASSWORD, text};

const ACCOUNTS: &str = "/api/v1/admin/admin-accounts";
const SECRET: &str = "a long enough one";

fn of(name: &str, verb: &str) -> String {
    format!("{ACCOUNTS}/{name}{}{verb}", if verb.is_empty() { "" } else { "/" })
}

async fn make(api: &Api, name: &str) -> ContractClient {
    let body = json!({ "user_name": name, "password": SECRET });
    api.admin().post(ACCOUNTS).json(&body).send().await.expect(201);
    api.client.with_basic(name, SECRET)
}

#[tokio::test]
async fn an_administrator_is_made_seen_and_logs_in() {
    let api = Api::start().await;
    let body = json!({ "user_name": "ada", "password": SECRET });
    let answer = api.admin().post(ACCOUNTS).json(&body).send().await.expect(201);
    assert_eq!(answer.header("location"), of("ada", ""));
    let ada = answer.json();
    assert_eq!((&ada["user_name"], &ada["enabled"], &ada["last_used_at"]), (&json!("ada"), &json!(true), &Value::Null));
    assert!(ada.get("password").is_none());
    let client = api.client.with_basic("ada", SECRET);
    let seen = client.get(of("ada", "")).send().await.expect(200).json();
    assert!(seen["last_used_at"].is_string(), "{seen}");
    for name in ["Bob", "cid", "zoe"] {
        make(&api, name).await;
    }
    assert_eq!(walk(&client, ACCOUNTS, "user_name").await, ["zoe", ADMIN, "cid", "ada", "Bob"], "by the names' bytes");
    assert_eq!(items(&client, ACCOUNTS).await.len(), 5);

    api.admin().post(ACCOUNTS).json(&body).send().await.expect_problem(409, "admin_account_exists");
    for verb in ["", "enable", "disable", "reset-password"] {
        let method = if verb.is_empty() { "GET" } else { "POST" };
        let answer = client.request(method.parse().unwrap(), of("nobody", verb)).send().await;
        answer.expect_problem(404, "admin_account_not_found");
    }
    for (change, pointer) in [
        (json!({ "user_name": "a:b", "password": SECRET }), "/user_name"),
        (json!({ "user_name": "", "password": SECRET }), "/user_name"),
        (json!({ "user_name": "a b", "password": SECRET }), "/user_name"),
        (json!({ "user_name": "eve", "password": "short" }), "/password"),
        (json!({ "user_name": "eve", "password": "fourteen bytes" }), "/password"),
        (json!({ "user_name": "eve", "password": "x".repeat(72) }), "/password"),
        (json!({ "user_name": "eve", "password": "passwordpassword" }), "/password"),
        (json!({ "user_name": "evelyn-the-second", "password": "evelyn-the-second" }), "/password"),
        (json!({ "user_name": "eve", "password": "я".repeat(37) }), "/password"),
        (json!({ "user_name": "eve", "password": "line\nline\nline" }), "/password"),
    ] {
        let answer = client.post(ACCOUNTS).bad().json(&change).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{change}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(SECRET), "{}", answer.json());
    }
}

#[tokio::test]
async fn administrators_are_listed_by_whether_they_may_log_in() {
    let api = Api::start().await;
    let admin = api.admin();
    for name in ["ada", "bob", "cid", "dan", "eve"] {
        make(&api, name).await;
    }
    for name in ["ada", "cid", "eve"] {
        admin.post(of(name, "disable")).send().await.expect(200);
    }
    assert_eq!(walk(&admin, &format!("{ACCOUNTS}?enabled=true"), "user_name").await, [ADMIN, "dan", "bob"]);
    assert_eq!(walk(&admin, &format!("{ACCOUNTS}?enabled=false"), "user_name").await, ["eve", "cid", "ada"]);
    let answer = admin.get(ACCOUNTS).bad().query("enabled", "1").send().await.expect_problem(400, "invalid_request");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/query/enabled");
}

#[tokio::test]
async fn a_key_makes_one_administrator_on_two_replicas() {
    let api = Api::start().await;
    let other = api.replica().await;
    let body = json!({ "user_name": "ada", "password": SECRET });
    let make = |api: &Api, key: &str, body: &Value| {
        api.admin().post(ACCOUNTS).header("Idempotency-Key", key).json(body).send()
    };
    let answers = join_all((0..6).map(|n| make(if n % 2 == 0 { &api } else { &other }, "k", &body))).await;
    for answer in answers {
        assert_eq!(answer.expect(201).json()["user_name"], "ada");
    }
    assert_eq!(api.count("admin_accounts").await, 2);
    assert_eq!(api.count("audit_log WHERE action = 'admin_account.create'").await, 1);
    // The password is part of what is asked.
    let changed = json!({ "user_name": "ada", "password": "another long one" });
    make(&api, "k", &changed).await.expect_problem(422, "idempotency_key_reused");
    make(&api, "k2", &body).await.expect_problem(409, "admin_account_exists");
    // A replay answers the present state, whatever the password is by now.
    other.admin().post(of("ada", "reset-password")).send().await.expect(200);
    other.admin().post(of("ada", "disable")).send().await.expect(200);
    assert_eq!(make(&api, "k", &body).await.expect(201).json()["enabled"], false);
}

#[tokio::test]
async fn a_disabled_administrator_is_refused_with_the_very_next_request_everywhere() {
    let api = Api::start().await;
    let other = api.replica().await;
    make(&api, "ada").await;
    let ada = other.client.with_basic("ada", SECRET);
    ada.get(ACCOUNTS).send().await.expect(200);
    let answer = api.admin().post(of("ada", "disable")).send().await.expect(200);
    assert_eq!(answer.json()["enabled"], false);
    ada.get(ACCOUNTS).send().await.expect_problem(401, "admin_credentials_required");
    api.admin().post(of(ADMIN, "disable")).send().await.expect_problem(409, "last_administrator");
    // Disabling a disabled one changes nothing.
    api.admin().post(of("ada", "disable")).send().await.expect(200);
    api.admin().post(of("ada", "enable")).send().await.expect(200);
    ada.get(ACCOUNTS).send().await.expect(200);
    // Now there is another one: the first may go, of their own will too.
    api.admin().post(of(ADMIN, "disable")).send().await.expect(200);
    other.admin().get(ACCOUNTS).send().await.expect_problem(401, "admin_credentials_required");
    ada.post(of("ada", "disable")).send().await.expect_problem(409, "last_administrator");
}

#[tokio::test]
async fn of_administrators_who_disable_each_other_at_once_one_stays() {
    let api = Api::start().await;
    let other = api.replica().await;
    make(&api, "ada").await;
    let root = api.admin();
    let ada = other.client.with_basic("ada", SECRET);
    for _ in 0..5 {
        // Both are known to their replicas, so that both are let in before either is done.
        root.get(ACCOUNTS).send().await.expect(200);
        ada.get(ACCOUNTS).send().await.expect(200);
        let (one, two) = tokio::join!(root.post(of("ada", "disable")).send(), ada.post(of(ADMIN, "disable")).send());
        let statuses = [one.status.as_u16(), two.status.as_u16()];
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        // The loser was either too late to be let in, or is the last one.
        assert!(statuses.iter().all(|status| [200, 401, 409].contains(status)), "{statuses:?}");
        assert_eq!(api.count("admin_accounts WHERE enabled").await, 1);
        sqlx::query("UPDATE admin_accounts SET enabled = true").execute(&api.pool()).await.unwrap();
    }
    // Many at once, everybody against everybody.
    for name in ["bob", "cid"] {
        make(&api, name).await;
    }
    let victims = [ADMIN, "ada", "bob", "cid"];
    let strikes =
        victims.iter().flat_map(|victim| [&root, &other.admin()].map(|by| by.post(of(victim, "disable")).send()));
    let done = join_all(strikes).await.iter().filter(|answer| answer.status == 200).count();
    assert!(done >= 1);
    assert!(api.count("admin_accounts WHERE enabled").await >= 1, "somebody is left");
}

#[tokio::test]
async fn a_new_password_ends_the_old_one_everywhere_and_no_start_brings_it_back() {
    let api = Api::start().await;
    let other = api.replica().await;
    let old = other.admin();
    old.get(ACCOUNTS).send().await.expect(200);
    let reset = || api.admin().post(of(ADMIN, "reset-password")).header("Idempotency-Key", "k").send();
    let answer = reset().await.expect(200);
    let new = text(&answer.json(), "password");
    assert!(new.len() >= 32 && new.is_ascii());
    assert_eq!(answer.header("cache-control"), "no-store");
    for replica in [&api, &other] {
        replica.admin().get(ACCOUNTS).send().await.expect_problem(401, "admin_credentials_required");
        replica.client.with_basic(ADMIN, &new).get(ACCOUNTS).send().await.expect(200);
    }
    // The key is ignored: a secret is not shown twice.
    let root = api.client.with_basic(ADMIN, &new);
    let answer = root.post(of(ADMIN, "reset-password")).header("Idempotency-Key", "k").send().await.expect(200);
    let newer = text(&answer.json(), "password");
    assert_ne!(newer, new);
    // A replica that starts with the bootstrap's password inserts nothing and overwrites nothing.
    let third = api.replica().await;
    third.admin().get(ACCOUNTS).send().await.expect_problem(401, "admin_credentials_required");
    third.client.with_basic(ADMIN, &newer).get(ACCOUNTS).send().await.expect(200);
    let trail: String = sqlx::query_scalar("SELECT string_agg(audit_log::text, ' ') FROM audit_log")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    for secret in [PASSWORD, &new, &newer] {
        assert!(!trail.contains(secret), "{trail}");
    }
}

#[tokio::test]
async fn an_address_is_given_kept_and_taken_away() {
    let api = Api::start().await;
    make(&api, "ada").await;
    let patch = |body: Value| api.admin().patch(of("ada", "")).json(&body).send();
    assert_eq!(patch(json!({ "email": "ada@example.org" })).await.expect(200).json()["email"], "ada@example.org");
    assert_eq!(patch(json!({ "roles": ["viewer"] })).await.expect(200).json()["email"], "ada@example.org");
    let gone = patch(json!({ "email": null })).await.expect(200).json();
    assert_eq!((&gone["email"], &gone["roles"]), (&Value::Null, &json!(["viewer"])));
    assert_eq!(api.count("admin_accounts WHERE user_name = 'ada' AND email IS NULL").await, 1);
    assert_eq!(
        patch(json!({ "roles": null })).await.expect(200).json()["roles"],
        json!(["viewer"]),
        "as if it were absent"
    );
}
