//! Two workers over a failover to a standby. Replication is synchronous, so a row that a producer was answered for is there, and so
//! is a finish that was written. Effects are the world's, to which nothing happens: they are written to another database.

use sqlx::postgres::PgPoolOptions;
use testkit::{eventually, failover::Pair};
use uuid::Uuid;

use super::kit::*;

const ROWS: usize = 600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_loses_no_row_records_each_once_and_repeats_none_that_was_recorded() {
    let mut pair = Pair::start().await;
    let (db, world) = (database_on(&pair.primary).await, database().await);
    let moving = db.options().host("127.0.0.1").port(pair.proxy.addr().port());
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(moving.clone());
    let start = |name| {
        let via = Some(moving.clone());
        Process::on(world.options(), Options { name, via: via.clone(), listen_via: via, ..Options::default() })
    };
    let (a, b) = (start("a"), start("b"));
    let leases = || [&a, &b].map(|process| process.worker.lease_valid());
    eventually(SOON, "both are up", || async { leases() == [true, true] }).await;
    let mut ids = add_many(&pool, "slow 50", ROWS).await;
    a.waker.wake(shared::queue::Topic::Mail);
    eventually(SOON, "some are done", || async { count(&pool, "done").await > 40 }).await;
    let done = "SELECT job_id FROM probe_jobs WHERE status = 'done'";
    let recorded: Vec<Uuid> = sqlx::query_scalar(done).fetch_all(&pool).await.unwrap();

    pair.lose_the_primary().await;
    eventually(SOON, "nobody works on what cannot be written", || async { leases() == [false, false] }).await;
    let claims = "SELECT count(*) FROM probe_effects";
    let before: i64 = sqlx::query_scalar(claims).fetch_one(&world.pool()).await.unwrap();
    assert!(before < i64::try_from(ROWS).unwrap(), "the primary went in mid-work");
    pair.promote();
    eventually(SOON, "the new primary is worked on", || async { leases() == [true, true] }).await;
    // It may have been asked on a connection from before.
    ids.extend(eventually(SOON, "a producer is answered", || async { try_add(&pool).await }).await);
    for id in ids {
        let row = becomes(&pool, id, "done").await;
        let (tries, told) = (effects(&world.pool(), id).await, history(&pool, id).await);
        assert!(row.failures == 0 && tries >= 1 && tries <= i64::from(row.attempt_no), "{tries} effects of {row:?}");
        assert_eq!(told.iter().filter(|(what, _)| what == "done").count(), 1, "{told:?}");
        if recorded.contains(&id) {
            assert_eq!((row.attempt_no, tries), (1, 1), "it was recorded, and is done again");
        }
    }
    a.stop().await;
    b.stop().await;
}

async fn try_add(pool: &sqlx::PgPool) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO probe_jobs (job_id, payload) SELECT gen_random_uuid(), 'ok' FROM generate_series(1, 20) RETURNING job_id",
    )
    .fetch_all(pool)
    .await
}
