//! The daemon hangs on a call, answers nothing at all, or is gone for a while. Turns need no daemon, nobody waits for another's call, and
//! what was begun or happened meanwhile is neither lost nor done twice.

use futures::future::join_all;
use serde_json::{Value, json};
use shared::domain::runtime::JobKind;
use shared::ids::GameId;
use testkit::eventually;
use testkit::process::free_addr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::crash::started_once;
use crate::docker_proxy::{DockerProxy, Hangs};
use crate::docker_world::DockerWorld;
use crate::turns::each_turn_once;
use crate::world::{SOON, World};

/// Games, ids and states of this test's containers, by the daemon's list.
fn listed(docker: &DockerWorld) -> Vec<(String, String, String)> {
    let filter = format!("label=galaxy.instance={}", docker.instance);
    let format = r#"{{.Label "galaxy.game_id"}} {{.ID}} {{.State}}"#;
    let list = docker.docker(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", format]);
    let mut list: Vec<_> = list
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), words[1].to_owned(), words[2].to_owned())
        })
        .collect();
    list.sort();
    list
}

/// Each of these games has one container, which runs and is the recorded one, and nobody else has any.
pub async fn one_container_each(docker: &DockerWorld, games: &[GameId]) {
    let mut wanted = Vec::new();
    for game_id in games {
        let container = docker.world.runtime(*game_id).await.container_id.unwrap_or_default();
        wanted.push((game_id.to_string(), container, "running".to_owned()));
    }
    wanted.sort();
    assert_eq!(listed(docker), wanted);
}

/// The turns that the reference engine closed, by its own files.
pub fn closed(world: &World, game_id: GameId) -> Vec<i64> {
    let files = std::fs::read_dir(world.state_dir(game_id).join("turns")).into_iter().flatten().flatten();
    let turn = |name: String| name.strip_prefix("turn-")?.strip_suffix(".json")?.parse().ok();
    let mut turns: Vec<i64> = files.filter_map(|file| turn(file.file_name().into_string().ok()?)).collect();
    turns.sort_unstable();
    turns
}

/// How often its engine was brought back.
async fn revivals(world: &World, game_id: GameId) -> i64 {
    let sql = "SELECT coalesce(sum(times), 0)::bigint FROM runtime_operations WHERE game_id = $1 AND op = 'revive'";
    world.number(sql, game_id).await
}

/// The newest job burned no attempt.
async fn burned_nothing(world: &World, game_id: GameId) {
    let sql = "SELECT failures::bigint FROM runtime_jobs WHERE game_id = $1 ORDER BY job_id DESC LIMIT 1";
    assert_eq!(world.number(sql, game_id).await, 0);
}

