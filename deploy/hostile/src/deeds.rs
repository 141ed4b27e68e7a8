//! What an engine may try to take from others.

use std::fs::File;
use std::io::{Error, Write as _};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// In a thread of its own, so that the engine answers meanwhile.
pub fn beside(deed: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    std::thread::Builder::new().spawn(deed).map(drop)
}

/// Another one of us, which does this deed and serves nobody.
fn another(deed: &str) -> Result<Child, Error> {
    Command::new("/galaxy-hostile").arg(deed).spawn()
}

/// Processes until there are no more to be had, and again whenever one ends.
pub fn forks() {
    let mut children: Vec<Child> = Vec::new();
    loop {
        match another("hold") {
            Ok(child) => children.push(child),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

/// One of those.
pub fn hold() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Memory without end, in another process: when that is killed, in the next one.
pub fn memory() {
    while let Ok(mut child) = another("hog") {
        let _ = child.wait();
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// That one.
pub fn hog() -> ! {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 8 << 20]);
    }
}

/// All memory, in this process, as soon as a test has put down `greedy`.
pub fn greed(dir: &Path) {
    while !dir.join("greedy").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("this game takes all the memory that there is");
    hog()
}

/// As much as `/dev/shm` and `/tmp` take.
pub fn shm() {
    fill(&Path::new("/dev/shm").join("x"));
    fill(&Path::new("/tmp").join("x"));
}

/// Lines without end.
pub fn log() {
    let line = "x".repeat(1000);
    loop {
        println!("{line}");
    }
}

/// Files of 8 MiB, half a gigabyte of them: the test's limit is far below, and its disk is not filled.
///
/// After its first turn: what it writes while its game starts fails the start, which is another matter.
pub fn disk(dir: &Path) {
    // A file that is just being written may be empty.
    let turned = || {
        std::fs::read_to_string(dir.join("game.json"))
            .is_ok_and(|game| game.contains("\"turn\":") && !game.contains("\"turn\":0"))
    };
    while !turned() {
        std::thread::sleep(Duration::from_millis(50));
    }
    for n in 0..64 {
        fill_to(&dir.join(format!("fill-{n}")), 8 << 20);
    }
}

fn fill(path: &Path) {
    fill_to(path, u64::MAX);
}

/// Writes until it is refused or there is so much; answers how much went in.
pub fn fill_to(path: &Path, limit: u64) -> u64 {
    let Ok(mut file) = File::create(path) else { return 0 };
    let (block, mut written) = (vec![1; 64 << 10], 0);
    while written < limit && file.write_all(&block).is_ok() {
        written += 64 << 10;
    }
    written
}
