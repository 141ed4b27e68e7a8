//! Frames that cost us work and carry nothing.

use testkit::hostile::{Alive, bomb, controls, endless_head, pongs, windows};
use testkit::process::free_addr;
use testkit::{TestDb, eventually};

use super::{LIMIT, metric, modest, others_are_served, patient};

#[tokio::test]
async fn floods_of_frames_end_their_connection_and_nobody_elses() {
    let db = TestDb::new().await;
    let grpc = free_addr();
    let mut replica = patient(&db, &[("BACKEND_GRPC_PUSH_LISTEN_ADDR", &grpc.to_string())]);
    replica.ready().await;
    let floods = [
        ("pings", controls(3_000, 0)),
        ("settings", controls(0, 3_000)),
        ("answers to pings that we never sent", pongs(3_000)),
        ("windows for what was not sent", windows(3_000)),
        ("a head that goes on", endless_head(1, 5)),
        ("a head of 12 000 fields", bomb(1, "/healthz", true, 12_000)),
    ];
    let attack = async {
        for (listener, to) in [("rest", replica.rest), ("grpc", grpc)] {
            let mut taken = 0;
            for (what, words) in &floods {
                // It reads all that it is answered: nothing but the count of them is against it.
                if let Some(peer) = Alive::connect(to, 65_535, words).await {
                    let ended = tokio::time::timeout(LIMIT, peer.ended()).await;
                    ended.unwrap_or_else(|_| panic!("it goes on at {listener}: {what}"));
                    taken += 1;
                }
            }
            assert!(taken > 0);
            let (ops, series) = (replica.ops, format!("listener_ended_total{{listener=\"{listener}\""));
            let series = series.as_str();
            // The peer hears of its end a moment before that is counted.
            eventually(LIMIT, "floods that are counted", || async move {
                let ended = metric(ops, series, "reason=\"flood\"").await;
                if ended >= f64::from(taken) { Ok(()) } else { Err(format!("{ended} of {taken} at {listener}")) }
            })
            .await;
        }
    };
    tokio::join!(attack, others_are_served(&replica));
    modest(&replica);
    let heard = replica.process.lines().iter().filter(|line| line.contains("that we never sent")).count();
    assert_eq!(heard, 0, "strangers write our log");
}
