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

/// Start time in ticks since boot; `None` when there is no such process or it is a zombie.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything: count from the last parenthesis.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Engines that run, by game and state directory as the driver names both in the environment of its children.
pub(super) type Running = HashMap<(String, String), Found>;

/// Every engine in the process table: one look, however many there are.
pub(super) fn running() -> Running {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // Unreadable: another user's, or gone.
        let environ = std::fs::read(entry.path().join("environ")).ok()?;
        let environ = String::from_utf8_lossy(&environ);
        let var = |name: &str| environ.split('\0').find_map(|var| var.strip_prefix(name)?.strip_prefix('='));
        let key = (var("GALAXY_GAME_ID")?.to_owned(), var("GALAXY_STATE_DIR")?.to_owned());
        let port = var("GALAXY_LISTEN_ADDR")?.rsplit_once(':')?.1.parse().ok()?;
        Some((key, Found { pid, start_time: start_time(pid)?, port }))
    });
    let mut running = Running::new();
    for (key, found) in found {
        // An engine's own children have its environment too: the engine is the eldest.
        match running.entry(key) {
            Entry::Occupied(mut other) if found.start_time < other.get().start_time => drop(other.insert(found)),
            Entry::Occupied(_) => {}
            Entry::Vacant(vacant) => drop(vacant.insert(found)),
        }
    }
    running
}
