//! The table of rights, walked: operation by role, with and without a second factor, confirmed and not, by session and by token
//! (SPEC §4 "Administrators"). A new operation is held to what the document says of it by being there.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::openapi::{Contract, ContractClient, Operation};

use crate::access::some_value;
use crate::harness::{Api, contract};

const ROLES: [&str; 5] = ["viewer", "support", "game_master", "operator", "owner"];

/// An account without a password, with a session and a token of its own that last.
struct Person {
    name: String,
    sessions: u32,
}

impl Person {
    async fn new(api: &Api, name: &str, roles: &[&str], factor: bool) -> Self {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        sqlx::query(
            "INSERT INTO admin_accounts (user_name, password_hash, roles, totp_secret)
             VALUES ($1, '!', $2, CASE WHEN $3 THEN '\\x01'::bytea END)",
        )
        .bind(name)
        .bind(&roles)
        .bind(factor)
        .execute(&api.pool())
        .await
        .unwrap();
        Self { name: name.to_owned(), sessions: 0 }
    }

    /// A session that has just begun: one of the operations ends it.
    async fn session(&mut self, api: &Api, confirmed: bool) -> ContractClient {
        self.sessions += 1;
        let cookie = format!("{}-{}", self.name, self.sessions);
        sqlx::query(
            "INSERT INTO admin_sessions (session_id, user_name, token_hash, expires_at, confirmed_until, ip, user_agent)
             VALUES (gen_random_uuid(), $1, $2, now() + interval '1 hour',
                     CASE WHEN $3 THEN now() + interval '10 minutes' END, '127.0.0.1', '')",
        )
        .bind(&self.name)
        .bind(Sha256::digest(cookie.as_bytes()).to_vec())
        .bind(confirmed)
        .execute(&api.pool())
        .await
        .unwrap();
        let client = api.client.with_header("Cookie", format!("__Host-galaxy-admin={cookie}"));
        client.with_header("Origin", format!("http://{}", api.rest))
    }

    async fn token(&self, api: &Api) -> ContractClient {
        let token = format!("galaxy_admin_{}", self.name);
        sqlx::query(
            "INSERT INTO admin_tokens (token_id, user_name, name, token_hash, roles, expires_at)
             SELECT gen_random_uuid(), user_name, 'x', $2, roles, now() + interval '1 hour' FROM admin_accounts WHERE user_name = $1",
        )
        .bind(&self.name)
        .bind(Sha256::digest(token.as_bytes()).to_vec())
        .execute(&api.pool())
        .await
        .unwrap();
        api.client.with_bearer(&token)
    }
}

/// What an operation answers to somebody, with a body that asks for the most that it can.
async fn call(client: &ContractClient, operation: &Operation) -> (u16, String) {
    let request = client.request(operation.method.parse().unwrap(), operation.path_with(some_value)).bad();
    let body = match operation.id.as_str() {
        "admin_create_sanction" => json!({ "kind": "permanent_block", "reason": "x" }),
        _ => json!({}),
    };
    let request = if operation.method == "GET" { request } else { request.json(&body) };
    let answer = request.send().await;
    let code = match answer.status.is_success() {
        true => String::new(),
        false => answer.json()["code"].as_str().unwrap_or_default().to_owned(),
    };
    (answer.status.as_u16(), code)
}

fn guarded(contract: &Contract) -> impl Iterator<Item = &Operation> {
    contract.operations().iter().filter(|o| o.path.starts_with("/api/v1/admin/") && !o.security.is_empty())
}

fn roles(operation: &Operation) -> Vec<&str> {
    let roles = operation.spec()["x-galaxy-roles"].as_array();
    let roles = roles.unwrap_or_else(|| panic!("{} names no roles", operation.name()));
    roles.iter().map(|role| role.as_str().unwrap()).collect()
}

/// Whether the document says that the operation answers a code.
fn documents(contract: &Contract, operation: &Operation, code: &str) -> bool {
    contract.answers(operation).iter().any(|answer| answer.code.as_deref() == Some(code))
}

#[test]
fn every_operation_of_administrators_names_its_roles_and_only_those_do() {
    let contract = contract();
    for operation in contract.operations() {
        let named = !operation.spec()["x-galaxy-roles"].is_null();
        let admin = operation.path.starts_with("/api/v1/admin/") && !operation.security.is_empty();
        assert_eq!(named, admin, "{}", operation.name());
        if admin {
            assert!(roles(operation).contains(&"owner"), "{}", operation.name());
            let letter = operation.path == "/api/v1/admin/mail/deliveries/{delivery_id}/content";
            let reads = operation.method == "GET" && !letter || operation.path.starts_with("/api/v1/admin/auth/");
            assert_eq!(roles(operation).contains(&"viewer"), reads, "{}", operation.name());
        }
    }
}

