//! Bodies that come slowly hold no place.

use serde_json::json;
use testkit::openapi::ContractClient;

use super::{on_behalf, others_are_served, patient};
use crate::harness::{Api, GATEWAY_TOKEN};
use testkit::hostile::{hold, opening, slow_post};

#[tokio::test]
async fn slow_bodies_hold_up_nobody() {
    // This replica makes the account; the other one, on the same database, is attacked.
    let api = Api::start().await;
    let ada = api.account("ada").await;
    let settings = [
        ("BACKEND_HTTP_MAX_IN_FLIGHT", "4"),
        ("BACKEND_HTTP_READ_TIMEOUT", "10m"),
        ("BACKEND_HTTP_PUBLIC_RATE", "100000"),
    ];
    let mut replica = patient(api.db(), &settings);
    replica.ready().await;
    // Over the gateway's own path too: even that leaves the places.
    let head = format!(
        "POST /api/v1/user/lobby/games HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {GATEWAY_TOKEN}\r\n\
         x-user-id: {ada}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    let mut held = hold(replica.rest, 16, head.as_bytes()).await;
    let streams: Vec<u8> = (0..32).flat_map(|n| slow_post(2 * n + 1, "/api/v1/public/auth/send-email-code")).collect();
    held.extend(hold(replica.rest, 16, &[opening(65_535), streams].concat()).await);
    let (user, anybody) = (on_behalf(&replica, &ada), ContractClient::new(format!("http://{}", replica.rest)));
    for _ in 0..10 {
        user.get("/api/v1/user/account").send().await.expect(200);
        let body = json!({ "email": "nobody@example.org", "locale": "en" });
        let sent = anybody.post("/api/v1/public/auth/send-email-code").bad().json(&body).send().await;
        assert_ne!(sent.status, 503, "{}", String::from_utf8_lossy(&sent.body));
    }
    others_are_served(&replica).await;
    drop(held);
}

/// Whole bodies of the greatest size, none of them finished: their memory is bounded in all.
#[tokio::test]
async fn bytes_of_bodies_are_bounded_in_all_and_one_network_leaves_others_theirs() {
    let db = testkit::TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let head = "POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nhost: x\r\n\
                content-type: application/json\r\ncontent-length: 1048576\r\n\r\n";
    let words = [head.as_bytes(), &vec![b' '; 1_048_575]].concat();
    let mut held = Vec::new();
    for _ in 0..200 {
        // What is refused may break off in the middle.
        held.extend(hold(replica.rest, 1, &words).await);
        super::modest(&replica);
    }
    others_are_served(&replica).await;
    let whole = [vec![b'{'], vec![b' '; 500_000], vec![b'}']].concat();
    let answer = super::caller()
        .post(format!("http://{}/api/v1/public/auth/send-email-code", replica.rest))
        .header("content-type", "application/json")
        .body(whole)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400, "a large body from elsewhere is read and judged");
}
