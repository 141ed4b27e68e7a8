//! The Race Name Directory as its holders use it (SPEC §7).

use serde_json::{Value, json};
use shared::domain::race_name;
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::Api;

/// A name that its holder may register, as the end of a game leaves it.
async fn pending(api: &Api, user: &str, name: &str, expires: &str) {
    let parsed = race_name::parse(name).unwrap();
    sqlx::query(
        "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, expires_at)
        VALUES (gen_random_uuid(), $1, $2, $3::uuid, 'pending_registration', now() + $4::text::interval)",
    )
    .bind(parsed.canonical_key)
    .bind(parsed.name)
    .bind(user)
    .bind(expires)
    .execute(&api.pool())
    .await
    .unwrap();
}

async fn register(player: &ContractClient, name: &str) -> ContractResponse {
    player.post("/api/v1/user/lobby/race-names/register").json(&json!({ "race_name": name })).send().await
}

async fn names(player: &ContractClient) -> Vec<Value> {
    let list = player.get("/api/v1/user/lobby/my/race-names").send().await.expect(200).json();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_pending_name_is_registered_for_good_within_the_plan() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    for name in ["Star Fish", "Star Fish", "Zerg"] {
        pending(&api, &ada_id, name, "1 day").await;
    }
    pending(&api, &ada_id, "Late", "-1 second").await;
    assert_eq!(names(&ada).await.len(), 3, "what has lapsed is not listed");
    register(&ada, "").await.expect_problem(422, "race_name_invalid");
    register(&ada, "Protoss").await.expect_problem(404, "race_name_not_found");
    register(&ada, "Late").await.expect_problem(404, "race_name_not_found");
    register(&bob, "Star Fish").await.expect_problem(404, "race_name_not_found");
    let entry = register(&ada, "STAR-FISH").await.expect(200).json();
    assert_eq!(
        (&entry["race_name"], &entry["status"], &entry["expires_at"]),
        (&json!("Star Fish"), &json!("registered"), &Value::Null)
    );
    // The free plan has one; what is theirs already is answered again, and its twin from another game is gone.
    register(&ada, "Zerg").await.expect_problem(409, "limit_reached");
    assert_eq!(register(&ada, "starfish").await.expect(200).json(), entry);
    assert_eq!(names(&ada).await.iter().filter(|name| name["race_name"] == "Star Fish").count(), 1);
    api.plan(&ada_id, "monthly").await;
    register(&ada, "Zerg").await.expect(200);
    assert_eq!(api.count("notifications WHERE kind = 'lobby.race_name.registered'").await, 2);
}

#[tokio::test]
async fn registered_and_pending_names_are_held_against_others_and_not_against_their_holder() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    pending(&api, &ada_id, "Zerg", "1 day").await;
    pending(&api, &ada_id, "Terran", "1 day").await;
    register(&ada, "Zerg").await.expect(200);
    let game = api.open_public_game(json!({})).await;
    let applications = format!("/api/v1/user/lobby/games/{game}/applications");
    for taken in ["Zerg", "ZE RG", "Terran"] {
        let body = json!({ "race_name": taken });
        bob.post(&applications).json(&body).send().await.expect_problem(409, "race_name_taken");
    }
    // The wish is a courtesy; the constraint decides, here at an application that came before the name was held.
    let (cid_id, cid) = api.player("cid").await;
    let body = json!({ "race_name": "Vulcan" });
    let application = cid.post(&applications).json(&body).send().await.expect(201).json()["application_id"].clone();
    pending(&api, &ada_id, "Vulcan", "1 day").await;
    let approve = format!("/api/v1/admin/games/{game}/applications/{}/approve", application.as_str().unwrap());
    api.admin().post(approve).send().await.expect_problem(409, "race_name_taken");
    assert_eq!(api.count(&format!("memberships WHERE user_id = '{cid_id}'")).await, 0);
    // She uses her own, registered and pending, in as many games as she likes.
    let other = api.open_public_game(json!({})).await;
    api.join(&game, &ada, "Zerg").await;
    api.join(&other, &ada, "zerg").await;
    let mut states: Vec<String> =
        names(&ada).await.iter().filter(|n| n["canonical_key"] == "zerg").map(|n| n["status"].to_string()).collect();
    states.sort();
    assert_eq!(states, [r#""registered""#, r#""reserved""#, r#""reserved""#]);
}
