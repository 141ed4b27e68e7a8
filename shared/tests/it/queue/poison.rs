//! A payload that kills its process. The process is this test binary, started again to be the victim.

use std::time::{Duration, Instant};

use shared::{config::connect_options, queue::Settings};
use testkit::{
    TestDb, eventually,
    process::{Proc, ProcConfig},
};

use super::kit::*;

const DSN: &str = "QUEUE_VICTIM_DSN";

/// A worker process of its own, to be killed.
pub fn victim(db: &TestDb) -> Proc {
    let exe = std::env::current_exe().unwrap();
    let config =
        ProcConfig::new(exe).arg("queue::poison::be_the_victim").arg("--exact").arg("--nocapture").env(DSN, db.dsn());
    Proc::start(config).unwrap()
}

pub async fn kill(mut process: Proc) {
    process.kill9();
    process.wait_exit(SOON).await.unwrap();
}

/// Not a test of its own: what [`victim`] runs. Without a DSN there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn be_the_victim() {
    let Ok(dsn) = std::env::var(DSN) else { return };
    let (options, _) = connect_options(&dsn).unwrap();
    let settings = Settings { slots: 8, ..settings() };
    let _process = Process::on(options, Options { name: "victim", settings, ..Options::default() });
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_row_that_kills_workers_is_quarantined_and_no_innocent_one_is() {
    let db = database().await;
    let pool = db.pool();
    let before = add_many(&pool, "slow 50", 6).await;
    let poison = add(&pool, "abort").await;
    let after = add_many(&pool, "slow 50", 6).await;

    // An operator's supervisor: it starts the worker again each time it dies.
    let (give_up, mut deaths) = (Instant::now() + 3 * SOON, 0);
    let mut worker = victim(&db);
    loop {
        assert!(Instant::now() < give_up, "not quarantined: {:?}", job(&pool, poison).await);
        if job(&pool, poison).await.status == "quarantined" && count(&pool, "done").await == 12 {
            break;
        }
        if worker.try_exit().is_some() {
            deaths += 1;
            worker = victim(&db);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kill(worker).await;

    let row = job(&pool, poison).await;
    assert_eq!((row.crashes, row.finished, row.failures), (3, true, 0));
    assert!((3..=4).contains(&deaths), "three alone, and one in company if it was claimed so: {deaths}");
    let quarantined = history(&pool, poison).await;
    assert!(quarantined.contains(&("rescued".to_owned(), Some("Crashed Quarantined".to_owned()))), "{quarantined:?}");
    for id in before.into_iter().chain(after) {
        let done = becomes(&pool, id, "done").await;
        assert_eq!((done.crashes, done.failures, done.suspect), (0, 0, false));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspects_do_not_starve_the_others_nor_the_others_them() {
    let db = database().await;
    let pool = db.pool();
    let suspects = add_many(&pool, "slow 100", 5).await;
    sqlx::query("UPDATE probe_jobs SET suspect = true, crashes = 2").execute(&pool).await.unwrap();
    add_many(&pool, "slow 20", 600).await;
    let process = Process::start(&db, Options::default());
    eventually(SOON, "the suspects are done", || async {
        let done: i64 =
            sqlx::query_scalar("SELECT count(*) FROM probe_jobs WHERE status = 'done' AND job_id = ANY ($1)")
                .bind(&suspects)
                .fetch_one(&pool)
                .await
                .unwrap();
        if done == 5 { Ok(()) } else { Err(done) }
    })
    .await;
    let others = count(&pool, "done").await - 5;
    assert!((1..600).contains(&others), "both went on side by side: {others}");
    // While a suspect was worked, nothing else was begun.
    let disturbed: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM probe_effects s JOIN probe_effects o ON s.alone AND s.job_id <> o.job_id
         AND o.at BETWEEN s.at - interval '15 milliseconds' AND s.at + interval '95 milliseconds'",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!(disturbed, 0);
    process.stop().await;
}
