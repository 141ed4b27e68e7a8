//! Images from a registry: pinned at the first start, fetched again by their digest, pulled once for all, with a login or without.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use runtime_controller::config::Config;
use runtime_controller::driver::docker::DockerDriver;
use runtime_controller::driver::{Driver as _, DriverError, Progress, Silent};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::config::{Group as _, Reader, Source};
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::proxy::TcpProxy;
use testkit::registry::{PASSWORD, Registry, USER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::docker_world::DockerWorld;
use crate::world::SOON;

const SERVE: &str = r#"ENTRYPOINT ["/galaxy-hostile", "probe"]"#;

/// An image of its own, in a registry and no more at the daemon. Answers its reference and its id.
fn push(docker: &DockerWorld, registry: SocketAddr, tag: &str, label: &str) -> (String, String) {
    let made = docker.hostile(&[&format!("LABEL of={label}-{}", GameId::new()), SERVE], &[]);
    let reference = format!("{registry}/galaxy/engine:{tag}");
    docker.docker(&["tag", &made, &reference]);
    docker.own(&reference);
    // The command's own configuration, of this test alone.
    let config = auth_file(docker, registry);
    docker.docker(&["--config", config.parent().unwrap().to_str().unwrap(), "push", "--quiet", &reference]);
    let id = docker.image_id(&made);
    // What is pulled by its digest has no tag to go by.
    docker.own(&id);
    docker.docker(&["rmi", "--force", &id]);
    (reference, id)
}

/// A file of Docker's form that lets into one registry.
fn auth_file(docker: &DockerWorld, registry: SocketAddr) -> PathBuf {
    let dir = docker.world.root.path().join("docker-config");
    std::fs::create_dir_all(&dir).unwrap();
    let auths = json!({ "auths": { registry.to_string(): { "auth": secret() } } });
    std::fs::write(dir.join("config.json"), auths.to_string()).unwrap();
    dir.join("config.json")
}

fn secret() -> String {
    STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// A driver in this process.
fn driver(docker: &DockerWorld, silence: Duration, more: &[(&str, &str)]) -> DockerDriver {
    let env: BTreeMap<String, String> = docker.world.env(more).into_iter().collect();
    let mut config = Config::read(&mut Reader::read("runtime-controller", Source::new(BTreeMap::new(), env)));
    config.tuning.pull_silence = silence;
    DockerDriver::new(&config)
}

#[tokio::test]
async fn the_image_that_a_game_began_with_stays_its_own_until_a_patch() {
    let mut docker = DockerWorld::new().await;
    let registry = Registry::start(&docker.world.root.path().join("registry"), false).await.unwrap();
    let (reference, first) = push(&docker, registry.addr(), "1", "first");
    docker.world.image.clone_from(&reference);
    let world = &docker.world;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches_turn(game_id, 1).await;
    let name = format!("galaxy-game-{game_id}");
    let image = || docker.inspect(&name)["Image"].as_str().unwrap().to_owned();
    assert_eq!(image(), first, "pulled, and made by its id");
    assert_eq!(docker.inspect(&name)["Config"]["Image"], first.as_str());
    let digest = world.runtime(game_id).await.image_digest.unwrap();
    assert!(digest.starts_with(&format!("{}/galaxy/engine@sha256:", registry.addr())), "{digest}");
    let log = |op: &'static str| {
        let sql = match op {
            "turn" => {
                "SELECT detail FROM runtime_operations WHERE game_id = $1 AND op = 'turn' AND outcome = 'ok'
                 ORDER BY operation_id DESC LIMIT 1"
            }
            "container" => {
                "SELECT detail FROM runtime_operations WHERE game_id = $1 AND op = 'container' ORDER BY operation_id DESC LIMIT 1"
            }
            _ => {
                "SELECT detail FROM runtime_operations WHERE game_id = $1 AND op = 'revive' ORDER BY operation_id DESC LIMIT 1"
            }
        };
        world.text(sql, game_id)
    };
    for op in ["turn", "container"] {
        let detail = log(op).await;
        assert!(detail.contains(&digest), "{op}: {detail}");
    }

    // The tag moves, in the registry and at the daemon. The container is taken away, and restarted: the same image.
    let (_, second) = push(&docker, registry.addr(), "1", "second");
    docker.docker(&["pull", "--quiet", &reference]);
    assert_eq!(docker.image_id(&reference), second);
    docker.docker(&["rm", "--force", &name]);
    let turn = world.turn(game_id).await;
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(image(), first);
    assert!(log("revive").await.contains(&digest));
    world.enqueue(game_id, JobKind::Restart, json!({})).await;
    world.job_ends(game_id, "restart", "succeeded").await;
    assert_eq!(image(), first);

    // It is pruned while nobody looks: pulled again by its digest.
    controller.kill9();
    docker.docker(&["rm", "--force", &name]);
    docker.docker(&["rmi", "--force", &first]);
    let turn = world.turn(game_id).await;
    let mut controller = world.controller(&[]);
    world.reaches_turn(game_id, turn + 2).await;
    assert_eq!(image(), first);

    // Stopped and started: still.
    world.end_game(game_id, "paused").await;
    eventually(SOON, "stopped", || async { world.runtime(game_id).await.status.as_str() == "stopped" }).await;
    let turn = world.turn(game_id).await;
    world.force_start(game_id).await;
    world.reaches_turn(game_id, turn + 1).await;
    assert_eq!(image(), first);

    // A patch takes what the tag stands for now, and pins that.
    world.version("1.0.1", &reference).await;
    world.enqueue(game_id, JobKind::Patch, json!({ "version": "1.0.1" })).await;
    world.job_ends(game_id, "patch", "succeeded").await;
    assert_eq!(image(), second);
    assert_ne!(world.runtime(game_id).await.image_digest.unwrap(), digest);
    controller.kill9();
}

#[tokio::test]
async fn an_image_that_is_gone_and_may_not_be_pulled_is_said_to_be_gone() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.hostile(&[&format!("LABEL of={}", GameId::new()), SERVE], &[]);
    let id = docker.image_id(&docker.world.image);
    let world = &docker.world;
    let game_id = world.game("@every 1s", &["Ants"]).await;
    let mut controller = world.controller(&[("BACKEND_RUNTIME_IMAGE_PULL_POLICY", "never")]);
    world.reaches_turn(game_id, 1).await;
    controller.kill9();
    docker.docker(&["rm", "--force", &format!("galaxy-game-{game_id}")]);
    docker.docker(&["rmi", "--force", &id]);
    let mut controller = world.controller(&[("BACKEND_RUNTIME_IMAGE_PULL_POLICY", "never")]);
    controller.wait_for_line(|line| line.contains("is gone from the daemon, and came from no registry"), SOON).await;
    controller.kill9();
}

