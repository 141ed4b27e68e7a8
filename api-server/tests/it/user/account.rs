//! Accounts as their users see and change them (SPEC §6).

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::Api;

const ACCOUNT: &str = "/api/v1/user/account";

async fn patch(user: &ContractClient, body: Value) -> ContractResponse {
    user.patch(ACCOUNT).json(&body).send().await
}

#[tokio::test]
async fn a_profile_is_kept_in_its_canonical_form() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let changed = patch(
        &ada,
        json!({
            "user_name": " Ada.Lovelace ", "display_name": "  Ада  Лавлейс ",
            "preferred_language": "EN-us", "time_zone": "Europe/Berlin",
        }),
    );
    let changed = changed.await.expect(200).json();
    assert_eq!(
        (&changed["user_name"], &changed["display_name"], &changed["preferred_language"], &changed["time_zone"]),
        (&json!("ada.lovelace"), &json!("Ада Лавлейс"), &json!("en-US"), &json!("Europe/Berlin"))
    );
    // What is absent stays; null clears the free name.
    let changed = patch(&ada, json!({ "display_name": null })).await.expect(200).json();
    assert_eq!((&changed["user_name"], &changed["display_name"]), (&json!("ada.lovelace"), &Value::Null));
    for (body, pointer) in [
        (json!({ "user_name": "ab" }), "/user_name"),
        (json!({ "user_name": "ада" }), "/user_name"),
        (json!({ "display_name": "" }), "/display_name"),
        (json!({ "display_name": "a\u{200B}b" }), "/display_name"),
        (json!({ "display_name": "a\u{202E}b" }), "/display_name"),
        (json!({ "display_name": "pаypal" }), "/display_name"),
        (json!({ "preferred_language": "not a tag" }), "/preferred_language"),
        (json!({ "time_zone": "Mars/Olympus" }), "/time_zone"),
    ] {
        let answer = patch(&ada, body).await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[tokio::test]
async fn names_that_look_alike_are_one_whoever_asks_where() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut players = Vec::new();
    for n in 0..8 {
        players.push(api.player(&format!("someone{}", char::from(b'a' + n))).await);
    }
    // The same name in spellings that look the same, on two replicas at once.
    let spellings = ["amelia", "arnelia", "AMELIA", "ame-lia"];
    let answers = join_all(players.iter().enumerate().map(|(n, (id, _))| {
        let replica = if n % 2 == 0 { &api } else { &other };
        let user = replica.user(id);
        async move { patch(&user, json!({ "user_name": spellings[n % 4] })).await }
    }))
    .await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "user_name_taken"));
    // To write one's own name differently is no conflict.
    let winner = answers.iter().position(|a| a.status == 200).unwrap();
    patch(&players[winner].1, json!({ "user_name": "a-m-e-l-i-a" })).await.expect(200);
}

#[tokio::test]
async fn who_is_deleted_meanwhile_changes_nothing() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    // Deletions and changes of the same account at once: no change comes after, and none fails otherwise than by name.
    let other = api.replica().await;
    let changes = (0..8).map(|n| {
        let user = if n % 2 == 0 { api.user(&id) } else { other.user(&id) };
        async move { patch(&user, json!({ "user_name": format!("ada{n}") })).await }
    });
    let (answers, deleted) = futures::join!(join_all(changes), ada.delete(ACCOUNT).send());
    deleted.expect(204);
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "user_unknown"), "{answers:?}");
    assert_eq!(api.count("accounts WHERE user_name LIKE 'deleted-%' AND deleted_at IS NOT NULL").await, 1);
}
