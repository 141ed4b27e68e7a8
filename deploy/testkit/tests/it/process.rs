use std::time::Duration;

use testkit::eventually;
use testkit::process::{Proc, ProcConfig, bin_path, free_port};

const LIMIT: Duration = Duration::from_secs(90);

fn sh(script: &str) -> ProcConfig {
    ProcConfig::new("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn reads_the_output_and_the_exit() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("out.log");
    let config = sh("echo to $GREETED; echo aside >&2; exit 3").env("GREETED", "you").log(&log);
    let mut child = Proc::start(config).unwrap();
    assert_eq!(child.wait_for_line(|line| line.starts_with("to "), LIMIT).await, "to you");
    assert_eq!(child.wait_exit(LIMIT).await.unwrap().code(), Some(3));
    child.wait_for_line(|line| line == "aside", LIMIT).await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("to you\n") && text.contains("aside\n"), "{text}");
}

#[tokio::test]
async fn whatever_was_written_has_been_read_when_a_process_has_ended() {
    let mut child = Proc::start(sh("seq 1 20000; echo last >&2")).unwrap();
    assert!(child.wait_exit(LIMIT).await.unwrap().success());
    let lines = child.lines();
    assert!(lines.len() == 20_000 && lines.iter().any(|line| line == "last"), "{} lines", lines.len());
}

#[tokio::test]
async fn terminates_kills_and_measures() {
    let mut polite = Proc::start(sh("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")).unwrap();
    polite.wait_for_line(|line| line == "ready", LIMIT).await;
    assert!(polite.rss_bytes() > 100_000);
    polite.terminate();
    assert!(polite.wait_exit(LIMIT).await.unwrap().success());
    assert_eq!(polite.rss_bytes(), 0);

    let mut busy = Proc::start(sh("trap '' TERM; echo ready; while :; do :; done")).unwrap();
    busy.wait_for_line(|line| line == "ready", LIMIT).await;
    eventually(LIMIT, "it uses the processor", || async { busy.cpu_seconds() > 0.05 }).await;
    busy.terminate();
    assert!(busy.wait_exit(Duration::from_millis(50)).await.is_err());
    busy.kill9();
    assert!(!busy.is_running());

    let dropped = Proc::start(sh("sleep 60")).unwrap();
    let pid = dropped.pid();
    drop(dropped);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn memory_that_was_given_back_is_in_the_peak() {
    let greedy =
        "x=$(head -c 16777216 /dev/zero | tr '\\0' x); test -n \"$x\"; x=; echo ready; while :; do sleep 0.05; done";
    let mut greedy = Proc::start(sh(greedy)).unwrap();
    greedy.wait_for_line(|line| line == "ready", LIMIT).await;
    assert!(greedy.peak_memory() > 16 << 20, "{} KiB", greedy.peak_memory() >> 10);
    assert!(greedy.peak_memory() >= greedy.rss_bytes());
    greedy.kill9();
    assert_eq!(greedy.peak_memory(), 0);
}

#[tokio::test]
async fn a_child_dies_with_a_killed_parent() {
    // The parent is this test binary, running the test below, which kills itself without any destructor.
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap());
    parent.args(["--exact", "process::parent_that_is_killed", "--nocapture"]).env("TESTKIT_DIE", "1");
    let output = tokio::task::spawn_blocking(move || parent.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let pid = text.lines().find_map(|line| line.split("child ").nth(1)).unwrap_or_else(|| panic!("{text}"));
    eventually(LIMIT, "the child dies too", || async {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") { Ok(()) } else { Err(stat) }
    })
    .await;
}

#[tokio::test]
async fn parent_that_is_killed() {
    if std::env::var_os("TESTKIT_DIE").is_none() {
        return; // only half of the test above
    }
    // Its output must not keep our pipes open, or our own parent would wait for it.
    let mut child = Proc::start(sh("echo ready; exec sleep 60")).unwrap();
    child.wait_for_line(|line| line == "ready", LIMIT).await;
    println!("child {}", child.pid());
    nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn finds_binaries_and_ports() {
    assert!(bin_path("mail-catcher").is_file());
    let fault = std::panic::catch_unwind(|| bin_path("no-such-binary")).unwrap_err();
    assert!(fault.downcast_ref::<String>().unwrap().contains("cargo build --workspace --bins"));
    assert_ne!(free_port(), 0);
}