#[tokio::test]
async fn a_call_on_which_the_daemon_hangs_holds_up_its_own_game_and_no_other() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.endless();
    let world = &docker.world;
    let proxy = DockerProxy::start(&docker.host, world.root.path());
    let mut controller = world.controller(&[("BACKEND_DOCKER_HOST", &proxy.host())]);
    let honest = world.game("@every 1s", &["Ants", "Bees"]).await;
    let (restarted, replaced) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Ants"]).await);
    for game_id in [honest, restarted, replaced] {
        world.reaches(game_id, "running").await;
    }

    let mut hung = Vec::new();
    // More of them than there are slots for jobs. The daemon hears of some only when nobody waits for them any more.
    let mut started = Vec::new();
    for (call, hangs) in [
        ("/create?", Hangs::Before),
        ("/create?", Hangs::Done),
        ("/start", Hangs::Before),
        ("/start", Hangs::Done),
        ("/json", Hangs::Answering),
    ] {
        let game_id = world.game_without_job("@every 1h", &["Ants", "Bees"]).await;
        let name = format!("galaxy-game-{game_id}");
        let fits = move |line: &str| line.contains(&name) && line.contains(call);
        hung.push(proxy.hang(&format!("{call} {hangs:?}"), hangs, fits));
        started.push(game_id);
    }
    for (call, game_id) in [("POST", restarted), ("DELETE", replaced)] {
        let (name, id) = (format!("galaxy-game-{game_id}"), world.runtime(game_id).await.container_id.unwrap());
        let fits = move |line: &str| line.starts_with(call) && (line.contains(&name) || line.contains(&id));
        hung.push(proxy.hang(&format!("{call} of a restart"), Hangs::Before, fits));
    }
    for game_id in &started {
        world.enqueue(*game_id, JobKind::Start, json!({})).await;
    }
    for game_id in [restarted, replaced] {
        world.enqueue(game_id, JobKind::Restart, json!({})).await;
    }
    join_all(hung.iter().map(|hung| hung.hangs())).await;

    // Turns, starts and stops of others go on.
    let turn = world.turn(honest).await;
    let neighbour = world.game("@every 1h", &["Ants"]).await;
    world.reaches(neighbour, "running").await;
    world.end_game(neighbour, "cancelled").await;
    eventually(SOON, "its container is gone", || async {
        listed(&docker).iter().all(|(game_id, ..)| *game_id != neighbour.to_string())
    })
    .await;
    world.reaches_turn(honest, turn + 5).await;

    // Each call is given up in the end, and its job goes on with another one. No attempt is burned.
    for game_id in &started {
        started_once(world, *game_id).await;
        burned_nothing(world, *game_id).await;
    }
    for game_id in [restarted, replaced] {
        world.job_ends(game_id, "restart", "succeeded").await;
        burned_nothing(world, game_id).await;
    }
    let games: Vec<GameId> = started.into_iter().chain([honest, restarted, replaced]).collect();
    one_container_each(&docker, &games).await;
    let began = |game_id: &GameId| docker.inspect(&format!("galaxy-game-{game_id}"))["State"]["StartedAt"].clone();
    let before: Vec<Value> = games.iter().map(began).collect();

    // What the daemon does now, it does to nobody.
    join_all(hung.iter().map(|hung| hung.goes_on())).await;
    one_container_each(&docker, &games).await;
    assert_eq!(games.iter().map(began).collect::<Vec<Value>>(), before, "none was started again");
    for game_id in &games {
        assert_eq!((world.status(*game_id).await.as_str(), revivals(world, *game_id).await), ("running", 0));
    }
    controller.kill9();
    each_turn_once(world, honest).await;
}

/// What `/readyz` says of the daemon: its status, and why.
async fn docker_part(ops: std::net::SocketAddr) -> (u16, String, String) {
    let mut peer = TcpStream::connect(ops).await.unwrap();
    peer.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    peer.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let report: Value = serde_json::from_str(body).unwrap();
    let part = report["parts"].as_array().unwrap().iter().find(|part| part["name"] == "docker").unwrap();
    let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    (status, text("status"), text("reason"))
}

#[derive(Clone, Copy, PartialEq)]
enum Away {
    /// It takes connections and answers nothing.
    Silent,
    /// Nobody listens, and what was open is closed.
    Gone,
}

#[tokio::test]
async fn a_daemon_that_is_silent_or_gone_is_missed_by_no_turn_and_what_happened_meanwhile_is_made_up_for() {
    join_all([Away::Silent, Away::Gone].map(made_up_for)).await;
}

