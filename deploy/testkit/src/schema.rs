//! The schema that test databases carry: the one in `migrations/sql`, read when the test runs.
//!
//! Read, not linked from `galaxy_migrations`: that crate stands on `shared`, whose own tests stand on this one, and a
//! test kit that is built before `shared` is serves while `shared` does not compile. `galaxy_migrations::apply` does
//! the same steps and has tests of its own.

use anyhow::Context;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

/// A short name for the whole set of migrations; it changes whenever one of them does.
pub(crate) async fn fingerprint() -> anyhow::Result<String> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for migration in migrator().await?.iter() {
        for byte in migration.version.to_be_bytes().iter().chain(migration.checksum.iter()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(format!("{hash:016x}"))
}

/// Applies every migration to an empty database.
pub(crate) async fn apply(conn: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS backend").execute(&mut *conn).await?;
    sqlx::raw_sql("SET search_path = backend").execute(&mut *conn).await?;
    migrator().await?.run(&mut *conn).await?;
    Ok(())
}

async fn migrator() -> anyhow::Result<Migrator> {
    let dir = crate::workspace_root().join("migrations/sql");
    Migrator::new(dir.clone()).await.with_context(|| format!("read {}", dir.display()))
}
