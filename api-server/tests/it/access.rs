//! Who may call what (SPEC §4), walked over the document: a new operation in no group fails here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::openapi::{ContractClient, Operation};

use crate::harness::{ADMIN, Api, GATEWAY_TOKEN, PASSWORD};

/// Something that fits, for each path parameter.
pub fn some_value(parameter: &str) -> String {
    match parameter {
        "version" => "1.0.0".to_owned(),
        "turn" => "0".to_owned(),
        name if name.ends_with("_id") => "00000000-0000-7000-8000-000000000001".to_owned(),
        name => format!("no-such-{}", name.replace('_', "-")),
    }
}

/// Accounts of administrators whose passwords are checked in no time, so that each operation can have failures of its own:
/// of the first ones the password is not the one sent, the others are disabled.
async fn failing_administrators(api: &Api, count: usize) -> Vec<ContractClient> {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    sqlx::query(
        "INSERT INTO admin_accounts (user_name, password_hash, enabled)
         SELECT kind || '-' || n, $1, kind = 'wrong' FROM generate_series(1, $2) n, unnest(ARRAY['wrong', 'disabled']) kind",
    )
    .bind(&hash)
    .bind(i32::try_from(count).unwrap())
    .execute(&api.pool())
    .await
    .unwrap();
    (1..=count)
        .flat_map(|n| {
            // Failures are counted by address too.
            let from = api.client.with_header("X-Forwarded-For", format!("198.51.{}.{}", n / 250, n % 250));
            [from.with_basic(&format!("wrong-{n}"), "another"), from.with_basic(&format!("disabled-{n}"), PASSWORD)]
        })
        .collect()
}

async fn call(client: &ContractClient, operation: &Operation) -> (u16, String, String) {
    let request = client.request(operation.method.parse().unwrap(), operation.path_with(some_value)).bad();
    let request = if operation.method == "GET" { request } else { request.body("application/json", "{}") };
    let answer = request.send().await;
    let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code, answer.header("www-authenticate").to_owned())
}

