//! Frames that cost us work and carry nothing.

use testkit::TestDb;
use testkit::hostile::{Alive, controls, endless_head};

use super::{LIMIT, metric, modest, others_are_served, patient};

#[tokio::test]
async fn floods_of_frames_end_their_connection_and_nobody_elses() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let attack = async {
        for (what, words) in [
            ("pings", controls(3_000, 0)),
            ("settings", controls(0, 3_000)),
            ("a head that goes on", endless_head(1, 5)),
        ] {
            // It reads all that it is answered: nothing but the count of them is against it.
            if let Some(peer) = Alive::connect(replica.rest, 65_535, &words).await {
                tokio::time::timeout(LIMIT, peer.ended()).await.unwrap_or_else(|_| panic!("it goes on: {what}"));
            }
        }
    };
    tokio::join!(attack, others_are_served(&replica));
    modest(&replica);
    assert!(metric(replica.ops, "listener_ended_total", "reason=\"flood\"").await >= 3.0);
}
