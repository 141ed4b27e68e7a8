//! Containers that try what they must not be let: each with the exact outcome for its game, and none for a neighbour's.

use serde_json::{Value, json};
use shared::ids::GameId;
use testkit::eventually;

use crate::docker_world::DockerWorld;
use crate::world::{SOON, World};

const PROBE: &str = r#"ENTRYPOINT ["/galaxy-hostile", "probe"]"#;

fn deed(name: &str) -> String {
    format!(r#"ENTRYPOINT ["/galaxy-hostile", "{name}"]"#)
}

/// What the engine found out at its latest boot.
async fn probed(world: &World, game_id: GameId) -> Value {
    let file = world.state_root().join(game_id.to_string()).join("probe.json");
    eventually(SOON, "the engine looked around", || async {
        std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok())
    })
    .await
}

#[tokio::test]
async fn an_image_decides_nothing_about_its_container() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.hostile(
        &[
            "COPY passwd group /etc/",
            "USER root",
            "WORKDIR /odd",
            "EXPOSE 9",
            "STOPSIGNAL SIGUSR2",
            r#"HEALTHCHECK --interval=1ms CMD ["/galaxy-hostile", "mark"]"#,
            "ENV GALAXY_ENGINE_TOKEN=mine GALAXY_GAME_ID=other GALAXY_STATE_DIR=/data GALAXY_LISTEN_ADDR=127.0.0.1:9 \
             HTTP_PROXY=http://evil",
            "LABEL galaxy.backend=0 galaxy.instance=other galaxy.game_id=other galaxy.fingerprint=x traefik.enable=true",
            PROBE,
        ],
        // Our user's number as a name of root's, and as a member of root's group.
        &[("passwd", "10001:x:0:0::/:/x\nx:x:10001:0::/:/x\n"), ("group", "10001:x:0:\nroot:x:0:x,10001\n")],
    );
    let world = &docker.world;
    let game_id = world.game("@every 1s", &["Ants", "Bees"]).await;
    let controller = world.controller(&[("BACKEND_RUNTIME_CONTAINER_LOG_OPTS", "tag=x")]);
    world.reaches_turn(game_id, 1).await;

    let name = format!("galaxy-game-{game_id}");
    let container = docker.inspect(&name);
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    assert_eq!(config["User"], "10001:10001");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["StopTimeout"], 3);
    assert_eq!(config["Healthcheck"]["Test"], json!(["NONE"]));
    assert_eq!(container["State"]["Health"], Value::Null);
    let labels = &config["Labels"];
    assert_eq!(labels["galaxy.backend"], "1");
    assert_eq!(labels["galaxy.instance"], docker.instance.as_str());
    assert_eq!(labels["galaxy.game_id"], game_id.to_string());
    assert_eq!(labels["traefik.enable"], "", "what an image's label switches on is off");
    assert_eq!(
        container["Image"],
        world.text("SELECT image_id FROM runtime_records WHERE game_id = $1", game_id).await
    );
    assert_eq!(host["ShmSize"], 1 << 20);
    assert_eq!(host["IpcMode"], "private");
    assert_eq!(host["Init"], true);
    assert_eq!(host["OomScoreAdj"], 500);
    assert_eq!(host["Dns"], json!(["127.0.0.1"]));
    let ulimit = |name: &str, n: i64| json!({ "Name": name, "Soft": n, "Hard": n });
    assert_eq!(host["Ulimits"], json!([ulimit("nofile", 4096), ulimit("core", 0), ulimit("fsize", 1 << 30)]));
    assert_eq!(
        host["LogConfig"],
        json!({ "Type": "json-file", "Config": { "max-size": "10m", "max-file": "3", "tag": "x" } }),
        "an option more does not take the limits away"
    );
    assert_eq!(container["Mounts"].as_array().unwrap().len(), 1, "the state directory alone");

    let seen = probed(world, game_id).await;
    let status = &seen["status"];
    assert_eq!(
        (&status["Uid"], &status["Gid"]),
        (&json!("10001 10001 10001 10001"), &json!("10001 10001 10001 10001"))
    );
    // Docker looks the group's number up as a name, too: a group of that name gives its engine one more number, which owns nothing here.
    assert!(["", "10001", "0"].contains(&status["Groups"].as_str().unwrap()), "{status}");
    for set in ["CapEff", "CapPrm", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!((&status["NoNewPrivs"], &status["Seccomp"]), (&json!("1"), &json!("2")));
    assert_eq!(seen["limits"]["Max open files"], "4096 4096 files");
    assert_eq!(seen["limits"]["Max core file size"], "0 0 bytes");
    assert_eq!(seen["limits"]["Max file size"], "1073741824 1073741824 bytes");
    let env = &seen["env"];
    assert_eq!(env["GALAXY_GAME_ID"], game_id.to_string());
    assert_eq!(env["GALAXY_STATE_DIR"], "/var/lib/galaxy-game");
    assert_ne!(env["GALAXY_ENGINE_TOKEN"], "mine");
    assert_eq!(env["GALAXY_LISTEN_ADDR"], Value::Null);
    let writes = seen["writes"].as_object().unwrap();
    let may: Vec<_> = writes.iter().filter(|(_, may)| **may == true).map(|(dir, _)| dir.as_str()).collect();
    assert_eq!(may, ["/tmp", "state"], "{writes:?}");
    assert!(seen["kib"]["/dev/shm"].as_u64().unwrap() <= 1024, "{}", seen["kib"]);
    assert!((32 << 10..=64 << 10).contains(&seen["kib"]["/tmp"].as_u64().unwrap()), "{}", seen["kib"]);
    for place in ["/tmp", "/dev/shm"] {
        let said = seen["runs"][place].as_str().unwrap();
        assert!(!said.starts_with("10001") && !said.starts_with('0'), "{place}: {said}");
    }
    assert_eq!(seen["runs"]["setuid"], "10001 10001", "root's setuid bit gives nothing");
    for (call, said) in seen["calls"].as_object().unwrap() {
        assert_ne!(said, "ok", "{call}");
    }
    for (address, said) in seen["reaches"].as_object().unwrap() {
        assert_ne!(said, "ok", "{address}");
    }
    let names = seen["names"].as_str().unwrap();
    assert!(!names.starts_with("code 0"), "{names}");
    assert_eq!(seen["socket"], false);
    let devices = seen["devices"].to_string();
    assert!(!devices.contains("sda") && !devices.contains("mem") && !devices.contains("fuse"), "{devices}");
    let state = world.state_root().join(game_id.to_string());
    assert!(!state.join("marked").exists(), "nobody runs the image's health check");

    // Brought back: the same container starts a second time, and is the same from inside.
    std::fs::remove_file(state.join("probe.json")).unwrap();
    docker.docker(&["kill", "--signal", "KILL", &name]);
    let again = probed(world, game_id).await;
    assert_eq!(again["writes"], seen["writes"], "/tmp is writable at every start");
    assert_eq!(docker.inspect(&name)["Id"], container["Id"]);
    drop(controller);
}