#[tokio::test]
async fn every_operation_refuses_whoever_lacks_its_credential() {
    let api = Api::start().await;
    let (blocked, _) = api.player("blocked").await;
    api.sanction(&blocked, "permanent_block").await;
    let (deleted, _) = api.player("deleted").await;
    sqlx::query("UPDATE accounts SET deleted_at = now() WHERE user_id = $1::uuid")
        .bind(&deleted)
        .execute(&api.pool())
        .await
        .unwrap();
    let (ada, _) = api.player("ada").await;
    let contract = crate::harness::contract();
    let mut failing = failing_administrators(&api, contract.operations().len()).await.into_iter();
    let nobody = "00000000-0000-7000-8000-00000000dead";
    let wrong_token = api.client.with_bearer("another");
    let worker = api.client.with_bearer(crate::harness::WORKER_TOKEN);
    for operation in contract.operations() {
        let group = operation.path.split('/').nth(3).unwrap();
        let name = format!("{} {}", operation.method, operation.path);
        let expected = |code: &str, challenge: &str| (401, code.to_owned(), challenge.to_owned());
        let gateway = expected("credentials_required", r#"Bearer realm="galaxy-gateway""#);
        let unknown = expected("user_unknown", r#"Bearer realm="galaxy-user""#);
        let admin = expected("admin_credentials_required", r#"Basic realm="galaxy-admin""#);
        match group {
            "public" => {
                assert!(operation.security.is_empty(), "{name}");
                assert_ne!(call(&api.client, operation).await.0, 401, "{name}");
            }
            "internal" => {
                for caller in [&api.client, &wrong_token, &worker, &api.admin()] {
                    assert_eq!(call(caller, operation).await, gateway, "{name}");
                }
                assert_ne!(call(&api.gateway(), operation).await.0, 401, "{name}");
            }
            "user" => {
                for caller in [&api.client, &wrong_token, &worker, &api.client.with_header("X-User-ID", nobody)] {
                    assert_eq!(call(caller, operation).await, gateway, "{name}");
                }
                let braced = format!("{{{ada}}}");
                let (urn, bare) = (format!("urn:uuid:{ada}"), ada.replace('-', ""));
                for user in [nobody, "nonsense", &blocked, &deleted, &braced, &urn, &bare] {
                    assert_eq!(call(&api.user(user), operation).await, unknown, "{name} for {user}");
                }
                for caller in [api.gateway(), api.user("")] {
                    assert_eq!(call(&caller, operation).await, unknown, "{name}");
                }
            }
            // The two by which one comes in.
            "admin" if operation.security.is_empty() => {
                assert_ne!(call(&api.client, operation).await.0, 401, "{name}");
            }
            "admin" => {
                for caller in [&api.client, &api.gateway(), &worker, &api.user(&blocked)] {
                    assert_eq!(call(caller, operation).await, admin, "{name}");
                }
                for caller in failing.by_ref().take(2) {
                    assert_eq!(call(&caller, operation).await, admin, "{name}");
                }
            }
            other => panic!("{name} is in the unknown group {other}"),
        }
    }
}

/// RFC 9110, section 11.1.
#[tokio::test]
async fn the_scheme_of_a_credential_may_be_in_any_case() {
    let api = Api::start().await;
    let basic = STANDARD.encode(format!("{ADMIN}:{PASSWORD}"));
    for scheme in ["basic", "BASIC", "Basic "] {
        let given = format!("{scheme} {basic}");
        api.client.with_header("Authorization", &given).get("/api/v1/admin/queues").send().await.expect(200);
    }
    let session = "/api/v1/internal/sessions/00000000-0000-7000-8000-000000000001";
    let bearer = api.client.with_header("Authorization", format!("bEARER {GATEWAY_TOKEN}"));
    bearer.get(session).send().await.expect_problem(404, "session_not_found");
    let wrong = api.client.with_header("Authorization", format!("Token {GATEWAY_TOKEN}"));
    wrong.get(session).send().await.expect_problem(401, "credentials_required");
}

#[tokio::test]
async fn administrators_are_checked_against_their_row() {
    let api = Api::start().await;
    let list = "/api/v1/admin/games";
    api.admin().get(list).send().await.expect(200);
    for wrong in [
        api.client.with_basic(ADMIN, "wrong"),
        api.client.with_basic("nobody", PASSWORD),
        api.client.with_basic(ADMIN, ""),
    ] {
        let answer = wrong.get(list).send().await.expect_problem(401, "admin_credentials_required");
        assert_eq!(answer.header("www-authenticate"), r#"Basic realm="galaxy-admin""#);
    }
    // A verified password is remembered, the row is read all the same.
    sqlx::query("UPDATE admin_accounts SET enabled = false").execute(&api.pool()).await.unwrap();
    api.admin().get(list).send().await.expect_problem(401, "admin_credentials_required");
}

/// An administrator whose password is checked in no time.
async fn quick_administrator(api: &Api, name: &str) {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    sqlx::query("INSERT INTO admin_accounts (user_name, password_hash) VALUES ($1, $2)")
        .bind(name)
        .bind(&hash)
        .execute(&api.pool())
        .await
        .unwrap();
}

/// Guesses at an administrator's password, all at once, over these replicas; their statuses.
async fn guess(replicas: &[&Api], name: &str, from: &str, count: usize) -> Vec<u16> {
    let guesses = (0..count).map(|n| {
        let client = replicas[n % replicas.len()].client.with_header("X-Forwarded-For", from);
        let client = client.with_basic(name, &format!("guess number {n}"));
        async move { client.get(LIST).send().await.status.as_u16() }
    });
    futures::future::join_all(guesses).await
}

const LIST: &str = "/api/v1/admin/games";

#[tokio::test]
async fn failed_administrators_are_slowed_down() {
    let api = Api::start().await;
    let statuses = guess(&[&api], "somebody", "127.0.0.1", 40).await;
    let count = |status: u16| statuses.iter().filter(|s| **s == status).count();
    assert_eq!((count(401), count(429)), (6, 34), "counted before they are hashed: {statuses:?}");
    // Whatever they ask next, nothing is looked at.
    let wrong = api.client.with_basic("somebody", "wrong");
    let contract = crate::harness::contract();
    let guarded = |o: &&Operation| o.path.starts_with("/api/v1/admin/") && !o.security.is_empty();
    for operation in contract.operations().iter().filter(guarded) {
        let request = wrong.request(operation.method.parse().unwrap(), operation.path_with(some_value)).bad();
        let answer = request.send().await.expect_problem(429, "rate_limited");
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn wrong_guesses_from_elsewhere_never_keep_the_right_password_out() {
    let api = Api::start().await;
    let other = api.replica().await;
    quick_administrator(&api, "ada").await;
    for round in 0..3 {
        guess(&[&api, &other], "ada", "203.0.113.66", 14).await;
        for replica in [&api, &other] {
            let ada = replica.client.with_header("X-Forwarded-For", format!("198.51.100.{round}"));
            ada.with_basic("ada", PASSWORD).get(LIST).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_neighbour_behind_the_same_address_does_not_keep_out_who_signed_in_from_there() {
    let api = Api::start().await;
    quick_administrator(&api, "ada").await;
    let office = "198.51.100.7";
    let from_office = |api: &Api| api.client.with_header("X-Forwarded-For", office).with_basic("ada", PASSWORD);
    from_office(&api).get(LIST).send().await.expect(200);
    assert_eq!(api.count("admin_networks WHERE user_name = 'ada' AND network = '198.51.100.7/32'").await, 1);
    // Another replica knows of it too, and so would one that starts later.
    let other = api.replica().await;
    for _ in 0..3 {
        for replica in [&api, &other] {
            for n in 0..20 {
                let neighbour = replica.client.with_header("X-Forwarded-For", office);
                let neighbour = neighbour.with_basic("ada", &format!("guess number {n}"));
                neighbour.get(LIST).send().await.expect_problem(401, "admin_credentials_required");
            }
            from_office(replica).get(LIST).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn a_v6_network_is_one_address_to_every_limit() {
    let api = Api::start_with(&[("BACKEND_HTTP_PUBLIC_RATE", "20")]).await;
    let path = "/api/v1/public/auth/send-email-code";
    let ask = |from: String| {
        let client = api.client.with_header("X-Forwarded-For", from);
        async move { client.post(path).bad().send().await.status.as_u16() }
    };
    let mut statuses = Vec::new();
    for n in 0..160 {
        statuses.push(ask(format!("2001:db8:0:1:{:x}::{n:x}", n * 7)).await);
    }
    let limited = statuses.iter().filter(|status| **status == 429).count();
    assert!(limited >= 100, "{limited} of 160 from one /64 were limited");
    assert_eq!(ask("2001:db8:0:2::1".to_owned()).await, 415, "the next /64 is another customer");
    // An IPv4 address is itself in either form.
    let mut statuses = Vec::new();
    for n in 0..80 {
        statuses.push(ask(if n % 2 == 0 { "192.0.2.1".to_owned() } else { "::ffff:192.0.2.1".to_owned() }).await);
    }
    assert!(statuses.iter().filter(|status| **status == 429).count() >= 40, "{statuses:?}");
    assert_eq!(ask("192.0.2.2".to_owned()).await, 415);
}

#[tokio::test]
async fn a_token_is_rotated_without_a_gap() {
    let before = "gateway-token-from-before-this-one-came";
    let api = Api::start_with(&[("BACKEND_GATEWAY_TOKEN_PREVIOUS", before)]).await;
    let session = "/api/v1/internal/sessions/00000000-0000-7000-8000-000000000001";
    for token in [GATEWAY_TOKEN, before] {
        api.client.with_bearer(token).get(session).send().await.expect_problem(404, "session_not_found");
    }
    for token in [&format!("{GATEWAY_TOKEN},{before}"), "", crate::harness::WORKER_TOKEN] {
        api.client.with_bearer(token).get(session).send().await.expect_problem(401, "credentials_required");
    }
}

#[tokio::test]
async fn addresses_that_ask_too_much_are_slowed_down() {
    let api = Api::start_with(&[("BACKEND_HTTP_PUBLIC_RATE", "1")]).await;
    api.client.post("/api/v1/public/auth/send-email-code").bad().send().await.expect(415);
    // Where administrators come in is for anybody, too: what is no attempt to is counted apart.
    api.client.post("/api/v1/admin/auth/sign-in").bad().send().await.expect(415);
    for operation in crate::harness::contract().operations().iter().filter(|o| o.security.is_empty()) {
        let request = api.client.request(operation.method.parse().unwrap(), operation.path_with(some_value)).bad();
        let answer = request.send().await.expect_problem(429, "rate_limited");
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn a_trusted_network_needs_no_token() {
    let api = Api::start_with(&[
        ("BACKEND_TRUST_NETWORK", "true"),
        ("BACKEND_GATEWAY_TOKEN", ""),
        ("BACKEND_WORKER_TOKEN", ""),
    ])
    .await;
    let id = api.account("ada").await;
    api.client.with_header("X-User-ID", &id).get("/api/v1/user/account").send().await.expect(200);
    api.client.get("/api/v1/user/account").send().await.expect_problem(401, "user_unknown");
}
