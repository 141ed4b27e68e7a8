//! The clock of a host, set while a process runs on it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Debian's libfaketime for programs of several threads. What it stands in front of is libc's: a program that is linked statically
/// sees the machine's clock.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// A wall clock for the processes that are started with [`env`](Self::env). Their monotonic clocks are the machine's.
#[derive(Debug)]
pub struct HostClock {
    library: PathBuf,
    hands: tempfile::NamedTempFile,
}

impl HostClock {
    /// A clock that is right.
    ///
    /// # Errors
    /// When libfaketime is not installed (with the command that installs it), or nothing can be written.
    pub fn right() -> Result<HostClock> {
        let library =
            library().context("`libfaketime` is missing: apt-get install -y --no-install-recommends libfaketime")?;
        let clock = HostClock { library, hands: tempfile::NamedTempFile::new()? };
        clock.step("+0")?;
        Ok(clock)
    }

    /// From now on it is off by so much: `+3d`, `-90s`, `+0`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn step(&self, by: &str) -> Result<()> {
        // As a whole: a process may read it in any moment.
        let new = self.hands.path().with_extension("new");
        std::fs::write(&new, format!("{by}\n"))?;
        std::fs::rename(&new, self.hands.path()).context("set the clock")
    }

    /// What a process must have in its environment to live by this clock.
    pub fn env(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.hands.path().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// Below the directory of libraries of whatever machine this is.
fn library() -> Option<PathBuf> {
    let below = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    below.chain([Path::new("/usr/lib").to_owned()]).map(|dir| dir.join(LIBRARY)).find(|file| file.is_file())
}

/// Whether it is installed.
pub fn is_installed() -> bool {
    library().is_some()
}
