//! What every driver does for its callers, asked of each: plain processes, Docker, Kubernetes by its API; `real_cluster` asks the same of a
//! real Kubernetes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use runtime_controller::config::{Addressing, Config};
use runtime_controller::driver::docker::DockerDriver;
use runtime_controller::driver::kubernetes::KubernetesDriver;
use runtime_controller::driver::process::ProcessDriver;
use runtime_controller::driver::{Doing, Driver, EngineSpec, Observed, Silent};
use serde_json::json;
use shared::clock::Clock;
use shared::config::{Group as _, Reader};
use shared::engine_client::{EngineClient, EngineTarget};
use shared::ids::GameId;
use shared::random::Random;
use shared::secret::Secret;
use testkit::eventually;
use testkit::process::bin_path;

use crate::docker_world::DockerWorld;
use crate::kube_api::{Fate, KubeApi, NAMESPACE};
use crate::world::SOON;

/// The settings of a controller that was told nothing.
pub fn config(root: &Path) -> Config {
    let mut config = Config::read(&mut Reader::describe("runtime-controller"));
    config.state_root = root.join("games");
    config.stop_grace = Duration::from_secs(3);
    config
}

/// For a driver on the mock.
pub fn kube_config(api: &KubeApi, root: &Path) -> Config {
    let mut config = config(root);
    config.kubernetes.kubeconfig = Some(api.kubeconfig());
    config.kubernetes.namespace = NAMESPACE.to_owned();
    config.kubernetes.copy_image = Some("registry.test/runtime-controller:1".to_owned());
    config.docker.addressing = Addressing::Ip;
    api.image(
        "registry.test/runtime-controller:1",
        Fate::Runs(PathBuf::from(env!("CARGO_BIN_EXE_runtime-controller"))),
    );
    config
}

pub fn spec(game_id: GameId, image: &str) -> EngineSpec {
    EngineSpec { game_id, image: image.to_owned(), pinned: None, token: Secret::new(format!("token-of-{game_id}")) }
}

/// From a specification to an engine that answers.
pub async fn up(driver: &dyn Driver, spec: &EngineSpec) -> (Observed, EngineTarget) {
    driver.create(spec).await.unwrap();
    driver.start(spec).await.unwrap();
    let observed = driver.inspect(spec.game_id).await.unwrap().unwrap();
    assert!(observed.running, "{observed:?}");
    let target = EngineTarget { endpoint: observed.endpoint.clone().unwrap(), token: spec.token.clone() };
    let client = client();
    eventually(SOON, "the engine answers", || async { client.health(&target).await }).await;
    (observed, target)
}

pub fn client() -> EngineClient {
    EngineClient::limited(&config(Path::new("/")).engine).unwrap()
}

/// What [`Driver`] promises. Leaves the game's state and nothing else.
pub async fn obeys(driver: &dyn Driver, image: &str) {
    let begun = Clock::system().now().timestamp_nanos_opt().unwrap();
    let daemon = driver.daemon_id().await.unwrap();
    assert!(daemon.starts_with(&format!("{}:", driver.name())), "{daemon}");
    assert_eq!(driver.daemon_id().await.unwrap(), daemon);
    let game_id = GameId::new();
    let mut spec = spec(game_id, image);
    spec.pinned = driver.fetch(image, None, &Silent).await.unwrap();
    assert_eq!(driver.fetch(image, spec.pinned.as_ref(), &Silent).await.unwrap(), spec.pinned);

    // Nothing is there, and to remove it is no error.
    assert_eq!(driver.inspect(game_id).await.unwrap(), None);
    driver.remove(game_id).await.unwrap();
    let listed = async || driver.list().await.unwrap().into_iter().find(|listed| listed.game_id == game_id);
    assert_eq!(listed().await, None);

    // Made, and not started; asked for again it is the same.
    let made = driver.create(&spec).await.unwrap();
    assert_eq!(driver.create(&spec).await.unwrap(), made);
    assert!(driver.inspect(game_id).await.unwrap().is_none_or(|there| !there.running && there.endpoint.is_none()));

    let (observed, target) = up(driver, &spec).await;
    assert_eq!(observed.fingerprint, driver.fingerprint(&spec));
    let other = EngineSpec { token: Secret::new("another".to_owned()), ..spec.clone() };
    assert_ne!(driver.fingerprint(&other), observed.fingerprint);
    driver.start(&spec).await.unwrap();
    assert_eq!(driver.create(&spec).await.unwrap(), observed.container_id);
    assert_eq!(driver.inspect(game_id).await.unwrap().unwrap(), observed, "nothing was made anew");
    let there = listed().await.unwrap();
    assert_eq!(
        (there.doing, there.container_id, there.endpoint),
        (Doing::Runs, observed.container_id, observed.endpoint)
    );
    client().init(&target, game_id, &["Ants".to_owned(), "Bees".to_owned()], &json!({})).await.unwrap();
    assert!(driver.log(game_id, 5).await.unwrap().is_some_and(|lines| lines.len() <= 5));

    // The state stays when the container goes, and goes back to what a copy has. What has happened is told to who asks later.
    driver.remove(game_id).await.unwrap();
    if let Some(mut changes) = driver.changes(Some(begun)).await.unwrap() {
        let heard = tokio::time::timeout(SOON, changes.next()).await.unwrap();
        assert!(heard.unwrap().unwrap() > begun);
    }
    driver.remove(game_id).await.unwrap();
    assert_eq!((driver.inspect(game_id).await.unwrap(), listed().await), (None, None));
    let copies = driver.snapshots();
    copies.drop_all(game_id).await.unwrap();
    assert!(!copies.has_any(game_id).await.unwrap() && !copies.restore(game_id, "a").await.unwrap());
    copies.fits(game_id).await.unwrap();
    copies.take(game_id, "a").await.unwrap();
    assert!(copies.has_any(game_id).await.unwrap());
    let (_, target) = up(driver, &spec).await;
    assert_eq!(client().status(&target).await.unwrap().turn, 0);
    assert_eq!(client().turn(&target, 0).await.unwrap().turn, 1);
    copies.fits(game_id).await.unwrap();
    driver.remove(game_id).await.unwrap();
    copies.take(game_id, "a").await.unwrap();
    assert!(copies.restore(game_id, "a").await.unwrap());
    assert!(!copies.restore(game_id, "b").await.unwrap());
    let (_, target) = up(driver, &spec).await;
    assert_eq!(client().status(&target).await.unwrap().turn, 0, "what came after the copy is undone");
    // Also while the engine runs.
    copies.drop_all(game_id).await.unwrap();
    assert!(!copies.has_any(game_id).await.unwrap());
    driver.remove(game_id).await.unwrap();
}

