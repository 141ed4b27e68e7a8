//! Stops a controller at an exact statement: a trigger waits for an advisory lock that the test holds.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use testkit::{TestDb, eventually};

const KEY: i64 = 4_711;

/// Who waits at the barrier of this database: other tests have theirs on the same server.
const WAITING: &str = "FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = $1::bigint::oid
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

pub struct Barrier {
    holder: PgConnection,
}

impl Barrier {
    /// From now on the first update of `runtime_jobs` for which `condition` (on `new` and `old`) holds waits.
    pub async fn on_jobs(db: &TestDb, condition: &str) -> Self {
        Self::on(db, "runtime_jobs", condition).await
    }

    pub async fn on(db: &TestDb, table: &str, condition: &str) -> Self {
        let trigger = format!("CREATE TRIGGER barrier BEFORE UPDATE ON {table} FOR EACH ROW");
        Self::triggered(db, &trigger, condition).await
    }

    /// The same on `runtime_jobs`, but what waits is the end of the transaction: its COMMIT was sent, and is not answered yet.
    pub async fn at_commit_of_jobs(db: &TestDb, condition: &str) -> Self {
        let trigger =
            "CREATE CONSTRAINT TRIGGER barrier AFTER UPDATE ON runtime_jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW";
        Self::triggered(db, trigger, condition).await
    }

    async fn triggered(db: &TestDb, trigger: &str, condition: &str) -> Self {
        let mut holder = db.connect().await;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(KEY).execute(&mut holder).await.unwrap();
        let sql = format!(
            "CREATE OR REPLACE FUNCTION barrier() RETURNS trigger LANGUAGE plpgsql AS $f$
             BEGIN PERFORM pg_advisory_xact_lock_shared({KEY}); RETURN new; END $f$;
             {trigger} WHEN ({condition}) EXECUTE FUNCTION barrier();"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut holder).await.unwrap();
        Self { holder }
    }

    /// Waits until somebody stands at the barrier.
    pub async fn reached(&mut self) {
        let holder = tokio::sync::Mutex::new(&mut self.holder);
        eventually(Duration::from_secs(90), "somebody at the barrier", || async {
            let mut holder = holder.lock().await;
            let waiting: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) {WAITING}")))
                .bind(KEY)
                .fetch_one(&mut **holder)
                .await
                .unwrap();
            waiting > 0
        })
        .await;
    }

    /// Lets whoever waits go on, and all that come.
    pub async fn open(self) {
        self.holder.close().await.unwrap();
    }

    /// Ends the backend that waits, as its client's death does in the end, and takes the barrier away.
    pub async fn lift(mut self, table: &str) {
        sqlx::query(sqlx::AssertSqlSafe(format!("SELECT pg_terminate_backend(pid) {WAITING}")))
            .bind(KEY)
            .execute(&mut self.holder)
            .await
            .unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP TRIGGER barrier ON {table}")))
            .execute(&mut self.holder)
            .await
            .unwrap();
        self.holder.close().await.unwrap();
    }
}
