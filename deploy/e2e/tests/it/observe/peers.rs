//! Those who make `ShareSpent` and `AddressesLockedOut` fire: one who opens more connections than its share, and one who guesses
//! codes.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::proto::push::push_client::PushClient;
use shared::proto::push::{GatewaySubscribeRequest, PushEvent};
use testkit::stack::Summary;
use tonic::transport::Endpoint;
use tonic::{Request, Streaming};

use super::Api;

/// More than the half of the hub's 256 connections that one network may have (docs/shares.md).
const CONNECTIONS: usize = 140;
/// Far longer than an answer takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than the alert lets pass.
const ADDRESSES: usize = 15;

/// Wrong tries of an address that guard it here; 50 elsewhere.
pub const WRONG_TRIES: usize = 2;

/// A gateway that opens a connection for each of its subscriptions. Those that it was given, until they are dropped.
pub async fn greedy_gateway(summary: &Summary) -> Vec<Streaming<PushEvent>> {
    let mut held = Vec::new();
    for n in 0..CONNECTIONS {
        let given = tokio::time::timeout(PATIENCE, subscription(summary, &format!("greedy-{n}"))).await;
        held.extend(given.expect("the hub neither gives nor refuses a connection"));
    }
    assert!(held.len() < CONNECTIONS, "one network got {} connections", held.len());
    held
}

/// A subscription over a connection of its own; `None` where it is turned away.
async fn subscription(summary: &Summary, client_id: &str) -> Option<Streaming<PushEvent>> {
    let hub = Endpoint::from_shared(summary.grpc[0].clone()).unwrap().connect().await.ok()?;
    let ask = GatewaySubscribeRequest { gateway_client_id: client_id.to_owned(), cursor: String::new() };
    let mut ask = Request::new(ask);
    ask.metadata_mut().insert("authorization", format!("Bearer {}", summary.gateway_token).parse().unwrap());
    Some(PushClient::new(hub).subscribe_push(ask).await.ok()?.into_inner())
}

/// Somebody who tries codes for many addresses, each as often as guards it.
pub async fn guess_codes(api: &Api) {
    for n in 0..ADDRESSES {
        let email = format!("guessed-{n}@observe.example");
        let asked = json!({ "email": email, "preferred_language": "en" });
        let (status, challenge) = post(api, "send-email-code", &asked).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{challenge}");
        let guess = json!({ "challenge_id": challenge["challenge_id"], "code": "000000" });
        for _ in 0..WRONG_TRIES {
            let (_, problem) = post(api, "confirm-email-code", &guess).await;
            assert_eq!(problem["code"], "code_incorrect", "{problem}");
        }
    }
}

async fn post(api: &Api, what: &str, body: &Value) -> (StatusCode, Value) {
    let answer = api.client.post(api.url(&format!("/public/auth/{what}"))).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}