#[tokio::test]
async fn each_role_meets_its_borders_at_every_operation_and_each_refusal_is_in_the_trail() {
    let api = Api::start().await;
    let contract = contract();
    let nobody = api.client.with_header("Cookie", "__Host-galaxy-admin=nothing");
    let nobody = nobody.with_header("Origin", format!("http://{}", api.rest));
    for operation in guarded(&contract) {
        assert_eq!(call(&nobody, operation).await, (401, "admin_session_required".into()), "{}", operation.name());
    }
    let mut refusals = 0;
    for role in ROLES {
        let mut person = Person::new(&api, role, &[role], false).await;
        for operation in guarded(&contract) {
            let answer = call(&person.session(&api, false).await, operation).await;
            let refused = answer == (403, "role_required".into());
            assert_eq!(refused, !roles(operation).contains(&role), "{role}: {}: {answer:?}", operation.name());
            refusals += i64::from(refused);
        }
    }
    assert!(refusals > 100, "{refusals}");
    assert_eq!(
        api.count("audit_log WHERE outcome = 'refused' AND detail ->> 'code' = 'role_required'").await,
        refusals
    );
}

#[tokio::test]
async fn where_a_second_factor_is_required_it_comes_first_for_whoever_may_write() {
    let api = Api::start_with(&[("BACKEND_ADMIN_REQUIRE_TOTP", "true")]).await;
    let contract = contract();
    let code = "second_factor_required";
    let mut refusals = 0;
    for role in ROLES {
        let mut bare = Person::new(&api, &format!("bare-{role}"), &[role], false).await;
        let mut full = Person::new(&api, &format!("full-{role}"), &[role], true).await;
        for operation in guarded(&contract).filter(|operation| roles(operation).contains(&role)) {
            let expected = role != "viewer" && documents(&contract, operation, code);
            let answer = call(&bare.session(&api, false).await, operation).await;
            assert_eq!(answer == (403, code.into()), expected, "{role}: {}: {answer:?}", operation.name());
            refusals += i64::from(expected);
            let answer = call(&full.session(&api, true).await, operation).await;
            assert_ne!(answer.1, code, "{role}: {}", operation.name());
        }
    }
    let written = format!("audit_log WHERE outcome = 'refused' AND detail ->> 'code' = '{code}'");
    assert_eq!(api.count(&written).await, refusals);
}

#[tokio::test]
async fn what_wants_a_person_takes_no_token_and_what_wants_a_code_no_session_without_one() {
    let api = Api::start().await;
    let contract = contract();
    let mut owner = Person::new(&api, "owner", &["owner"], true).await;
    let token = owner.token(&api).await;
    let mut refusals = 0;
    for operation in guarded(&contract) {
        let (person, confirmation) = (
            documents(&contract, operation, "person_required"),
            documents(&contract, operation, "confirmation_required"),
        );
        let answer = call(&token, operation).await;
        assert_eq!(answer == (403, "person_required".into()), person, "{}: {answer:?}", operation.name());
        let answer = call(&owner.session(&api, false).await, operation).await;
        assert_eq!(answer == (403, "confirmation_required".into()), confirmation, "{}: {answer:?}", operation.name());
        let answer = call(&owner.session(&api, true).await, operation).await;
        assert_ne!(answer.1, "confirmation_required", "{}", operation.name());
        refusals += i64::from(person) + i64::from(confirmation);
    }
    assert!(refusals > 20, "{refusals}");
    let of_rights = "detail ->> 'code' IN ('person_required', 'confirmation_required')";
    assert_eq!(api.count(&format!("audit_log WHERE outcome = 'refused' AND {of_rights}")).await, refusals);
}

#[tokio::test]
async fn a_viewer_sees_addresses_masked_and_whoever_looks_after_people_in_full() {
    let api = Api::start().await;
    let user = api.account("ada").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', 'ada@example.org')",
        &user,
    )
    .await;
    for (name, roles, shown) in [
        ("eve", &["viewer"][..], "a***@example.org"),
        ("sue", &["support"], "ada@example.org"),
        ("sam", &["viewer", "support"], "ada@example.org"),
    ] {
        let client = Person::new(&api, name, roles, false).await.session(&api, false).await;
        let account = client.get(format!("/api/v1/admin/users/{user}")).send().await.expect(200).json();
        assert_eq!(account["email"], shown, "{name}");
        let listed: Value = client.get("/api/v1/admin/users").send().await.expect(200).json();
        assert_eq!(listed["items"][0]["email"], shown, "{name}");
    }
}
