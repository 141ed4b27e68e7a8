//! Identities of other systems, and the accounts that they belong to (SPEC §6).

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, text};
use crate::public::auth::sign_in;

const PROVISION: &str = "/api/v1/internal/identities/provision";

pub async fn provision(api: &Api, body: Value) -> ContractResponse {
    api.gateway().post(PROVISION).json(&body).send().await
}

#[tokio::test]
async fn however_many_provision_an_identity_it_has_one_account() {
    let api = Api::start().await;
    let other = api.replica().await;
    for (body, n) in [
        (json!({ "kind": "telegram", "external_id": "123456789", "display_name": "Ada ★" }), 1),
        (json!({ "kind": "email", "external_id": " Ada@Example.ORG " }), 2),
    ] {
        let calls = (0..16).map(|n| provision(if n % 2 == 0 { &api } else { &other }, body.clone()));
        let answers: Vec<Value> = join_all(calls).await.into_iter().map(|a| a.expect(200).json()).collect();
        assert_eq!(answers.iter().filter(|a| a["created"] == true).count(), 1);
        assert!(answers.iter().all(|a| a["user_id"] == answers[0]["user_id"]));
        assert_eq!((api.count("accounts").await, api.count("identities").await), (n, n));
    }
}

#[tokio::test]
async fn an_address_is_one_identity_by_whichever_way_it_came() {
    let api = Api::start().await;
    let challenge = sign_in::send(&api, "ada@example.org").await;
    let code = sign_in::code(&api, &challenge).await;
    let signed_in = sign_in::confirm(&api, &challenge, &code, json!({})).await.expect(200).json();
    let found =
        provision(&api, json!({ "kind": "email", "external_id": "ADA@example.org", "display_name": "Not Ada" }));
    let found = found.await.expect(200).json();
    assert_eq!((&found["user_id"], &found["created"]), (&signed_in["user_id"], &json!(false)));
    let account = api.gateway().get(format!("/api/v1/internal/users/{}", text(&found, "user_id")));
    assert_eq!(account.send().await.expect(200).json()["display_name"], Value::Null, "an account keeps its own name");
    // And the other way round.
    let made = provision(&api, json!({ "kind": "email", "external_id": "bob@example.org" })).await.expect(200).json();
    let challenge = sign_in::send(&api, "bob@example.org").await;
    let code = sign_in::code(&api, &challenge).await;
    let signed_in = sign_in::confirm(&api, &challenge, &code, json!({})).await.expect(200).json();
    assert_eq!((&signed_in["user_id"], &signed_in["account_created"]), (&made["user_id"], &json!(false)));
}

#[tokio::test]
async fn identities_that_are_none_make_nothing() {
    let api = Api::start().await;
    for (body, pointer) in [
        (json!({ "kind": "email", "external_id": "nobody" }), "/external_id"),
        (json!({ "kind": "telegram", "external_id": "a b" }), "/external_id"),
    ] {
        let answer = provision(&api, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    for body in [
        json!({ "kind": "phone", "external_id": "1" }),
        json!({ "kind": "email" }),
        json!({ "kind": "telegram", "external_id": "" }),
        json!({ "kind": "telegram", "external_id": "1", "surprise": 1 }),
    ] {
        api.gateway().post(PROVISION).bad().json(&body).send().await.expect_problem(400, "invalid_request");
    }
    assert_eq!(api.count("accounts").await, 0);
}
