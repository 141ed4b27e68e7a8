//! The file with the countries: read into memory as a whole, and again when it changes.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader, path};
use parking_lot::Mutex;
use shared::domain::country::CountryCode;
use shared::service::health::PartHandle;

use super::Inner;
use super::file::{self, Read};
use super::lookup::LookupError;
use super::metrics::Metrics;

/// The database in use, and what was last seen of its file.
pub(super) struct Database {
    path: PathBuf,
    /// In memory, not mapped: a file that is rewritten in place must not change under a look-up.
    reader: ArcSwapOption<Reader<Vec<u8>>>,
    /// The file at the last reading, good or bad; a change of it is the reason to read again.
    seen: Mutex<Option<Seen>>,
    health: PartHandle,
    metrics: Metrics,
}

type Seen = Result<Stamp, io::ErrorKind>;

/// Tells one state of a file from another: a replacement has another inode, and whoever rewrites a file and sets its time
/// back cannot set the time of that change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Seen {
        let m = std::fs::metadata(path).map_err(|e| e.kind())?;
        Ok(Self {
            device: m.dev(),
            inode: m.ino(),
            size: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        })
    }
}

impl Database {
    pub(super) fn new(path: PathBuf, health: PartHandle, metrics: Metrics) -> Self {
        Self { path, reader: ArcSwapOption::empty(), seen: Mutex::default(), health, metrics }
    }

    /// The country of an address; `None` where the database has none for it.
    pub(super) fn country(&self, ip: IpAddr) -> Result<Option<CountryCode>, LookupError> {
        let reader = self.reader.load();
        let reader = reader.as_ref().ok_or(LookupError::NoDatabase)?;
        // The reader is checked before it is used; a panic in it would fail the request all the same.
        let found = catch_unwind(AssertUnwindSafe(|| iso_code(reader, ip)));
        let Ok(Ok(code)) = found else { return Err(LookupError::Broken) };
        code.map(|code| code.parse().map_err(|_| LookupError::Broken)).transpose()
    }

    /// Reads the file if it is another one than last time. Blocks. A file that cannot be used leaves the database in use as
    /// it is.
    pub(super) fn look(&self) {
        let now = Stamp::of(&self.path);
        if *self.seen.lock() == Some(now) {
            return;
        }
        let read = match now {
            Ok(_) => read_caught(&self.path),
            Err(kind) => Err(kind.to_string()),
        };
        // Written to while it was read: the next look sees yet another file, or this one at rest.
        if now.is_ok() && Stamp::of(&self.path) != now {
            return;
        }
        *self.seen.lock() = Some(now);
        self.metrics.read(read.is_ok());
        match read {
            Ok(Read { reader, unreadable }) => {
                let about = reader.metadata();
                tracing::info!(kind = about.database_type, built = about.build_epoch, "geo database read");
                if unreadable > 0 {
                    tracing::warn!(
                        records = unreadable,
                        "records of the geo database cannot be read; they have no country"
                    );
                }
                self.metrics.unreadable(unreadable);
                self.reader.store(Some(Arc::new(reader)));
                self.health.set_ok();
            }
            Err(reason) => {
                let kept = if self.reader.load().is_some() { "the one before stays in use" } else { "there is none" };
                self.health.set_failed(format!("{}: {reason}; {kept}", self.path.display()));
            }
        }
    }
}

/// Looks at the file every now and then, for ever.
pub(super) async fn watch(inner: Arc<Inner>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let me = Arc::clone(&inner);
        // A panic in there is told by the panic hook, and the database in use stays.
        let _ = tokio::task::spawn_blocking(move || me.database.look()).await;
    }
}

/// The file, or why it cannot be used.
fn read_caught(path: &Path) -> Result<Read, String> {
    // A library that trips over a broken file must not end the look at it.
    let read = catch_unwind(AssertUnwindSafe(|| file::read(path)));
    read.map_err(|_| "it cannot be read to its end".to_owned())?.map_err(|error| error.to_string())
}

/// `country.iso_code`, as GeoLite2 and DB-IP both have it, in their databases of countries and of cities.
fn iso_code(reader: &Reader<Vec<u8>>, ip: IpAddr) -> Result<Option<&str>, MaxMindDbError> {
    reader.lookup(ip)?.decode_path(&path!["country", "iso_code"])
}