#[tokio::test]
async fn a_registry_that_asks_for_a_login_gets_its_own_and_no_other_gets_it() {
    let mut docker = DockerWorld::new().await;
    let dir = docker.world.root.path().join("registry");
    let registry = Registry::start(&dir, true).await.unwrap();
    let (reference, _) = push(&docker, registry.addr(), "1", "login");
    // Somebody else's, which would like to know the password too.
    let asked = Arc::new(Mutex::new(String::new()));
    let spy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = spy.local_addr().unwrap();
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = spy.accept().await {
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap_or(0);
            heard.lock().push_str(&String::from_utf8_lossy(&head[..length]));
            let _ = stream
                .write_all(
                    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"galaxy\"\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n",
                )
                .await;
        }
    });
    docker.world.image.clone_from(&reference);
    let without = docker.world.game("@every 1h", &["Ants"]).await;
    let mut controller = docker.world.controller(&[]);
    docker.world.reaches(without, "start_failed").await;
    assert_eq!(docker.world.told(without, "runtime.image_pull_failed").await.len(), 1);
    controller.kill9();

    let auth = auth_file(&docker, registry.addr());
    let with = docker.world.game("@every 1h", &["Ants"]).await;
    docker.world.image = format!("{other}/galaxy/engine:1");
    let elsewhere = docker.world.game("@every 1h", &["Ants"]).await;
    let mut controller = docker.world.controller(&[("BACKEND_RUNTIME_REGISTRY_AUTH_FILE", auth.to_str().unwrap())]);
    docker.world.reaches(with, "running").await;
    docker.world.reaches(elsewhere, "start_failed").await;
    let asked = asked.lock().clone();
    assert!(asked.contains("GET /v2/"), "{asked}");
    assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
    let said = controller.lines().join("\n");
    assert!(!said.contains(&secret()) && !said.contains(PASSWORD));
    controller.kill9();
}

