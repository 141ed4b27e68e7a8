use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::db::push_log::{self, LogEvent, Tick};
use shared::random::Random;
use sqlx::{Connection as _, Executor as _, Row as _};
use testkit::TestDb;
use uuid::Uuid;

use super::{append, event, id, open, read_all, seqs, settle, user};

const WRITERS: usize = 12;
const ENTITIES: u64 = 5;
const ROUNDS: usize = 40;

/// One writer: random delays around the commit, savepoints rolled back, whole transactions rolled back. Each event is
/// written under the lock of the entity that it is about and carries the entity's counter.
async fn write(pool: sqlx::PgPool, random: Random) -> Vec<Uuid> {
    let mut committed = Vec::new();
    for _ in 0..ROUNDS {
        let mut tx = pool.begin().await.unwrap();
        let entity = random.below(ENTITIES);
        let update = "UPDATE entity SET n = n + 1 WHERE id = $1 RETURNING n";
        let n: i64 = sqlx::query_scalar(update).bind(entity as i64).fetch_one(&mut *tx).await.unwrap();
        pause(&random).await;
        let mut mine = Vec::new();
        if random.below(3) == 0 {
            let mut undone = tx.begin().await.unwrap();
            append(&mut undone, "never").await;
            undone.rollback().await.unwrap();
        }
        if random.below(3) == 0 {
            // A subtransaction of its own that stays: its rows carry the top-level transaction's number.
            let mut inner = tx.begin().await.unwrap();
            mine.push(push(&mut inner, &format!("{entity}:{n}:a")).await);
            inner.commit().await.unwrap();
            mine.push(push(&mut tx, &format!("{entity}:{n}:b")).await);
        } else {
            mine.push(push(&mut tx, &format!("{entity}:{n}:a")).await);
        }
        pause(&random).await;
        if random.below(5) == 0 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.extend(mine);
        }
    }
    committed
}

async fn push(conn: &mut sqlx::PgConnection, text: &str) -> Uuid {
    let event_id = id();
    push_log::append_events(conn, &[event(event_id, text)]).await.unwrap();
    event_id
}

