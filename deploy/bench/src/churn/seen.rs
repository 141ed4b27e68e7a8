//! What is looked at meanwhile: the memory of each process, the size of each table, and rows that should be gone.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::TestDb;
use testkit::process::Proc;
use tokio::time::{Instant, sleep_until};

use crate::spread::{grown, mebibytes};

/// Tables whose rows go by age, within seconds of it.
const TABLES: [&str; 7] = [
    "notifications",
    "notification_routes",
    "mail_deliveries",
    "mail_recipients",
    "mail_payloads",
    "mail_attempts",
    "push_ticks",
];
/// Events go slot by slot, an hour each, and their ids after days (docs/push.md): they grow for as long as a bench lasts.
const KEPT: [&str; 2] = ["push_events", "push_event_ids"];
/// The size of a table with its indexes, and with its partitions where it has some.
const SIZES: &str = "
    SELECT coalesce((SELECT sum(pg_total_relation_size(part.relid)) FROM pg_partition_tree(a.relation::regclass) AS part),
                    pg_total_relation_size(a.relation::regclass))::bigint
      FROM unnest($1::text[]) WITH ORDINALITY AS a(relation, number) ORDER BY a.number";
/// Rows that were finished before so many seconds.
const LATE: &str = "
    SELECT (SELECT count(*) FROM notifications WHERE finished_at < until)
         + (SELECT count(*) FROM notification_routes WHERE finished_at < until)
         + (SELECT count(*) FROM mail_deliveries WHERE finished_at < until)
      FROM (SELECT clock_timestamp() - make_interval(secs => $1) AS until) AS a";
/// After so many times the age none may be left. Looks for old rows are up to 1.2 times the age apart, a notification goes at the
/// look after the one that its routes went at, and a broadcast takes some batches.
const TIMES: u32 = 4;
/// But what is looked for once a minute at most takes so long at least.
const LEAST: Duration = Duration::from_secs(15);
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// What a process may have in the last fifth of the time, as many times what it had in the second; and a table.
const FLAT: f64 = 1.05;
const REUSED: f64 = 1.25;
/// Growth below this is none, in MiB: a page of an arena, a batch of rows.
const NOISE: f64 = 2.0;

/// Where to look.
pub struct Look<'a> {
    /// The tables.
    pub db: &'a TestDb,
    /// By their names.
    pub processes: [(&'static str, &'a Proc); 4],
    /// The age at which rows go.
    pub retention: Duration,
}

/// What was seen.
pub struct Seen {
    /// Of each process, of each table.
    pub series: Vec<Series>,
    /// Rows that should have been gone, at most.
    pub late: i64,
}

/// The samples of one thing, in MiB.
pub struct Series {
    name: String,
    samples: Vec<f64>,
    /// How many times as much there may be; none where growth is meant.
    bar: Option<f64>,
}

/// What became of it.
pub struct Growth {
    /// Of what.
    pub name: String,
    before: f64,
    after: f64,
    bar: Option<f64>,
}

impl Look<'_> {
    /// Looks until then.
    ///
    /// # Errors
    /// When a process has ended, or the database does not answer.
    pub async fn until(&self, until: Instant) -> Result<Seen> {
        let memory = self.processes.iter().map(|(name, _)| Series::new(format!("memory of {name}"), Some(FLAT)));
        let tables = TABLES.iter().map(|name| Series::new((*name).to_owned(), Some(REUSED)));
        let kept = KEPT.iter().map(|name| Series::new(format!("{name} (goes later)"), None));
        let mut seen = Seen { series: memory.chain(tables).chain(kept).collect(), late: 0 };
        let names: Vec<String> = TABLES.iter().chain(&KEPT).map(|name| (*name).to_owned()).collect();
        let (mut next, began, mut minute) = (Instant::now() + PAUSE, Instant::now(), 0);
        while next <= until {
            sleep_until(next).await;
            next += PAUSE;
            let mut sample = Vec::new();
            for (name, process) in self.processes {
                let bytes = process.anonymous_bytes();
                ensure!(bytes > 0, "{name} has ended");
                sample.push(mebibytes(bytes));
            }
            let sizes: Vec<i64> = sqlx::query_scalar(SIZES).bind(&names).fetch_all(&self.db.pool()).await?;
            for bytes in sizes {
                sample.push(mebibytes(u64::try_from(bytes)?));
            }
            ensure!(sample.len() == seen.series.len(), "{} samples of {} series", sample.len(), seen.series.len());
            let all: f64 = sample.iter().skip(self.processes.len()).take(TABLES.len()).sum();
            for (series, sample) in seen.series.iter_mut().zip(sample) {
                series.samples.push(sample);
            }
            seen.late = seen.late.max(self.late().await?);
            if began.elapsed().as_secs() / 60 > minute {
                minute = began.elapsed().as_secs() / 60;
                println!("minute {minute}: tables whose rows go {all:.0} MiB, {} rows too old at most", seen.late);
            }
        }
        Ok(seen)
    }

    async fn late(&self) -> Result<i64> {
        let age = self.retention * TIMES + LEAST;
        Ok(sqlx::query_scalar(LATE).bind(age.as_secs_f64()).fetch_one(&self.db.pool()).await?)
    }
}

impl Series {
    fn new(name: String, bar: Option<f64>) -> Self {
        Self { name, samples: Vec::new(), bar }
    }

    /// Its second fifth beside its last.
    pub fn growth(&self) -> Growth {
        let (before, after) = grown(&self.samples);
        Growth { name: self.name.clone(), before, after, bar: self.bar }
    }
}

impl Growth {
    /// How many times as much there is.
    pub fn ratio(&self) -> f64 {
        self.after / self.before
    }

    /// Whether it is more than it may be.
    pub fn is_missed(&self) -> bool {
        self.bar.is_some_and(|bar| self.after > self.before * bar && self.after > self.before + NOISE)
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, before, after, bar } = self;
        let bar = bar.map_or_else(String::new, |bar| format!("≤ {bar}"));
        write!(f, "{name:<38} {before:>12.1} {after:>12.1} {:>6.2}  {bar}", self.ratio())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: impl Iterator<Item = f64>, bar: Option<f64>) -> Growth {
        Series { samples: samples.collect(), ..Series::new("x".to_owned(), bar) }.growth()
    }

    #[test]
    fn what_grows_without_end_is_missed_and_what_fills_up_is_not() {
        let filling = || (0..300).map(|n: i32| f64::from(n.min(50)));
        assert!(!series(filling(), Some(FLAT)).is_missed());
        let leaking = || (0..300).map(|n| 40.0 + f64::from(n) / 10.0);
        assert!(series(leaking(), Some(FLAT)).is_missed());
        assert!(!series(leaking(), None).is_missed());
    }

    #[test]
    fn what_is_small_breathes() {
        assert!(!series((0..300).map(|n| 1.0 + f64::from(n) / 200.0), Some(REUSED)).is_missed());
    }
}
