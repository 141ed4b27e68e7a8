//! How administrators come in (SPEC §4 "Administrators"). Here is what several of the tests need.

mod behind;
mod factor;
mod sessions;
mod sign_in;
mod tokens;

use ring::hmac;
use serde_json::json;
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, PASSWORD};

pub const AUTH: &str = "/api/v1/admin/auth";

/// An administrator whose password is [`PASSWORD`], checked in no time.
pub async fn administrator(api: &Api, name: &str, roles: &[&str]) {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    sqlx::query("INSERT INTO admin_accounts (user_name, password_hash, roles) VALUES ($1, $2, $3)")
        .bind(name)
        .bind(&hash)
        .bind(&roles)
        .execute(&api.pool())
        .await
        .unwrap();
}

/// Asks for a session by name and password.
pub async fn ask(api: &Api, name: &str, password: &str) -> ContractResponse {
    let body = json!({ "user_name": name, "password": password });
    api.client.post(format!("{AUTH}/sign-in")).json(&body).send().await
}

/// The page's own client, with the cookie that an answer set.
pub fn with_cookie(api: &Api, answer: &ContractResponse) -> ContractClient {
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-galaxy-admin="), "{cookie}");
    api.client.with_header("Cookie", cookie).with_header("Origin", format!("http://{}", api.rest))
}

/// Signs an administrator in who has no second factor.
pub async fn signed_in(api: &Api, name: &str) -> ContractClient {
    with_cookie(api, &ask(api, name, PASSWORD).await.expect(200))
}

/// The code of a secret, so many steps from now, by the database's clock (RFC 6238).
pub async fn code(api: &Api, secret: &str, steps: i64) -> String {
    let now: i64 = sqlx::query_scalar("SELECT extract(epoch FROM clock_timestamp())::bigint / 30")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    let bits: String = secret
        .bytes()
        .map(|symbol| format!("{:05b}", if symbol.is_ascii_uppercase() { symbol - b'A' } else { symbol - b'2' + 26 }))
        .collect();
    let bytes: Vec<u8> = (0..bits.len() / 8).map(|n| u8::from_str_radix(&bits[8 * n..8 * n + 8], 2).unwrap()).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &(now + steps).to_be_bytes());
    let from = usize::from(tag.as_ref()[19] & 15);
    let number = u32::from_be_bytes(tag.as_ref()[from..from + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Lets the codes of an account that were used be used again: a test has no half minute for each.
pub async fn forget_steps(api: &Api, name: &str) {
    api.sql("UPDATE admin_accounts SET totp_last_step = NULL WHERE user_name = $1", name).await;
}

/// Sets a second factor up; answers the secret, the recovery codes, and the page's client from then on.
pub async fn set_up(api: &Api, client: &ContractClient) -> (String, Vec<String>, ContractClient) {
    let begun = client.post(format!("{AUTH}/totp")).send().await.expect(200).json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["otpauth_uri"].as_str().unwrap().contains(&secret), "{begun}");
    let body = json!({ "code": code(api, &secret, 0).await });
    let done = client.post(format!("{AUTH}/totp/confirm")).json(&body).send().await.expect(200);
    let codes: Vec<String> = serde_json::from_value(done.json()["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (secret, codes, with_cookie(api, &done))
}

/// Signs in by password and code.
pub async fn by_code(api: &Api, name: &str, code: &str) -> ContractResponse {
    let ticket = ask(api, name, PASSWORD).await.expect(200).json()["ticket"].clone();
    let body = json!({ "ticket": ticket, "code": code });
    api.client.post(format!("{AUTH}/second-factor")).json(&body).send().await
}
