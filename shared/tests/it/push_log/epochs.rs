use shared::db::push_log::{self, Cursor, Tick};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::TestDb;

use super::{append, open, read_all, settle, user};

async fn unsound(conn: &mut PgConnection, remembered: Option<Cursor>) -> Cursor {
    assert_eq!(push_log::tick(conn, remembered).await.unwrap(), Tick::Unsound);
    let mut tx = conn.begin().await.unwrap();
    let opened = push_log::open_epoch(&mut tx, remembered).await.unwrap();
    tx.commit().await.unwrap();
    opened
}

#[tokio::test]
async fn the_first_epoch_counts_six_hour_periods_and_takes_in_what_was_there_before() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    append(&mut conn, "early").await;
    let start = open(&mut conn).await;
    let periods: i32 = sqlx::query_scalar("SELECT floor(extract(epoch FROM now() - '2026-01-01T00:00Z') / 21600)::int")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(start.epoch == periods.max(1) && start.seq == 0, "{start:?}");
    assert_eq!(settle(&mut conn).await, start.at(1));
    assert_eq!(user(&read_all(&mut conn, start, 10).await[0]), "early");
}

#[tokio::test]
async fn another_timeline_opens_an_epoch_that_loses_nothing() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    append(&mut conn, "before").await;
    settle(&mut conn).await;
    append(&mut conn, "committed, not numbered").await;
    conn.execute("UPDATE push_epochs SET timeline = 'FFFFFFFF'").await.unwrap();

    let opened = unsound(&mut conn, Some(start.at(1))).await;
    assert_eq!(opened, Cursor { epoch: start.epoch + 1, seq: 0 });
    append(&mut conn, "after").await;
    assert_eq!(settle(&mut conn).await, opened.at(2));
    let all = read_all(&mut conn, opened, 10).await;
    assert_eq!(all.iter().map(user).collect::<Vec<_>>(), ["committed, not numbered", "after"]);
    // The old numbers are not read any further.
    assert_eq!(push_log::bounds(&mut conn, std::time::Duration::from_secs(60)).await.unwrap().unwrap().oldest, 1);
}

#[tokio::test]
async fn a_restored_dump_starts_empty() {
    for change in ["system_identifier = '1'", "database_oid = 1", "ticks_oid = 1"] {
        let db = TestDb::new().await;
        let mut conn = db.connect().await;
        let start = open(&mut conn).await;
        let old = append(&mut conn, "foreign").await;
        settle(&mut conn).await;
        let update = format!("UPDATE push_epochs SET {change}");
        conn.execute(sqlx::AssertSqlSafe(update)).await.unwrap();

        let opened = unsound(&mut conn, None).await;
        assert!(opened.epoch > start.epoch);
        assert_eq!(settle(&mut conn).await, opened, "{change}: foreign transaction numbers count for nothing");
        assert_eq!(push_log::positions(&mut conn, &[old]).await.unwrap(), []);
        append(&mut conn, "own").await;
        assert_eq!(settle(&mut conn).await, opened.at(1));
    }
}

#[tokio::test]
async fn a_head_below_what_was_seen_opens_an_epoch_above_it() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    append(&mut conn, "u").await;
    let head = settle(&mut conn).await;
    // What this replica saw is what the database has: nothing to do.
    assert!(matches!(push_log::tick(&mut conn, Some(head)).await.unwrap(), Tick::Head { .. }));
    // The database forgot an event that this replica had handed out.
    let opened = unsound(&mut conn, Some(head.at(2))).await;
    assert_eq!(opened.epoch, start.epoch + 1);
    // It even forgot epochs.
    let opened = unsound(&mut conn, Some(Cursor { epoch: start.epoch + 40, seq: 3 })).await;
    assert_eq!(opened.epoch, start.epoch + 41);
}

#[tokio::test]
async fn of_racing_replicas_one_opens_and_all_agree() {
    let db = TestDb::new().await;
    let racers: Vec<_> = (0..6)
        .map(|_| {
            let pool = db.pool();
            tokio::spawn(async move {
                let mut tx = pool.begin().await.unwrap();
                let opened = push_log::open_epoch(&mut tx, None).await.unwrap();
                tx.commit().await.unwrap();
                opened
            })
        })
        .collect();
    let mut opened = Vec::new();
    for racer in racers {
        opened.push(racer.await.unwrap());
    }
    opened.dedup();
    assert_eq!(opened.len(), 1);
    let epochs: i64 = sqlx::query_scalar("SELECT count(*) FROM push_epochs").fetch_one(&db.pool()).await.unwrap();
    assert_eq!(epochs, 1);
}
