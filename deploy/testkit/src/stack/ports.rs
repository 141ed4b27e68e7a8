//! Which ports a stack listens on.

use std::collections::HashSet;
use std::fs::File;
use std::net::TcpListener;
use std::ops::Range;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;

/// Below the ephemeral range: a member that was killed comes back on its port, so it must not be one that the system
/// meanwhile gives to some outgoing connection.
const RANGE: Range<u16> = 15_000..32_000;

/// More than the largest stack takes.
const BLOCK: u16 = 50;

/// Ports: the usual one where it is wanted and free, else one of a block that no other stack of this checkout takes from.
pub(crate) struct Ports {
    usual: bool,
    block: Range<u16>,
    given: Mutex<HashSet<u16>>,
    /// Locked as long as the stack is there; the system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl Ports {
    /// Takes a block.
    pub(super) fn new(usual: bool) -> Result<Self> {
        let dir = crate::state_dir().join("ports");
        std::fs::create_dir_all(&dir)?;
        // Not always the first: what listens on the same port in every checkout is too easily taken for another's.
        let blocks: Vec<u16> = RANGE.step_by(usize::from(BLOCK)).collect();
        let first = usize::try_from(std::process::id()).unwrap_or(0) % blocks.len();
        for &from in blocks.iter().cycle().skip(first).take(blocks.len()) {
            let lock = File::create(dir.join(from.to_string()))?;
            if lock.try_lock().is_ok() {
                return Ok(Self { usual, block: from..from + BLOCK, given: Mutex::default(), _lock: lock });
            }
        }
        anyhow::bail!("every block of ports is locked in {}", dir.display())
    }

    /// One that nobody has; `usual` if it may be.
    pub(super) fn take(&self, usual: u16) -> Result<u16> {
        if self.usual && free(usual) {
            return Ok(usual);
        }
        self.any()
    }

    /// One that nobody has.
    pub(super) fn any(&self) -> Result<u16> {
        let mut given = self.given.lock();
        let port = self.block.clone().find(|port| !given.contains(port) && free(*port));
        let port = port.with_context(|| format!("no port of {:?} is free", self.block))?;
        given.insert(port);
        Ok(port)
    }
}

fn free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
