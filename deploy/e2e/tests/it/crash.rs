//! `kill -9` of any process at any moment of the demo: the games end right all the same.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use testkit::StopMode;
use testkit::stack::{PROCESSES, Stack};

use crate::world::{disturbed, play, report, seed, stack, stop};

/// How long a process stays dead.
const DEAD: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_kills_of_the_api_server() {
    survives_kills("kill-api-server", 1, &["api-server"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_kills_of_the_mail_worker() {
    survives_kills("kill-mail-worker", 1, &["mail-worker"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_kills_of_the_notify_worker() {
    survives_kills("kill-notify-worker", 1, &["notify-worker"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_kills_of_the_runtime_controller() {
    survives_kills("kill-runtime-controller", 1, &["runtime-controller"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_kills_of_any_of_two_replicas() {
    survives_kills("kill-replicas", 2, &PROCESSES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_survives_crashes_of_postgres() {
    let mut stack = stack("kill-postgres", 1).await;
    let mut random = StdRng::seed_from_u64(seed());
    let mut demo = play(stack.summary(), disturbed());
    let (mut crashes, mut away) = (0, Duration::ZERO);
    loop {
        // On a slow machine, too, there is as much time with Postgres as without.
        let pause = away + Duration::from_millis(random.random_range(1500..5000));
        tokio::select! {
            outcome = &mut demo => {
                report(outcome);
                break;
            }
            () = tokio::time::sleep(pause) => {}
        }
        let crashed = Instant::now();
        // Blocks this test alone: the demo has other threads.
        tokio::task::block_in_place(|| stack.postgres().restart(StopMode::Immediate)).unwrap();
        // One in four comes while the processes are still finding their way back.
        if random.random_ratio(3, 4) {
            for member in stack.members() {
                member.wait_ready(Duration::from_secs(90)).await.unwrap();
            }
        }
        away = crashed.elapsed();
        crashes += 1;
        println!("        ── Postgres crashed, and is back");
    }
    assert!(crashes >= 2, "the demo was over after {crashes} crashes");
    stop(stack).await;
}

/// Longer than a process takes here to come up, to find what its forerunner left, and to do it.
const CALM: Duration = Duration::from_secs(10);

async fn survives_kills(name: &str, replicas: usize, processes: &[&str]) {
    let mut stack = stack(name, replicas).await;
    let mut random = StdRng::seed_from_u64(seed());
    let mut demo = play(stack.summary(), disturbed());
    let (mut kills, mut away) = (0, Duration::ZERO);
    loop {
        // On a slow machine, too, there is as much time with the process as without.
        let pause = away + Duration::from_millis(random.random_range(100..2500));
        // A row whose workers die again and again is quarantined, and rightly (SPEC §10): as far as anybody can tell it is the row's
        // fault. It gets its chance before that.
        let pause = if kills > 0 && kills % 3 == 0 { pause + CALM } else { pause };
        tokio::select! {
            outcome = &mut demo => {
                report(outcome);
                break;
            }
            () = tokio::time::sleep(pause) => {}
        }
        let process = processes.choose(&mut random).unwrap();
        // The process mostly comes up first. One in four is killed while it starts.
        let lets_come_up = random.random_ratio(3, 4);
        let killed = Instant::now();
        kill(&mut stack, process, random.random_range(0..replicas), lets_come_up).await;
        away = killed.elapsed();
        kills += 1;
    }
    assert!(kills >= 3, "the demo was over after {kills} kills");
    println!("{kills} kills");
    for member in stack.members() {
        member.wait_ready(Duration::from_secs(90)).await.unwrap();
    }
    stop(stack).await;
}

async fn kill(stack: &mut Stack, process: &str, replica: usize, lets_come_up: bool) {
    let member = stack.member(process, replica);
    member.kill9();
    println!("        ── kill -9 {}", member.label());
    tokio::time::sleep(DEAD).await;
    member.launch().unwrap();
    if lets_come_up {
        member.wait_ready(Duration::from_secs(90)).await.unwrap();
    }
}
