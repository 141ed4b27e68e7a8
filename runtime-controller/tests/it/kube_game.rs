//! Games on the Kubernetes driver, by the controller's own process: jobs, turns and reconciler as on any other.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::process::bin_path;

use crate::kube_api::{Fate, KubeApi, NAMESPACE};
use crate::reconcile::{operation, set};
use crate::replace::LONG;
use crate::turns::each_turn_once;
use crate::undo::ruinous;
use crate::world::{SOON, World};

const ENGINE: &str = "registry.test/engine:1";
const COPIER: &str = "registry.test/runtime-controller:1";

async fn world() -> (World, KubeApi) {
    let root = tempfile::tempdir().unwrap();
    let api = KubeApi::start(root.path()).await;
    api.image(ENGINE, Fate::Runs(std::path::absolute(bin_path("galaxy-engine")).unwrap()));
    api.image(COPIER, Fate::Runs(env!("CARGO_BIN_EXE_runtime-controller").into()));
    let kubeconfig = api.kubeconfig();
    let env = [
        ("BACKEND_RUNTIME_DRIVER", "kubernetes"),
        ("BACKEND_KUBERNETES_KUBECONFIG", kubeconfig.to_str().unwrap()),
        ("BACKEND_KUBERNETES_NAMESPACE", NAMESPACE),
        ("BACKEND_KUBERNETES_COPY_IMAGE", COPIER),
        ("BACKEND_ENGINE_ADDRESSING", "ip"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut world = World::new(ENGINE.to_owned(), env).await;
    // The volumes go with the world, and their engines before.
    world.root = root;
    (world, api)
}

fn pods(api: &KubeApi, game_id: GameId) -> Vec<String> {
    let of = |pod: &serde_json::Value| pod["metadata"]["labels"]["galaxy.game_id"] == game_id.to_string();
    let pods = api.all("pods").into_iter().filter(of);
    pods.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_game_goes_on_in_pods_that_die_under_two_controllers() {
    let (world, api) = world().await;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controllers = [world.controller(&[]), world.controller(&[])];
    world.reaches_turn(game_id, 1).await;
    let runtime = world.runtime(game_id).await;
    assert!(runtime.daemon_id.starts_with("kubernetes:"), "{}", runtime.daemon_id);
    assert!(runtime.image_digest.unwrap().starts_with("registry.test/engine@sha256:"));
    let name = format!("galaxy-game-{game_id}");
    let token = || world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id);
    let former = token().await;
    api.delete_pod(&name);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_ne!(token().await, former, "another pod has another token");
    api.evict(&name, "The node was low on resource: memory.");
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    let why = "SELECT string_agg(detail, ' ') FROM runtime_operations WHERE game_id = $1 AND op = 'revive'";
    assert!(world.text(why, game_id).await.contains("Evicted"));
    // A controller less, and the game is not any the worse for it.
    controllers[0].kill9();
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    world.end_game(game_id, "paused").await;
    eventually(SOON, "no pod", || async { pods(&api, game_id).is_empty() }).await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    assert_eq!((api.all("services").len(), api.all("secrets").len()), (0, 0));
    let turn = world.turn(game_id).await;
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 1).await;
    controllers[1].kill9();
    each_turn_once(&world, game_id).await;
}

#[tokio::test]
async fn a_patch_in_pods_is_undone_with_its_state() {
    let (world, api) = world().await;
    api.image("registry.test/engine:2", Fate::Runs(ruinous(&world, "engine-2").into()));
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    world.version("1.0.1", "registry.test/engine:2").await;
    let mut controller = world.controller(&[]);
    world.reaches_turn(game_id, 2).await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    let error = world.job_ends(game_id, "patch", "failed").await;
    assert!(error.contains("cannot read what I wrote"), "{error}");
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    let name = format!("galaxy-game-{game_id}");
    let state = api.volume(&name).join(game_id.to_string());
    assert!(!state.join("state").exists(), "what the release wrote is gone");
    let restored = "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'restore' AND outcome = 'ok'";
    assert_eq!(world.number(restored, game_id).await, 1);
    let copies = api.volume(&name).join(".snapshots").join(game_id.to_string());
    eventually(SOON, "the copy goes after the next turn", || async { !copies.exists() }).await;
    let noted = || api.get("persistentvolumeclaims", &name).unwrap()["metadata"]["annotations"]["galaxy.copy"].clone();
    eventually(SOON, "and is noted no more", || async { noted().is_null() }).await;
    assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o700, 0o700);
    controller.kill9();
    each_turn_once(&world, game_id).await;
}

/// Nobody looks past the stranger: it is a lack as a missing network is, waited for, told once, and no other game's.
#[tokio::test]
async fn a_stranger_that_has_a_games_name_pauses_that_game_alone_and_only_for_as_long_as_it_stands_there() {
    let (world, api) = world().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&LONG);
    world.reaches(game_id, "running").await;
    controller.kill9();
    let name = format!("galaxy-game-{game_id}");
    api.delete_pod(&name);
    let labels = json!({ "galaxy.backend": "1", "galaxy.instance": "another" });
    api.put("pods", json!({ "metadata": { "name": name, "labels": labels }, "spec": { "containers": [] } }));
    let mut controller = world.controller(&LONG);
    // More often than once, with the pauses of what is missing.
    let often = || async { operation(&world, game_id, "revive", "failed").await.iter().any(|(times, _)| *times > 2) };
    eventually(SOON, "tried again and again", often).await;
    let tried = operation(&world, game_id, "revive", "failed").await;
    assert!(tried.len() == 1 && tried[0].1.contains("not ours"), "{tried:?}");
    let revivals = "SELECT revivals::bigint FROM runtime_records WHERE game_id = $1";
    eventually(SOON, "given back", || async { world.number(revivals, game_id).await == 0 }).await;
    assert_eq!((world.status(game_id).await.as_str(), world.runtime(game_id).await.endpoint), ("running", None));
    let other = world.game("@every 1h", &["Cats", "Dogs"]).await;
    world.reaches(other, "running").await;

    set(&world, game_id, "UPDATE runtime_records SET ill_since = now() - interval '6 minutes' WHERE game_id = $1")
        .await;
    world.reaches(game_id, "paused").await;
    assert_eq!(world.runtime(game_id).await.status.as_str(), "engine_unreachable", "it is not given up");
    assert_eq!(world.told(game_id, "game.paused").await, [format!("paused:{game_id}:0")]);
    assert_eq!(world.told(game_id, "game.generation.failed").await.len(), 1);
    assert!(api.get("pods", &name).is_some_and(|pod| pod["metadata"]["labels"] == labels), "it was not touched");

    api.delete_pod(&name);
    world.reaches(game_id, "running").await;
    assert_eq!(world.told(game_id, "game.resumed").await.len(), 1);
    assert_eq!(pods(&api, game_id), [name]);
    controller.kill9();
}
