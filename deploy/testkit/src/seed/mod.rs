//! A database as full as the product must bear (docs/scale.md): plausible, consistent with every constraint, and the same
//! at every seeding of a day. Set-based SQL, some seconds for the default sizes.

mod samples;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

pub use samples::{Caller, Samples, Variant};

/// What is done, in this order, in one transaction: a seeding that fails leaves nothing behind.
const STEPS: &[(&str, &str)] = &[
    ("tools", include_str!("sql/0_tools.sql")),
    ("accounts", include_str!("sql/1_accounts.sql")),
    ("lobby", include_str!("sql/2_lobby.sql")),
    ("runtime", include_str!("sql/3_runtime.sql")),
    ("mail", include_str!("sql/4_mail.sql")),
    ("notifications", include_str!("sql/5_notifications.sql")),
    ("administration", include_str!("sql/6_administration.sql")),
];

/// How much is made. Everything else follows from these three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Accounts; one in a hundred is gone.
    pub accounts: u32,
    /// Games, of all states.
    pub games: u32,
    /// Memberships, spread unevenly over the games.
    pub memberships: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { accounts: 100_000, games: 10_000, memberships: 200_000 }
    }
}

impl Sizes {
    fn check(self) -> Result<()> {
        let Sizes { accounts, games, memberships } = self;
        if !(2_000..=5_000_000).contains(&accounts) || !(200..=500_000).contains(&games) {
            bail!("the seed makes 2 000 to 5 000 000 accounts and 200 to 500 000 games");
        }
        // The two heavy games have 300 members each, the heavy user is in one game of 33, and no game may exceed a thousand.
        if memberships < 600 + games / 30 || memberships > games * 40 || memberships > 4_000_000 {
            bail!("{games} games have {} to {} memberships", 600 + games / 30, games * 40);
        }
        Ok(())
    }
}

/// A connection to the database of a stack, by the DSN of its `stack.json`.
///
/// # Errors
/// When it is no DSN, or the server refuses the connection.
pub async fn connect(dsn: &str) -> Result<PgConnection> {
    // sqlx ignores `search_path` in a DSN, with a warning: it goes through `options`.
    let plain = dsn.split('?').next().unwrap_or_default();
    let options: PgConnectOptions = plain.parse().context("the DSN of the stack")?;
    Ok(options.options([("search_path", "backend")]).connect().await?)
}

/// Fills a migrated database; `say` is told each step with the time that it took.
///
/// # Errors
/// When it was seeded before, the sizes do not go together, or Postgres refuses a statement.
pub async fn seed(conn: &mut PgConnection, sizes: Sizes, mut say: impl FnMut(&str, Duration)) -> Result<()> {
    sizes.check()?;
    if Samples::is_seeded(conn).await? {
        bail!("this database was seeded before");
    }
    let mut tx = conn.begin().await?;
    for (name, value) in [("accounts", sizes.accounts), ("games", sizes.games), ("memberships", sizes.memberships)] {
        sqlx::query("SELECT set_config('seed.' || $1, $2, true)")
            .bind(name)
            .bind(value.to_string())
            .execute(&mut *tx)
            .await?;
    }
    for (name, step) in STEPS {
        let started = Instant::now();
        sqlx::raw_sql(*step).execute(&mut *tx).await.with_context(|| format!("seed {name}"))?;
        say(name, started.elapsed());
    }
    tx.commit().await?;
    // Plans are made from the statistics, and index-only scans need the visibility map: as autovacuum would leave them.
    let started = Instant::now();
    sqlx::raw_sql("VACUUM (ANALYZE)").execute(&mut *conn).await?;
    say("statistics", started.elapsed());
    Ok(())
}