/// What an engine started ends with it, as in a container, and is never taken for it.
#[tokio::test]
async fn the_process_driver_leaves_nothing_that_an_engine_started() {
    let root = tempfile::tempdir().unwrap();
    let image = root.path().join("engine");
    // One in its group, one in a session of its own; both have its lock and its environment.
    let engine = bin_path("galaxy-engine");
    let script = format!("#!/bin/sh\n/bin/sleep 900 &\n/usr/bin/setsid /bin/sleep 900 &\nexec {}\n", engine.display());
    std::fs::write(&image, script).unwrap();
    std::fs::set_permissions(&image, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let driver = ProcessDriver::new(&config(root.path()), Random::system());
    let spec = spec(GameId::new(), image.to_str().unwrap());
    let all = || of_game(spec.game_id);
    up(&driver, &spec).await;
    eventually(SOON, "both are there", || async { all().len() == 3 }).await;
    let engines: Vec<u32> =
        all().into_iter().filter(|(_, command)| command.contains("galaxy-engine")).map(|(pid, _)| pid).collect();
    let pid = nix::unistd::Pid::from_raw(engines[0].try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let gone = || async { !driver.inspect(spec.game_id).await.unwrap().unwrap().running };
    eventually(SOON, "the engine is gone, whatever it left", gone).await;
    assert_eq!(all().len(), 2);
    up(&driver, &spec).await;
    eventually(SOON, "those of before have ended", || async { all().len() == 3 }).await;
    driver.remove(spec.game_id).await.unwrap();
    assert_eq!(all(), []);
}

/// Processes that have a game's environment, each with its command.
fn of_game(game_id: GameId) -> Vec<(u32, String)> {
    let wanted = format!("GALAXY_GAME_ID={game_id}");
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let found = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let read =
            |name: &str| Some(String::from_utf8_lossy(&std::fs::read(entry.path().join(name)).ok()?).into_owned());
        read("environ")?.split('\0').any(|var| var == wanted).then_some(())?;
        Some((pid, read("cmdline")?)).filter(|(_, command)| !command.is_empty())
    });
    found.collect()
}

#[tokio::test]
async fn the_process_driver_does_what_every_driver_does() {
    let root = tempfile::tempdir().unwrap();
    let driver = ProcessDriver::new(&config(root.path()), Random::system());
    let engine = std::path::absolute(bin_path("galaxy-engine")).unwrap();
    obeys(&driver, engine.to_str().unwrap()).await;
}

#[tokio::test]
async fn the_docker_driver_does_what_every_driver_does() {
    let docker = DockerWorld::new().await;
    let mut config = config(docker.world.root.path());
    config.instance_id = docker.instance.clone();
    config.docker.host = docker.host.clone();
    config.docker.network = docker.network.clone();
    config.docker.addressing = Addressing::Ip;
    obeys(&DockerDriver::new(&config), &docker.world.image).await;
}

#[tokio::test]
async fn the_kubernetes_driver_does_what_every_driver_does_with_what_its_role_gives_and_no_more() {
    let root = tempfile::tempdir().unwrap();
    let api = KubeApi::start(root.path()).await;
    api.image("registry.test/engine:1", Fate::Runs(std::path::absolute(bin_path("galaxy-engine")).unwrap()));
    let driver = KubernetesDriver::new(&kube_config(&api, root.path()));
    obeys(&driver, "registry.test/engine:1").await;
    assert_eq!(api.unused(), Vec::<String>::new(), "the Role gives what nobody asks for");
    let left = |resource: &str| api.all(resource).len();
    assert_eq!((left("pods"), left("services"), left("secrets")), (0, 0, 0), "nothing is left behind");
    assert_eq!(left("persistentvolumeclaims"), 1, "but the game's volume");
}
