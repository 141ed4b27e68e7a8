//! A rolling restart of everything under a game, as an operator makes it: whoever asks only what is ready notices nothing.

use std::time::{Duration, Instant};

use galaxy_e2e::demo::{Options, Report};
use galaxy_e2e::gateway::{Journal, Subscriber};
use testkit::eventually;
use testkit::stack::{PROCESSES, Summary};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::{driver, patience_with_postgres, play, report, stack_on, stop};

/// The default of `BACKEND_SHUTDOWN_TIMEOUT`: a process that takes longer does not keep to its own limits.
const BUDGET: Duration = Duration::from_secs(30);
/// For what is slow on a busy machine.
const IN_TIME: Duration = Duration::from_secs(90);
/// Many times as long as the gateway takes to hear of a replica's end.
const DELAY: Duration = Duration::from_secs(4);

/// Plays one game after the other until it is enough.
fn games(summary: &Summary, enough: &CancellationToken) -> JoinHandle<Vec<Report>> {
    let (summary, enough) = (summary.clone(), enough.clone());
    tokio::spawn(async move {
        let mut reports = Vec::new();
        while !enough.is_cancelled() {
            // As strict as on a platform that nobody touches: only the patience is for busy machines.
            let options = Options { patience: Duration::from_secs(120), ..Options::default() };
            reports.push(report(play(&summary, options).await));
        }
        reports
    })
}

/// Waits until the games have come somewhat further, which their players are told, or have failed.
async fn further(watcher: &Subscriber, games: &JoinHandle<Vec<Report>>) {
    let told = |journal: &Journal| journal.entries.len();
    let before = watcher.look(told);
    eventually(IN_TIME, "the games go on", || async { games.is_finished() || watcher.look(told) >= before + 5 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_everything_fails_no_request_and_loses_no_event() {
    let delay = ("BACKEND_SHUTDOWN_DELAY".to_owned(), format!("{}s", DELAY.as_secs()));
    let settings = vec![delay, patience_with_postgres()];
    let mut stack = stack_on("rolling", 2, driver(), settings).await;
    let summary = stack.summary().clone();
    // It goes to the first replica first.
    let watcher = Subscriber::open(&summary, "watcher", Duration::from_secs(10)).await.unwrap();
    let enough = CancellationToken::new();
    let games = games(&summary, &enough);
    further(&watcher, &games).await;
    for name in PROCESSES {
        for replica in 0..2 {
            let member = stack.member(name, replica);
            let began = Instant::now();
            member.terminate();
            member.wait_stopped(BUDGET).await.unwrap_or_else(|error| panic!("{error:#}"));
            let took = began.elapsed();
            println!("        ── {} ended with 0 after {took:?}", member.label());
            assert!(took >= DELAY, "{} did not serve on: {took:?}", member.label());
            if (name, replica) == ("api-server", 0) {
                let resumed = watcher.wait("the stream on the other replica", IN_TIME, |journal| {
                    (journal.resumes == 1).then_some(journal.ended_with_bookmark)
                });
                assert!(resumed.await.unwrap(), "a stream of a stopping replica ends with a bookmark");
            }
            member.launch().unwrap();
            member.wait_ready(IN_TIME).await.unwrap();
            // Over the whole of a game, from the lobby to its end.
            further(&watcher, &games).await;
        }
    }
    enough.cancel();
    let reports = games.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    assert!(!reports.is_empty());
    for report in &reports {
        // Each game's own reckoning has found every event and mail that it was owed, once.
        assert!(report.retries.is_empty() && report.repeated_mails == 0, "{report}");
        assert!(report.turns() > 10, "{report}");
    }
    watcher.look(|journal| {
        assert_eq!(journal.fault, None, "each frame follows the one before, without a hole");
        assert!(journal.resumes >= 2 && journal.ended_with_bookmark, "{} resumes", journal.resumes);
    });
    stop(stack).await;
}
