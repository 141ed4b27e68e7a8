//! `BACKEND_MIGRATE_ON_START` (SPEC §16): for one-machine installs, `api-server` applies the migrations itself.

use std::time::Duration;

use shared::SCHEMA_VERSION;
use testkit::{TestDb, eventually};

use crate::binary::Binary;

const SOON: Duration = Duration::from_secs(90);

#[tokio::test]
async fn replicas_that_start_at_once_on_an_empty_database_migrate_it_once_and_all_serve() {
    let db = TestDb::empty().await;
    let migrate = [("BACKEND_MIGRATE_ON_START", "true")];
    let mut replicas = [Binary::start(&db, &migrate), Binary::start(&db, &migrate)];
    for replica in &mut replicas {
        replica.ready().await;
        let rest = replica.rest;
        eventually(SOON, "it serves", || async {
            match reqwest::get(format!("http://{rest}/readyz")).await {
                Ok(answer) if answer.status() == 200 => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM schema_versions ORDER BY version").fetch_all(&db.pool()).await.unwrap();
    assert_eq!(applied, (1..=SCHEMA_VERSION).collect::<Vec<_>>());
    for replica in &mut replicas {
        replica.stop().await;
    }
}

#[tokio::test]
async fn without_it_an_empty_database_stays_empty_and_the_replica_unready() {
    let db = TestDb::empty().await;
    let mut replica = Binary::start(&db, &[]);
    let ops = replica.ops;
    eventually(SOON, "it says what it waits for", || async {
        match reqwest::get(format!("http://{ops}/readyz")).await {
            Ok(answer) if answer.status() == 503 => {
                let text = answer.text().await.unwrap_or_default();
                if text.contains("run `migrate`") { Ok(()) } else { Err(text) }
            }
            Ok(answer) => Err(answer.status().to_string()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
    let made: bool =
        sqlx::query_scalar("SELECT to_regnamespace('backend') IS NOT NULL").fetch_one(&db.pool()).await.unwrap();
    assert!(!made, "nobody asked it to migrate");
    replica.stop().await;
}
