//! What is written down of an engine's process, and the id of the state directory.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use shared::random::Random;

use super::proc;

const FILE: &str = "engine.json";

/// One engine process. Pid and start time, within one boot, name a process for ever, though pids are used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pid: u32,
    /// Ticks since boot, field 22 of `/proc/<pid>/stat`.
    pub(super) start_time: u64,
    pub(super) boot_id: String,
    pub(super) port: u16,
    pub(super) fingerprint: String,
}

impl Record {
    /// Of an engine that was prepared and not started yet. No process has pid 0.
    pub(super) fn not_started(fingerprint: String) -> Self {
        Self { pid: 0, start_time: 0, boot_id: String::new(), port: 0, fingerprint }
    }

    /// Whether that very process lives; a zombie does not.
    pub(super) fn is_alive(&self) -> bool {
        self.pid != 0 && self.boot_id == proc::boot_id() && proc::start_time(self.pid) == Some(self.start_time)
    }

    /// The record in `dir`; one that cannot be read is as good as none.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
    }

    /// Written beside and renamed, so that a reader sees all of it or what was there before.
    pub(super) fn write(&self, dir: &Path) -> std::io::Result<()> {
        let draft = dir.join(format!("{FILE}.{}", std::process::id()));
        std::fs::write(&draft, serde_json::to_vec(self)?)?;
        std::fs::rename(draft, dir.join(FILE))
    }

    pub(super) fn remove(dir: &Path) -> std::io::Result<()> {
        match std::fs::remove_file(dir.join(FILE)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The id kept in `base`, made by whoever comes first.
pub(super) fn daemon_id(base: &Path, random: &Random) -> std::io::Result<String> {
    let file = base.join("id");
    if let Ok(id) = std::fs::read_to_string(&file) {
        return Ok(id);
    }
    let id: String = random.bytes::<12>().iter().map(|byte| format!("{byte:02x}")).collect();
    let draft = base.join(format!("id.{}", std::process::id()));
    let mut out = std::fs::File::create(&draft)?;
    out.write_all(id.as_bytes())?;
    out.sync_all()?;
    // A link, unlike a rename, replaces nothing: the first one counts, and it is whole.
    let linked = std::fs::hard_link(&draft, &file);
    std::fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => std::fs::read_to_string(&file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let id = daemon_id(dir.path(), &Random::system()).unwrap();
        assert_eq!(id.len(), 24);
        assert_eq!(daemon_id(dir.path(), &Random::system()).unwrap(), id);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_record_is_alive_only_for_its_own_process() {
        let dir = tempfile::tempdir().unwrap();
        let pid = std::process::id();
        let own = Record {
            pid,
            start_time: proc::start_time(pid).unwrap(),
            boot_id: proc::boot_id(),
            port: 1,
            fingerprint: "f".into(),
        };
        own.write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()), Some(own.clone()));
        assert!(own.is_alive());
        assert!(!Record { start_time: own.start_time + 1, ..own.clone() }.is_alive());
        assert!(!Record { boot_id: "another".into(), ..own }.is_alive());
        assert!(!Record::not_started(String::new()).is_alive());
        Record::remove(dir.path()).unwrap();
        Record::remove(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()), None);
    }
}
