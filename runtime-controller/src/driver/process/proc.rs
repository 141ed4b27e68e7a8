//! What Linux tells of processes in `/proc`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// An engine found in the process table.
pub(super) struct Found {
    pub(super) pid: u32,
    pub(super) start_time: u64,
    pub(super) port: u16,
}

/// The boot that this machine is in: pids and start times mean nothing in another.
pub(super) fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// What the kernel tells of a process that runs.
struct Stat {
    group: u32,
    session: u32,
    start_time: u64,
}

/// `None` when there is no such process or it is a zombie.
fn stat(pid: u32) -> Option<Stat> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything: count from the last parenthesis.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().take(20).collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    let number = |at: usize| fields.get(at)?.parse().ok();
    Some(Stat { group: number(2)?, session: number(3)?, start_time: fields.get(19)?.parse().ok()? })
}

/// Start time in ticks since boot; `None` when there is no such process or it is a zombie.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    stat(pid).map(|stat| stat.start_time)
}

/// A game and its state directory, as the driver names both in the environment of its children.
pub(super) type Key = (String, String);

/// Engines that run.
pub(super) type Running = HashMap<Key, Found>;

/// Every engine in the process table: one look, however many there are.
pub(super) fn running() -> Running {
    let mut running = Running::new();
    for (key, found) in of_engines().filter(|(_, found)| is_engine(found.pid)) {
        match running.entry(key) {
            Entry::Occupied(mut other) if found.start_time < other.get().start_time => drop(other.insert(found)),
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => drop(vacant.insert(found)),
        }
    }
    running
}

/// What an engine has started, and what they have: in a container it would end with the engine.
pub(super) fn descendants(key: &Key) -> Vec<u32> {
    of_engines().filter(|(of, found)| of == key && !is_engine(found.pid)).map(|(_, found)| found.pid).collect()
}

/// An engine's own children have its environment too. The driver makes the engine the first of its group, in the session of the
/// controller: a child is in that group, or has a session of its own.
fn is_engine(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.group == pid && stat.session != pid)
}

/// Every process that has the environment of an engine.
fn of_engines() -> impl Iterator<Item = (Key, Found)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // Unreadable: another user's, or gone.
        let environ = std::fs::read(entry.path().join("environ")).ok()?;
        let environ = String::from_utf8_lossy(&environ);
        let var = |name: &str| environ.split('\0').find_map(|var| var.strip_prefix(name)?.strip_prefix('='));
        let key = (var("GALAXY_GAME_ID")?.to_owned(), var("GALAXY_STATE_DIR")?.to_owned());
        let port = var("GALAXY_LISTEN_ADDR")?.rsplit_once(':')?.1.parse().ok()?;
        Some((key, Found { pid, start_time: start_time(pid)?, port }))
    })
}
