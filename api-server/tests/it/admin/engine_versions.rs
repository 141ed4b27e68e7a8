//! Engine versions: registered, changed, and what a version asks of the games that are made with it (SPEC §5, §8).

use serde_json::{Value, json};

use crate::harness::{Api, VERSION, game, text};

const ADMIN: &str = "/api/v1/admin/engine-versions";
const GAMES: &str = "/api/v1/user/lobby/games";

pub async fn version(api: &Api, body: Value) -> Value {
    api.admin().post(ADMIN).json(&body).send().await.expect(201).json()
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

#[tokio::test]
async fn engine_versions_are_registered_once_and_leave_a_trail() {
    let api = Api::start().await;
    let list = "/api/v1/admin/engine-versions";
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        let answer =
            api.admin().post(list).json(&json!({ "version": version, "image": "e:1" })).send().await.expect(201);
        assert_eq!(answer.header("location"), format!("{list}/{version}"));
    }
    api.admin()
        .post(list)
        .json(&json!({ "version": "1.0.0", "image": "e:2" }))
        .send()
        .await
        .expect_problem(409, "engine_version_exists");
    for bad in [json!({ "version": "v1", "image": "e" }), json!({ "version": "3.0.0", "image": "a b" })] {
        api.admin().post(list).json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    let page = api.admin().get(list).query("limit", 2).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["version"], &page["items"][1]["version"]), (&json!("2.0.0"), &json!("1.1.0")));
    let page = api.admin().get(list).query("cursor", text(&page, "next_cursor")).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["version"], &page["next_cursor"]), (&json!("1.0.0"), &Value::Null));
    let changed =
        api.admin().patch(format!("{list}/1.0.0")).json(&json!({ "image": "e:3" })).send().await.expect(200).json();
    assert_eq!((&changed["image"], &changed["enabled"]), (&json!("e:3"), &json!(true)));
    let changed = api.admin().post(format!("{list}/1.0.0/disable")).send().await.expect(200).json();
    assert_eq!(changed["enabled"], false);
    api.admin()
        .post("/api/v1/admin/games")
        .json(&game(json!({})))
        .send()
        .await
        .expect_problem(409, "engine_version_disabled");
    api.admin().get(format!("{list}/9.9.9")).send().await.expect_problem(404, "engine_version_not_found");
    api.admin()
        .patch(format!("{list}/9.9.9"))
        .json(&json!({}))
        .send()
        .await
        .expect_problem(404, "engine_version_not_found");
    assert_eq!(api.count("audit_log WHERE target_type = 'engine_version' AND actor = 'root'").await, 5);
}
