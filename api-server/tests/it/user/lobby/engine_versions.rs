//! Engine versions as users choose from them (SPEC §5, §8).

use serde_json::{Value, json};

use crate::admin::engine_versions::version;
use crate::harness::{Api, VERSION, game, text};

const ADMIN: &str = "/api/v1/admin/engine-versions";
const LOBBY: &str = "/api/v1/user/lobby/engine-versions";
const GAMES: &str = "/api/v1/user/lobby/games";

#[tokio::test]
async fn users_see_the_enabled_versions_without_their_images() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    assert_eq!(ada.get(LOBBY).send().await.expect(200).json(), json!({ "items": [], "next_cursor": null }));
    api.engine_version().await;
    version(
        &api,
        json!({ "version": "2.0.0", "image": "e:2", "title": " Classic ", "description": "The first rules.",
                "min_players": 2, "max_players": 40 }),
    )
    .await;
    version(&api, json!({ "version": "3.0.0", "image": "e:3" })).await;
    api.admin().post(format!("{ADMIN}/3.0.0/disable")).send().await.expect(200);
    let listed = ada.get(LOBBY).send().await.expect(200).json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|v| &v["version"]).collect::<Vec<_>>(), ["2.0.0", VERSION]);
    assert!(items.iter().all(|v| v.get("image").is_none() && v["enabled"] == true), "{listed}");
    assert_eq!(
        (&items[0]["title"], &items[0]["description"], &items[0]["min_players"], &items[0]["max_players"]),
        (&json!("Classic"), &json!("The first rules."), &json!(2), &json!(40))
    );
    assert_eq!((&items[1]["title"], &items[1]["max_players"]), (&Value::Null, &Value::Null));
    // Page by page.
    let first = ada.get(LOBBY).query("limit", 1).send().await.expect(200).json();
    assert_eq!(first["items"][0]["version"], "2.0.0");
    let next = ada.get(LOBBY).query("limit", 1).query("cursor", text(&first, "next_cursor")).send().await.expect(200);
    assert_eq!((&next.json()["items"][0]["version"], &next.json()["next_cursor"]), (&json!(VERSION), &Value::Null));
    // What one sees there one can make a game with.
    ada.post(GAMES).json(&game(json!({ "target_engine_version": "2.0.0" }))).send().await.expect(201);
}
