//! SIGTERM under load: every process ends well and in time, and the push stream goes on elsewhere.

use std::time::{Duration, Instant};

use galaxy_e2e::demo::Report;
use galaxy_e2e::gateway::{Journal, Subscriber};
use testkit::eventually;
use testkit::stack::PROCESSES;
use tokio::task::JoinHandle;

use crate::world::{disturbed, play, report, stack, stop};

/// Less than any budget of `BACKEND_SHUTDOWN_TIMEOUT` and its parts: nothing here has reason to use them up.
const IN_TIME: Duration = Duration::from_secs(90);

/// Waits until the demo has come somewhat further, which its players are told, or is over.
async fn further(watcher: &Subscriber, demo: &JoinHandle<Report>) {
    let told = |journal: &Journal| journal.entries.len();
    let before = watcher.look(told);
    eventually(IN_TIME, "the demo goes on", || async { demo.is_finished() || watcher.look(told) >= before + 5 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_ends_in_order_under_load() {
    let mut stack = stack("shutdown", 2).await;
    let summary = stack.summary().clone();
    // It goes to the first replica first.
    let watcher = Subscriber::open(&summary, "watcher", Duration::from_secs(10)).await.unwrap();
    let demo = play(&summary, disturbed());
    further(&watcher, &demo).await;
    for name in PROCESSES {
        for replica in 0..2 {
            let member = stack.member(name, replica);
            let began = Instant::now();
            member.terminate();
            member.wait_stopped(IN_TIME).await.unwrap_or_else(|error| panic!("{error:#}"));
            println!("        ── {} ended with 0 after {:?}", member.label(), began.elapsed());
            if (name, replica) == ("api-server", 0) {
                let resumed = watcher.wait("the stream on the other replica", IN_TIME, |journal| {
                    (journal.resumes == 1).then_some(journal.ended_with_bookmark)
                });
                assert!(resumed.await.unwrap(), "a stream of a stopping replica ends with a bookmark");
            }
            member.launch().unwrap();
            member.wait_ready(IN_TIME).await.unwrap();
            // Over the whole of the demo, from the lobby to the games.
            further(&watcher, &demo).await;
        }
    }
    report(demo.await);
    watcher.look(|journal| {
        assert_eq!(journal.fault, None);
        assert!(journal.resumes >= 2 && journal.ended_with_bookmark, "{} resumes", journal.resumes);
    });
    stop(stack).await;
}
