//! What Linux tells of processes in `/proc`.

use std::collections::HashMap;
use std::path::Path;

use shared::ids::GameId;

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

/// The engine of this game on this state directory, by the environment that the driver gives its children.
pub(super) fn find(game_id: GameId, state_dir: &Path) -> Option<Found> {
    let game = game_id.to_string();
    let state_dir = state_dir.to_string_lossy();
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        // Unreadable: another user's, or gone.
        let environ = std::fs::read(entry.path().join("environ")).ok()?;
        let environ = String::from_utf8_lossy(&environ);
        let vars: HashMap<&str, &str> = environ.split('\0').filter_map(|var| var.split_once('=')).collect();
        let ours =
            vars.get("GALAXY_GAME_ID") == Some(&game.as_str()) && vars.get("GALAXY_STATE_DIR") == Some(&&*state_dir);
        let port = vars.get("GALAXY_LISTEN_ADDR")?.rsplit_once(':')?.1.parse().ok()?;
        Some(Found { pid, start_time: start_time(pid)?, port }).filter(|_| ours)
    })
}