async fn pause(random: &Random) {
    tokio::time::sleep(Duration::from_micros(random.below(4_000))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_committed_event_is_read_once_in_order_under_racing_writers_and_tickers() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    conn.execute("CREATE TABLE entity (id bigint PRIMARY KEY, n bigint NOT NULL)").await.unwrap();
    conn.execute("INSERT INTO entity SELECT i, 0 FROM generate_series(0, 4) i").await.unwrap();
    let start = open(&mut conn).await;
    let pool = db.pool_of(WRITERS as u32);
    let done = Arc::new(AtomicBool::new(false));
    let tickers: Vec<_> = (0..4)
        .map(|_| {
            let (db_conn, done) = (db.options(), done.clone());
            tokio::spawn(async move {
                let mut conn = sqlx::ConnectOptions::connect(&db_conn).await.unwrap();
                let (mut at, mut live) = (start, Vec::new());
                // Each ticker is a follower too: what it reads right after a tick must be what anybody reads later.
                loop {
                    let last = done.load(Ordering::SeqCst);
                    let Tick::Head { head, lost, .. } = push_log::tick(&mut conn, Some(at)).await.unwrap() else {
                        panic!("the log is sound")
                    };
                    while at < head {
                        let page = push_log::events_after(&mut conn, at, 50, 1 << 20).await.unwrap();
                        at = at.at(page.last().unwrap().seq);
                        live.extend(page.into_iter().map(|stored| (stored.seq, stored.event)));
                    }
                    if last && !lost {
                        return live;
                    }
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS).map(|i| tokio::spawn(write(pool.clone(), Random::seeded(i as u64)))).collect();
    let mut committed = HashSet::new();
    for writer in writers {
        committed.extend(writer.await.unwrap());
    }
    settle(&mut conn).await;
    done.store(true, Ordering::SeqCst);

    let all = read_all(&mut conn, start, 33).await;
    assert_eq!(seqs(&all), (1..=committed.len() as i64).collect::<Vec<_>>(), "dense, and as many as were committed");
    let read: HashSet<Uuid> = all
        .iter()
        .map(|stored| match &stored.event {
            LogEvent::Client { event_id, .. } => *event_id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read, committed);

    let mut last: HashMap<&str, (i64, &str)> = HashMap::new();
    for stored in &all {
        let mut parts = user(stored).split(':');
        let (entity, n, part) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap(), parts.next().unwrap());
        let before = last.insert(entity, (n, part));
        assert!(before < Some((n, part)), "{entity}: {before:?} before {n}{part}");
    }

    let whole: Vec<_> = all.into_iter().map(|stored| (stored.seq, stored.event)).collect();
    for ticker in tickers {
        assert_eq!(ticker.await.unwrap(), whole, "what a racing follower read live");
    }
    let chain = "SELECT base_seq, n, lead(base_seq) OVER (ORDER BY tick_id) AS next, tick_id, row_number() OVER (ORDER BY tick_id) - 1 AS i
                   FROM push_ticks ORDER BY tick_id";
    for tick in sqlx::query(chain).fetch_all(&mut conn).await.unwrap() {
        let (base, n): (i64, i32) = (tick.get("base_seq"), tick.get("n"));
        assert!(tick.get::<Option<i64>, _>("next").is_none_or(|next| next == base + i64::from(n)), "an unbroken chain");
        assert_eq!(tick.get::<i64, _>("tick_id"), tick.get::<i64, _>("i"));
    }
}

#[tokio::test]
async fn a_transaction_open_across_ticks_belongs_to_the_tick_that_first_sees_it() {
    let db = TestDb::new().await;
    let (mut early, mut late, mut reader) = (db.connect().await, db.connect().await, db.connect().await);
    let start = open(&mut reader).await;
    let mut tx = early.begin().await.unwrap();
    append(&mut tx, "slow").await;
    append(&mut late, "quick").await;
    assert_eq!(settle(&mut reader).await.seq, 1);
    append(&mut late, "quick again").await;
    assert_eq!(settle(&mut reader).await.seq, 2);
    // Committed after both, though it drew its number before: nobody who resumes after 2 may miss it.
    tx.commit().await.unwrap();
    assert_eq!(settle(&mut reader).await.seq, 3);
    for page in [1, 2, 10] {
        let all = read_all(&mut reader, start, page).await;
        assert_eq!(all.iter().map(user).collect::<Vec<_>>(), ["quick", "quick again", "slow"]);
    }
}

#[tokio::test]
async fn nothing_new_writes_no_tick() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    open(&mut conn).await;
    append(&mut conn, "u").await;
    for _ in 0..5 {
        settle(&mut conn).await;
    }
    let ticks: i64 = sqlx::query_scalar("SELECT count(*) FROM push_ticks").fetch_one(&mut conn).await.unwrap();
    assert_eq!(ticks, 2, "the genesis and one");
}

#[tokio::test]
async fn pages_are_bounded_in_rows_and_bytes_but_never_empty() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let start = open(&mut conn).await;
    let payload = vec![7; 60_000];
    let events: Vec<_> = (0..10).map(|_| push_log::NewEvent { payload: &payload, ..event(id(), "u") }).collect();
    push_log::append_events(&mut conn, &events).await.unwrap();
    settle(&mut conn).await;
    let page = async |conn: &mut sqlx::PgConnection, after, rows, bytes| {
        seqs(&push_log::events_after(conn, start.at(after), rows, bytes).await.unwrap())
    };
    assert_eq!(page(&mut conn, 0, 3, 1 << 20).await, [1, 2, 3]);
    assert_eq!(page(&mut conn, 4, 100, 100_000).await, [5, 6]);
    assert_eq!(page(&mut conn, 4, 100, 1).await, [5]);
    assert_eq!(page(&mut conn, 10, 100, 1).await, Vec::<i64>::new());
}
