//! A second signal ends each process at once, whatever the first one still waits for (SPEC §16).

use std::time::Duration;

use testkit::process::{Proc, ProcConfig, free_addr};
use testkit::stack::PROCESSES;

use crate::alone::{self, told};

const SOON: Duration = Duration::from_secs(90);

/// What a process is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Term,
    Int,
}

impl Sent {
    fn to(self, process: &mut Proc) {
        match self {
            Sent::Term => process.terminate(),
            Sent::Int => process.interrupt(),
        }
    }
}

/// Each binary, in the delay after a first signal: nothing else would end it for minutes. Nothing that it needs is there, which
/// it need not be.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_each_of_the_processes_at_once() {
    let dir = testkit::target_dir().join("e2e/second-signal");
    std::fs::create_dir_all(&dir).unwrap();
    let nowhere = free_addr();
    let dsn = format!("postgres://galaxy@{nowhere}/galaxy?search_path=backend&sslmode=disable");
    for name in PROCESSES {
        for (first, second, code) in
            [(Sent::Term, Sent::Term, 143), (Sent::Int, Sent::Term, 143), (Sent::Term, Sent::Int, 130)]
        {
            let what = format!("{name}: {first:?}, then {second:?}");
            let config = ProcConfig::bin(name)
                .envs(alone::settings(name, &dsn, nowhere, nowhere, &dir.join("games")))
                .env("BACKEND_SHUTDOWN_DELAY", "4m")
                .env("BACKEND_SHUTDOWN_TIMEOUT", "10m");
            let mut process = Proc::start(config).unwrap();
            process.wait_for_line(|line| told(line, "started"), SOON).await;
            first.to(&mut process);
            process.wait_for_line(|line| told(line, "asked to stop"), SOON).await;
            assert!(process.is_running(), "{what}: {}", process.tail(20));
            second.to(&mut process);
            let status = process.wait_exit(SOON).await.unwrap();
            assert_eq!(status.code(), Some(code), "{what}: {}", process.tail(20));
            process.wait_for_line(|line| told(line, "asked to stop again: ending at once"), SOON).await;
            assert!(!process.lines().iter().any(|line| told(line, "stopped")), "{what}: it took its time");
        }
    }
}
