//! Names and addresses of the real world through the API (SPEC §6). The tables of `shared/tests/tables` hold the rules row by
//! row; here is what becomes of them on the way into the database and back.

use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, text};
use crate::sign_in;

const PROVISION: &str = "/api/v1/internal/identities/provision";

async fn provision(api: &Api, body: Value) -> ContractResponse {
    api.gateway().post(PROVISION).json(&body).send().await
}

async fn users(api: &Api, filter: &str, value: &str) -> Vec<Value> {
    let answer = api.admin().get("/api/v1/admin/users").query(filter, value).send().await.expect(200).json();
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_mailbox_is_one_account_however_it_is_spelled() {
    let api = Api::start().await;
    let spellings = [
        "u@münchen.example",
        "U@MÜNCHEN.example",
        "u@mu\u{308}nchen.example",
        "u@xn--mnchen-3ya.example",
        "\"u\"@XN--MNCHEN-3YA.EXAMPLE",
        "ｕ＠ｍüｎｃｈｅｎ．ｅｘａｍｐｌｅ",
    ];
    let made = sign_in::sign_in_from(&api, spellings[0], "127.0.0.1").await;
    assert_eq!(made["account_created"], true);
    for spelling in spellings {
        let body = json!({ "kind": "email", "external_id": spelling });
        let found = provision(&api, body).await.expect(200).json();
        assert_eq!(found, json!({ "user_id": made["user_id"], "created": false }), "{spelling}");
        let listed = users(&api, "email", spelling).await;
        assert_eq!((listed.len(), &listed[0]["user_id"]), (1, &made["user_id"]), "{spelling}");
        assert_eq!(listed[0]["email"], "u@xn--mnchen-3ya.example");
    }
    // What is mailed is the form that identifies, and one mailbox has one throttle.
    sign_in::send(&api, spellings[4]).await;
    let mailed: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT address FROM mail_recipients").fetch_all(&api.pool()).await.unwrap();
    assert_eq!(mailed, ["u@xn--mnchen-3ya.example"]);
    assert_eq!(api.count("auth_addresses").await, 1);
}

#[tokio::test]
async fn an_address_that_was_kept_in_a_former_spelling_is_found() {
    let api = Api::start().await;
    let kept = [("old-u", "u@münchen.example"), ("old-q", "\"q\"@example.org")];
    let mut ids = Vec::new();
    for (name, address) in kept {
        let id = api.account(name).await;
        sqlx::query("INSERT INTO identities (identity_id, user_id, kind, external_id) VALUES (gen_random_uuid(), $1::uuid, 'email', $2)")
            .bind(&id)
            .bind(address)
            .execute(&api.pool())
            .await
            .unwrap();
        let body = json!({ "kind": "email", "external_id": address });
        assert_eq!(text(&provision(&api, body).await.expect(200).json(), "user_id"), id);
        assert_eq!(users(&api, "email", address).await.len(), 1);
        ids.push(id);
    }
    let signed_in = sign_in::sign_in_from(&api, "u@xn--mnchen-3ya.example", "127.0.0.1").await;
    assert_eq!((&signed_in["account_created"], &signed_in["user_id"]), (&json!(false), &json!(ids[0])));

    // Where both forms were made accounts in those times, the normal one is signed in to.
    let other = api.account("other").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', 'u@xn--mnchen-3ya.example')",
        &other,
    )
    .await;
    let signed_in = sign_in::sign_in_from(&api, "u@münchen.example", "127.0.0.1").await;
    assert_eq!(signed_in["user_id"], json!(other));
    assert_eq!(users(&api, "email", "u@münchen.example").await.len(), 2, "administrators see both");
}

#[tokio::test]
async fn an_address_that_cannot_be_mailed_is_refused_wherever_it_is_given() {
    let api = Api::start().await;
    for address in
        ["\"a b\"@example.org", "a@[127.0.0.1]", "a@localhost", "a@example.org.", "a@my_host.example", "a.@x.org"]
    {
        let answer = provision(&api, json!({ "kind": "email", "external_id": address })).await;
        let answer = answer.expect_problem(400, "invalid_request").json();
        assert_eq!(
            (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
            (&json!("/external_id"), &json!("format"))
        );
        let answer =
            api.client.post("/api/v1/public/auth/send-email-code").json(&json!({ "email": address })).send().await;
        let answer = answer.expect_problem(400, "invalid_request").json();
        assert_eq!(
            (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
            (&json!("/email"), &json!("format"))
        );
    }
    assert_eq!((api.count("accounts").await, api.count("mail_deliveries").await), (0, 0));
}
