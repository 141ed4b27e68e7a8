//! Where the mails are kept: in memory, bounded, and in an append-only file when asked for.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::message::{Envelope, Mail, Stored};

/// The mails of a catcher.
#[derive(Debug)]
pub(crate) struct Store {
    inner: Mutex<Inner>,
    /// Counts changes, for those who wait.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    mails: VecDeque<Mail>,
    next_number: u64,
    max: usize,
    contents_by_id: HashMap<String, u32>,
    file: Option<Log>,
}

/// One JSON object a line. A line that a crash cut short is dropped at the next start.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Store {
    pub(crate) fn new(max: usize, path: Option<&Path>) -> Result<Store> {
        let mut inner =
            Inner { mails: VecDeque::new(), next_number: 1, max, contents_by_id: HashMap::new(), file: None };
        if let Some(path) = path {
            inner.load(path).with_context(|| format!("the mail store {}", path.display()))?;
        }
        Ok(Store { inner: Mutex::new(inner), changes: watch::Sender::new(0) })
    }

    /// Keeps a mail. It is in the file, and readers see it, when this returns.
    pub(crate) fn add(&self, envelope: Envelope, raw: Vec<u8>, acknowledged: bool) -> Result<u64> {
        let number = {
            let mut inner = self.inner.lock();
            let mail = Mail::parse(inner.next_number, envelope, raw, acknowledged);
            inner.append(&mail)?;
            inner.keep(mail)
        };
        self.changes.send_modify(|n| *n += 1);
        Ok(number)
    }

    pub(crate) fn all(&self) -> Vec<Mail> {
        self.inner.lock().mails.iter().cloned().collect()
    }

    pub(crate) fn get(&self, number: u64) -> Option<Mail> {
        self.inner.lock().mails.iter().find(|mail| mail.number == number).cloned()
    }

    /// How often content with this Message-ID has arrived, acknowledged or not, kept still or not.
    pub(crate) fn contents_with_id(&self, message_id: &str) -> u32 {
        self.inner.lock().contents_by_id.get(message_id).copied().unwrap_or(0)
    }

    pub(crate) fn clear(&self) -> Result<()> {
        {
            let mut inner = self.inner.lock();
            inner.mails.clear();
            inner.contents_by_id.clear();
            inner.rewrite()?;
        }
        self.changes.send_modify(|n| *n += 1);
        Ok(())
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Inner {
    fn keep(&mut self, mail: Mail) -> u64 {
        let number = mail.number;
        self.next_number = number + 1;
        if !mail.message_id.is_empty() {
            *self.contents_by_id.entry(mail.message_id.clone()).or_default() += 1;
        }
        self.mails.push_back(mail);
        while self.mails.len() > self.max {
            self.mails.pop_front();
        }
        number
    }

    fn load(&mut self, path: &Path) -> Result<()> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let mail: Mail = serde_json::from_slice::<Stored>(line).context("a damaged line")?.into();
            self.keep(mail);
        }
        let file = File::options().create(true).append(true).open(path)?;
        self.file = Some(Log { path: path.to_path_buf(), file, lines: 0 });
        self.rewrite()
    }

    fn append(&mut self, mail: &Mail) -> Result<()> {
        if self.file.as_ref().is_some_and(|log| log.lines > 2 * self.max + 100) {
            self.rewrite()?;
        }
        let Some(log) = &mut self.file else { return Ok(()) };
        log.lines += 1;
        log.file.write_all(&line(mail)?)?;
        Ok(())
    }

    /// Writes the file anew with what is kept: another file, put in place of the old one in one step.
    fn rewrite(&mut self) -> Result<()> {
        let Some(log) = &mut self.file else { return Ok(()) };
        let draft = log.path.with_extension("new");
        let mut bytes = Vec::new();
        for mail in &self.mails {
            bytes.extend_from_slice(&line(mail)?);
        }
        std::fs::write(&draft, bytes)?;
        std::fs::rename(&draft, &log.path)?;
        log.file = File::options().append(true).open(&log.path)?;
        log.lines = self.mails.len();
        Ok(())
    }
}

fn line(mail: &Mail) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Stored::from(mail))?;
    line.push(b'\n');
    Ok(line)
}
