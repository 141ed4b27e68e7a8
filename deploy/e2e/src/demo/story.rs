//! Telling what happens, line by line.

use std::sync::Arc;
use std::time::Instant;

/// Where the lines go, each with the time since the beginning.
#[derive(Clone)]
pub struct Story {
    began: Instant,
    sink: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Story {
    /// A story told to `sink`, a line at a time.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Story {
        Story { began: Instant::now(), sink: Arc::new(sink) }
    }

    /// Begins a chapter.
    pub fn chapter(&self, title: &str) {
        (self.sink)(&format!("\n{title}"));
    }

    /// Tells one thing.
    pub fn say(&self, line: impl AsRef<str>) {
        let seconds = self.began.elapsed().as_secs_f64();
        (self.sink)(&format!("  {seconds:5.1}s  {}", line.as_ref()));
    }
}
