//! A controller with nothing to do.

use std::time::Duration;

use crate::world::World;

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
    let status = controller.wait_exit(Duration::from_secs(20)).await.unwrap();
    assert!(status.success(), "{}", controller.tail(20));
    // Its engine stays: another controller takes it on.
    assert_eq!(world.engines(game_id).len(), 1);
}