/// An image for a machine that nobody has here, as `docker load` takes it.
fn foreign_image(docker: &DockerWorld) -> String {
    let (reference, dir) = (format!("galaxy-foreign-{}:1", docker.instance), docker.world.root.path().join("foreign"));
    std::fs::create_dir(&dir).unwrap();
    let layer = [0_u8; 1024];
    let digest = Sha256::digest(layer).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let config = json!({ "architecture": "s390x", "os": "linux", "config": { "Entrypoint": ["/x"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] } });
    let manifest = json!([{ "Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"] }]);
    std::fs::write(dir.join("layer.tar"), layer).unwrap();
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    std::fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
    let tar = dir.join("image.tar");
    let mut command = std::process::Command::new("tar");
    command.arg("-cf").arg(&tar).arg("-C").arg(&dir).args(["manifest.json", "config.json", "layer.tar"]);
    assert!(command.status().unwrap().success());
    docker.docker(&["load", "--quiet", "--input", tar.to_str().unwrap()]);
    reference
}

struct Heard(Mutex<Vec<String>>);

#[async_trait]
impl Progress for Heard {
    async fn report(&self, line: &str) {
        self.0.lock().push(line.to_owned());
    }
}

// With threads: the proxy goes on while the docker command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_stalls_or_breaks_off_is_given_up_in_time_and_asked_again() {
    let docker = DockerWorld::new().await;
    let registry = Registry::start(&docker.world.root.path().join("registry"), false).await.unwrap();
    let proxy = TcpProxy::start(registry.addr()).await.unwrap();
    let (reference, id) = push(&docker, proxy.addr(), "1", "stalled");
    let hasty = driver(&docker, Duration::from_secs(2), &[]);
    let driver = driver(&docker, SOON, &[]);

    proxy.stall();
    let heard = Heard(Mutex::default());
    let (one, two) = tokio::join!(hasty.fetch(&reference, None, &heard), hasty.fetch(&reference, None, &Silent));
    let nothing_new = |done: &Result<_, DriverError>| match done {
        Err(DriverError::Image { reason, passing: true }) => reason.contains("nothing new for 2s"),
        _ => false,
    };
    assert!(nothing_new(&one) && nothing_new(&two), "{one:?} {two:?}");

    proxy.cut().await;
    let refused = driver.fetch(&reference, None, &Silent).await;
    assert!(matches!(refused, Err(DriverError::Image { passing: true, .. })), "{refused:?}");

    proxy.restore().await.unwrap();
    let (one, two) = tokio::join!(driver.fetch(&reference, None, &heard), driver.fetch(&reference, None, &Silent));
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert_eq!((&one.id, &one), (&id, &two));
    assert!(!heard.0.into_inner().is_empty(), "its progress is told");
    // Pinned and pruned: fetched by its digest; pinned and there: nobody is asked.
    docker.docker(&["rmi", "--force", &id]);
    let before = proxy.accepted();
    assert_eq!(driver.fetch(&reference, Some(&one), &Silent).await, Ok(Some(one.clone())));
    assert!(proxy.accepted() > before);
    proxy.cut().await;
    assert_eq!(driver.fetch(&reference, Some(&one), &Silent).await, Ok(Some(one)));
}