#[tokio::test]
async fn an_image_with_a_volume_is_refused_and_so_is_one_that_runs_nothing() {
    let mut docker = DockerWorld::new().await;
    docker.world.image = docker.hostile(&["VOLUME /data /more", PROBE], &[]);
    let volumes = docker.world.game("@every 1h", &["Ants"]).await;
    docker.world.image = docker.hostile(&[], &[]);
    let nothing = docker.world.game("@every 1h", &["Ants"]).await;
    docker.world.image = docker.hostile(&[r#"ENTRYPOINT ["/nowhere"]"#], &[]);
    let nowhere = docker.world.game("@every 1h", &["Ants"]).await;
    let world = &docker.world;
    let _controller = world.controller(&[]);
    for (game_id, kind, words) in [
        (volumes, "runtime.start_config_invalid", "declares VOLUME"),
        (nothing, "runtime.start_config_invalid", "o command specified"),
        (nowhere, "runtime.container_start_failed", "nowhere"),
    ] {
        world.reaches(game_id, "start_failed").await;
        assert_eq!(world.told(game_id, kind).await.len(), 1, "{kind}");
        let error = world.last_error(game_id).await;
        assert!(error.contains(words), "{error}");
    }
    assert!(docker.containers().is_empty());
}

#[tokio::test]
async fn what_one_engine_takes_is_missing_to_no_neighbour() {
    let mut docker = DockerWorld::new().await;
    let mut games = Vec::new();
    for name in ["probe", "forks", "memory", "shm", "log", "disk"] {
        docker.world.image = docker.hostile(&[&deed(name)], &[]);
        games.push((name, docker.world.game("@every 2s", &["Ants", "Bees"]).await));
    }
    let world = &docker.world;
    let limits = [
        // Above what fits into /tmp: no file may be larger than this.
        ("BACKEND_RUNTIME_STATE_LIMIT", "80m"),
        ("BACKEND_RUNTIME_CONTAINER_MEMORY", "128m"),
        ("BACKEND_RUNTIME_CONTAINER_CPU_QUOTA", "0.25"),
        ("BACKEND_RUNTIME_CONTAINER_PIDS_LIMIT", "64"),
    ];
    let _controller = world.controller(&limits);
    // Disk: paused, and since that stops nobody from writing, its engine is taken away. Both are told.
    for (name, game_id) in games.iter().filter(|(name, _)| *name == "disk") {
        world.reaches(*game_id, "paused").await;
        assert_eq!(world.text("SELECT pause_reason FROM games WHERE game_id = $1", *game_id).await, "state_limit");
        assert_eq!(world.told(*game_id, "game.paused").await.len(), 1, "{name}");
        eventually(SOON, "its engine is gone", || async {
            let runtime = world.runtime(*game_id).await;
            if runtime.status.as_str() == "removed" && runtime.container_id.is_none() { Ok(()) } else { Err(runtime) }
        })
        .await;
        assert_eq!(world.told(*game_id, "game.generation.failed").await.len(), 2, "{name}");
        let log = world
            .text(
                "SELECT string_agg(concat_ws(' ', outcome, detail), '; ' ORDER BY operation_id)
                FROM runtime_operations WHERE game_id = $1 AND op = 'state'",
                *game_id,
            )
            .await;
        assert!(log.contains("over_limit the state directory") && log.contains("its engine is stopped"), "{log}");
    }
    // The others have what they have, and go on; so does the one that is only there.
    for (name, game_id) in games.iter().filter(|(name, _)| *name != "disk") {
        let turn = world.turn(*game_id).await;
        world.reaches_turn(*game_id, turn + 2).await;
        assert_eq!(world.status(*game_id).await, "running", "{name}");
        assert!(world.told(*game_id, "game.paused").await.is_empty(), "{name}");
    }
    let container = |wanted: &str| {
        let (_, game_id) = games.iter().find(|(name, _)| *name == wanted).unwrap();
        format!("galaxy-game-{game_id}")
    };
    let processes = docker.docker(&["top", &container("forks")]).lines().count() - 1;
    assert!((32..=64).contains(&processes), "{processes} processes");
    assert_eq!(docker.inspect(&container("probe"))["RestartCount"], 0);
    assert_eq!(docker.inspect(&container("probe"))["State"]["OOMKilled"], false);
    let (_, calm) = games[0];
    assert_eq!(
        world.number("SELECT count(*) FROM runtime_operations WHERE game_id = $1 AND op = 'revive'", calm).await,
        0
    );
}
