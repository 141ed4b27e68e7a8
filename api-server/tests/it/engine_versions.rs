//! Engine versions: what users choose from, and what a version asks of the games that are made with it (SPEC §5, §8).

use serde_json::{Value, json};

use crate::harness::{Api, VERSION, game, text};

const ADMIN: &str = "/api/v1/admin/engine-versions";
const LOBBY: &str = "/api/v1/user/lobby/engine-versions";
const GAMES: &str = "/api/v1/user/lobby/games";

async fn version(api: &Api, body: Value) -> Value {
    api.admin().post(ADMIN).json(&body).send().await.expect(201).json()
}

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

#[tokio::test]
async fn what_users_read_of_a_version_is_changed_and_cleared() {
    let api = Api::start().await;
    version(&api, json!({ "version": "2.0.0", "image": "e:2", "title": "Classic", "max_players": 40 })).await;
    let patch = async |body: Value| api.admin().patch(format!("{ADMIN}/2.0.0")).json(&body).send().await;
    let changed = patch(json!({ "description": "Old rules.", "min_players": 3 })).await.expect(200).json();
    assert_eq!(
        (&changed["title"], &changed["description"], &changed["min_players"], &changed["max_players"]),
        (&json!("Classic"), &json!("Old rules."), &json!(3), &json!(40)),
        "absent fields stay"
    );
    let cleared = patch(json!({ "title": null, "min_players": null, "max_players": 2 })).await.expect(200).json();
    assert_eq!(
        (&cleared["title"], &cleared["min_players"], &cleared["max_players"], &cleared["image"]),
        (&Value::Null, &Value::Null, &json!(2), &json!("e:2"))
    );
    let crossed = patch(json!({ "min_players": 3 })).await.expect_problem(400, "invalid_request").json();
    assert_eq!(crossed["errors"][0]["pointer"], "/max_players");
    assert_eq!(api.admin().get(format!("{ADMIN}/2.0.0")).send().await.expect(200).json(), cleared);
    let crossed = json!({ "version": "2.0.1", "image": "e:2", "min_players": 5, "max_players": 4 });
    api.admin().post(ADMIN).json(&crossed).send().await.expect_problem(400, "invalid_request");
    for (body, pointer) in [
        (json!({ "title": "" }), "/title"),
        (json!({ "title": "two\nlines" }), "/title"),
        (json!({ "min_players": 0 }), "/min_players"),
        (json!({ "max_players": 1001 }), "/max_players"),
    ] {
        let answer = api.admin().patch(format!("{ADMIN}/2.0.0")).bad().json(&body).send().await;
        let answer = answer.expect_problem(400, "invalid_request").json();
        assert_eq!(answer["errors"][0]["pointer"], pointer, "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_game_has_the_players_that_its_engine_is_for() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    version(&api, json!({ "version": VERSION, "image": "e:1" })).await;
    version(&api, json!({ "version": "2.0.0", "image": "e:2", "min_players": 2, "max_players": 4 })).await;
    let faults = |answer: testkit::openapi::ContractResponse| {
        let errors = answer.expect_problem(400, "invalid_request").json()["errors"].clone();
        errors.as_array().unwrap().iter().map(|e| text(e, "pointer")).collect::<Vec<_>>()
    };
    for (players, expected) in [
        (json!({ "min_players": 1, "max_players": 4 }), vec!["/min_players"]),
        (json!({ "min_players": 2, "max_players": 5 }), vec!["/max_players"]),
        (json!({ "min_players": 1, "max_players": 5 }), vec!["/min_players", "/max_players"]),
    ] {
        let mut body = game(players);
        body["target_engine_version"] = json!("2.0.0");
        assert_eq!(faults(ada.post(GAMES).json(&body).send().await), expected);
        assert_eq!(faults(api.admin().post("/api/v1/admin/games").json(&body).send().await), expected);
    }
    let fits = game(json!({ "min_players": 2, "max_players": 4, "target_engine_version": "2.0.0" }));
    let id = text(&ada.post(GAMES).json(&fits).send().await.expect(201).json(), "game_id");
    let patch = async |body: Value| ada.patch(format!("{GAMES}/{id}")).json(&body).send().await;
    assert_eq!(faults(patch(json!({ "max_players": 5 })).await), ["/max_players"]);
    assert_eq!(faults(patch(json!({ "min_players": 1 })).await), ["/min_players"]);
    patch(json!({ "max_players": 3 })).await.expect(200);
    // Both at once, in either direction; and a version that does not fit the players that are there.
    patch(json!({ "max_players": 9, "target_engine_version": VERSION })).await.expect(200);
    assert_eq!(faults(patch(json!({ "target_engine_version": "2.0.0" })).await), ["/target_engine_version"]);
    patch(json!({ "max_players": 4, "target_engine_version": "2.0.0" })).await.expect(200);
    // Bounds that were set afterwards touch no game that is there, until it is changed.
    api.admin().patch(format!("{ADMIN}/2.0.0")).json(&json!({ "max_players": 3 })).send().await.expect(200);
    patch(json!({ "description": "still here" })).await.expect(200);
    assert_eq!(faults(patch(json!({ "min_players": 2 })).await), ["/max_players"]);
    // A disabled version keeps nobody from changing the players.
    api.admin().post(format!("{ADMIN}/2.0.0/disable")).send().await.expect(200);
    patch(json!({ "max_players": 3 })).await.expect(200);
}

#[tokio::test]
async fn an_image_is_a_reference_from_an_allowed_registry() {
    let api = Api::start_with(&[("BACKEND_RUNTIME_ALLOWED_REGISTRIES", "docker.io,registry.example:5000")]).await;
    version(&api, json!({ "version": "2.0.0", "image": "galaxy/engine:2.0.0" })).await;
    let digest = "0".repeat(64);
    let kept =
        version(&api, json!({ "version": "2.0.1", "image": format!("registry.example:5000/e@sha256:{digest}") })).await;
    assert_eq!(kept["image"], format!("registry.example:5000/e@sha256:{digest}"), "as it was written");
    for (image, said) in [
        ("../../containers/json?all=1", "names no registry"),
        ("http://169.254.169.254/x", "is a URL"),
        ("a@b@c:1", "has the digest"),
        ("e@sha256:00", "has the digest"),
        ("Engine:1", "upper case"),
        ("engine:", "has the tag"),
        ("ghcr.io/galaxy/engine:1", "may come from docker.io, registry.example:5000"),
        ("registry.example/engine:1", "may come from docker.io, registry.example:5000"),
        ("/usr/local/bin/engine", "BACKEND_RUNTIME_DRIVER=process"),
    ] {
        let refused = |problem: Value| {
            let error = &problem["errors"][0];
            assert_eq!((&error["pointer"], &error["code"]), (&json!("/image"), &json!("format")), "{image}");
            assert!(text(error, "detail").contains(said), "{image}: {error}");
        };
        let new = json!({ "version": "3.0.0", "image": image });
        refused(api.admin().post(ADMIN).json(&new).send().await.expect_problem(400, "invalid_request").json());
        let change = json!({ "image": image });
        let patched = api.admin().patch(format!("{ADMIN}/2.0.0")).json(&change).send().await;
        refused(patched.expect_problem(400, "invalid_request").json());
    }
    assert_eq!(api.count("engine_versions").await, 2);
}

#[tokio::test]
async fn an_image_is_the_path_of_a_binary_where_processes_run_engines() {
    let api = Api::start_with(&[("BACKEND_RUNTIME_DRIVER", "process")]).await;
    version(&api, json!({ "version": "2.0.0", "image": "/usr/local/bin/engine" })).await;
    for image in ["engine:1", "/usr/../bin/engine", "engine"] {
        let new = json!({ "version": "3.0.0", "image": image });
        api.admin().post(ADMIN).json(&new).send().await.expect_problem(400, "invalid_request");
    }
}
