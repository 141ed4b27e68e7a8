//! One batch of chaos: each kind of blow once, under load, and then the whole reckoning (docs/testing.md). And one in which every
//! process is ended in order.

use std::time::Duration;

use galaxy_e2e::chaos::{self, Options};
use galaxy_e2e::demo::Story;
use testkit::stack::{Driver, StackConfig};

use crate::logs;
use crate::world::{config, seed, stack_on, start, stop};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_stuck_or_done_twice_whatever_dies() {
    // Engines as processes: what the engines wrote is read where it stands.
    let mut stack = start(StackConfig { behind_proxy: true, ..config("chaos", 2, Driver::Process) }).await;
    let options = Options { seed: seed(), schedule: "@every 1s".to_owned(), ..Options::default() };
    let story = Story::new(|line| println!("{line}"));
    let report = chaos::run(&mut stack, &options, &story).await.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{report}");
    assert!(report.faults.is_empty(), "{report}");
    assert_eq!(report.rounds(), options.rounds);
    assert!(report.mails() > 20 && report.events() > 20 && report.turns() > 10, "there was little load: {report}");
    assert!(report.resumes() > 0, "no stream was resumed: {report}");
    logs::remember(&report.secrets);
    stop(stack).await;
}

/// SIGTERM is no reason for anything: not for a mail that comes twice, nor for one that is late.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_done_twice_by_processes_that_end_in_full_load_and_they_keep_to_their_budget() {
    let mut stack = stack_on("ends", 2, Driver::Process, Vec::new()).await;
    let options = Options { schedule: "@every 1s".to_owned(), only_ends: true, doors: 4, ..Options::default() };
    let story = Story::new(|line| println!("{line}"));
    let report = chaos::run(&mut stack, &options, &story).await.unwrap_or_else(|error| panic!("{error:#}"));
    println!("{report}\nthe slowest end took {:?}", report.slowest_end());
    assert!(report.faults.is_empty(), "{report}");
    assert_eq!(report.rounds(), 8, "each of the processes was ended");
    assert!(report.slowest_end() > Duration::ZERO && report.slowest_end() < Duration::from_secs(30), "{report}");
    assert!(report.mails() > 20 && report.events() > 20 && report.turns() > 5, "there was little load: {report}");
    logs::remember(&report.secrets);
    stop(stack).await;
}