#[tokio::test]
async fn what_is_no_reference_not_allowed_or_for_another_machine_is_refused_before_anything_is_made() {
    let mut docker = DockerWorld::new().await;
    let odd = driver(&docker, Duration::from_secs(5), &[]);
    for image in [
        "../../containers/json?all=1",
        "http://169.254.169.254/x",
        "a@b@c:1",
        "/usr/bin/engine",
        "Engine:1",
        "engine/json?x",
    ] {
        let done = odd.fetch(image, None, &Silent).await;
        assert!(matches!(&done, Err(DriverError::Config(why)) if why.contains("the image")), "{image}: {done:?}");
    }
    let right = docker.hostile(&[SERVE], &[]);
    let strict = driver(&docker, Duration::from_secs(5), &[("BACKEND_RUNTIME_ALLOWED_REGISTRIES", "registry.example")]);
    let done = strict.fetch(&right, None, &Silent).await;
    assert!(matches!(&done, Err(DriverError::Config(why)) if why.contains("registry.example")), "{done:?}");

    let foreign = foreign_image(&docker);
    docker.own(&foreign);
    docker.world.image.clone_from(&foreign);
    let game_id = docker.world.game("@every 1h", &["Ants"]).await;
    let mut controller = docker.world.controller(&[]);
    docker.world.reaches(game_id, "start_failed").await;
    let error = docker.world.last_error(game_id).await;
    assert!(error.contains("is for linux/s390x, and the daemon runs linux/"), "{error}");
    assert_eq!(docker.world.told(game_id, "runtime.start_config_invalid").await.len(), 1);
    assert!(docker.containers().is_empty());
    controller.kill9();
}

#[tokio::test]
async fn a_container_whose_network_was_made_anew_is_made_anew_too() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.hostile(&[SERVE], &[]);
    let world = &docker.world;
    // No turn is due meanwhile: nobody calls the address that its engine had.
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    controller.kill9();
    let token = || world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id);
    let (former, before) = (token().await, docker.containers());
    docker.docker(&["stop", "--time", "1", &before[0]]);
    docker.docker(&["network", "rm", &docker.network]);
    docker.docker(&["network", "create", "--internal", &docker.network]);
    let mut controller = world.controller(&[]);
    let revived = "SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'revive' AND outcome = 'ok'";
    eventually(SOON, "its engine is back", || async { world.number(revived, game_id).await >= 1 }).await;
    let after = docker.containers();
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    assert_eq!(world.runtime(game_id).await.container_id.as_deref(), Some(after[0].as_str()));
    assert_ne!(token().await, former, "every container has a token of its own");
    assert!(world.told(game_id, "game.paused").await.is_empty());
    controller.kill9();
}

#[tokio::test]
async fn a_container_that_is_gone_before_it_starts_takes_its_token_along() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.hostile(&[SERVE], &[]);
    let world = &docker.world;
    let mut barrier = crate::barrier::Barrier::on_jobs(&world.db, "new.kind = 'start' AND new.step = 'start'").await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    barrier.reached().await;
    let token = || world.text("SELECT engine_token FROM runtime_records WHERE game_id = $1", game_id);
    let (former, before) = (token().await, docker.containers());
    docker.docker(&["rm", &format!("galaxy-game-{game_id}")]);
    barrier.open().await;
    world.reaches(game_id, "running").await;
    assert_ne!(docker.containers(), before);
    assert_ne!(token().await, former, "every container has a token of its own");
    let env = docker.inspect(&format!("galaxy-game-{game_id}"))["Config"]["Env"].to_string();
    assert!(env.contains(&token().await), "what is recorded is what it was given");
    controller.kill9();
}
