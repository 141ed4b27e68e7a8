//! A controller with nothing to do, and one that is told to end.

use testkit::eventually;
use testkit::process::bin_path;

use crate::world::{SOON, World};

#[tokio::test]
async fn an_idle_controller_is_small_and_ends_when_told() {
    let world = World::with_processes().await;
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    world.reaches(game_id, "running").await;
    let rss = controller.rss_bytes();
    eprintln!("idle: {} KiB resident", rss >> 10);
    let bar = 32 << 20;
    // The bar is for the optimised binary; the one under test is larger, not smaller.
    assert!(rss < bar || cfg!(debug_assertions) && rss < 2 * bar, "{} KiB resident", rss >> 10);
    controller.terminate();
    let status = controller.wait_exit(SOON).await.unwrap();
    assert!(status.success(), "{}", controller.tail(20));
    // Its engine stays: another controller takes it on.
    assert_eq!(world.engines(game_id).len(), 1);
}

/// SPEC §16: claimed rows are finished or released.
#[tokio::test]
async fn a_start_that_waits_for_its_engine_is_handed_on_when_the_controller_ends() {
    let mut world = World::with_processes().await;
    let script = world.root.path().join("silent-engine");
    std::fs::write(&script, "#!/bin/sh\nexec sleep 600\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.image = script.to_str().unwrap().to_owned();
    let game_id = world.game("@every 1h", &["Ants", "Bees"]).await;
    let mut controller = world.controller(&[]);
    eventually(SOON, "the start waits for the engine's health", || async {
        world.number("SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND step = 'health'", game_id).await == 1
    })
    .await;
    controller.terminate();
    // It does not wait for the engine: that would end as a failed attempt.
    let status = controller.wait_exit(SOON).await.unwrap();
    assert!(status.success(), "{}", controller.tail(20));
    let waits = "SELECT count(*) FROM runtime_jobs WHERE game_id = $1 AND status = 'pending' AND failures = 0";
    assert_eq!(world.number(waits, game_id).await, 1);

    std::fs::write(&script, format!("#!/bin/sh\nexec {} \"$@\"\n", bin_path("galaxy-engine").display())).unwrap();
    world.kill_engine(game_id);
    let mut other = world.controller(&[]);
    world.reaches(game_id, "running").await;
    other.kill9();
}