async fn made_up_for(away: Away) {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.endless();
    let world = &docker.world;
    let proxy = DockerProxy::start(&docker.host, world.root.path());
    let ops = free_addr();
    // Only what is told, or found missing, is looked at.
    let env = [
        ("BACKEND_DOCKER_HOST", proxy.host()),
        ("BACKEND_OPS_LISTEN_ADDR", ops.to_string()),
        ("BACKEND_RUNTIME_RECONCILE_INTERVAL", "1h".to_owned()),
    ];
    let mut controller = world.controller(&env.each_ref().map(|(name, value)| (*name, value.as_str())));
    let honest = world.game("@every 1s", &["Ants", "Bees"]).await;
    // Two that nobody needs soon, and one whose turns go on.
    let (killed, removed) = (world.game("@every 1h", &["Ants"]).await, world.game("@every 1h", &["Ants"]).await);
    let missed = world.game("@every 1s", &["Ants", "Bees"]).await;
    for game_id in [honest, missed] {
        world.reaches_turn(game_id, 1).await;
    }
    for game_id in [killed, removed] {
        world.reaches(game_id, "running").await;
    }
    let is = |status: &'static str| {
        eventually(SOON, format!("the daemon is {status}"), move || async move {
            let seen = docker_part(ops).await;
            if seen.1 == status { Ok(seen) } else { Err(seen) }
        })
    };
    is("ok").await;

    let hung = (away == Away::Silent).then(|| proxy.hang_all());
    if away == Away::Gone {
        proxy.cut().await;
    }
    let name = |game_id: GameId| format!("galaxy-game-{game_id}");
    docker.docker(&["kill", &name(missed)]);
    docker.docker(&["kill", &name(killed)]);
    docker.docker(&["rm", "--force", &name(removed)]);
    let waits = world.game("@every 1h", &["Ants", "Bees"]).await;

    // Turns of engines that answer go on. The rest waits, and nobody is blamed.
    let turn = world.turn(honest).await;
    world.reaches_turn(honest, turn + 5).await;
    for (what, table, game_id) in [("its start", "runtime_jobs", waits), ("its turn", "runtime_turns", missed)] {
        let sql: &'static str = match table {
            "runtime_jobs" => "SELECT concat(failures, ' ', last_error) FROM runtime_jobs WHERE game_id = $1",
            _ => "SELECT concat(failures, ' ', last_error) FROM runtime_turns WHERE game_id = $1",
        };
        eventually(SOON, format!("{what} waits for the daemon"), || async {
            let seen = world.text(sql, game_id).await;
            if seen.starts_with("0 the daemon does not answer") { Ok(()) } else { Err(seen) }
        })
        .await;
    }
    // Degraded, and ready: there is nothing that another replica on this host would do better.
    let (status, _, reason) = is("degraded").await;
    assert_eq!(status, 200);
    assert!(reason.contains("the daemon does not answer"), "{reason}");
    let turn = world.turn(honest).await;
    world.reaches_turn(honest, turn + 5).await;
    for game_id in [honest, killed, removed, missed] {
        assert_eq!(world.status(game_id).await, "running");
    }
    let streams = proxy.asked(&["/events?", "since="]);

    match &hung {
        Some(hung) => {
            proxy.hang_no_more();
            hung.goes_on().await;
        }
        None => proxy.restore(),
    }
    is("ok").await;
    started_once(world, waits).await;
    burned_nothing(world, waits).await;
    for game_id in [killed, removed, missed] {
        eventually(SOON, "brought back", || async {
            let runtime = world.runtime(game_id).await;
            if runtime.endpoint.is_some() && revivals(world, game_id).await > 0 { Ok(()) } else { Err(runtime) }
        })
        .await;
    }
    let turn = world.turn(missed).await;
    world.reaches_turn(missed, turn + 2).await;
    if away == Away::Gone {
        let again = || async { proxy.asked(&["/events?", "since="]) > streams };
        eventually(SOON, "its events are heard from where they broke off", again).await;
    }
    one_container_each(&docker, &[honest, killed, removed, missed, waits]).await;
    // Its events tell of what happens from now on.
    let before = revivals(world, killed).await;
    docker.docker(&["kill", &name(killed)]);
    eventually(SOON, "brought back once more", || async { revivals(world, killed).await > before }).await;
    controller.kill9();
    for game_id in [honest, missed] {
        assert!(world.told(game_id, "game.paused").await.is_empty());
        each_turn_once(world, game_id).await;
        let closed = closed(world, game_id);
        assert_eq!(closed, (0..).take(closed.len()).collect::<Vec<i64>>(), "in order, by the engine's own files");
    }
}
