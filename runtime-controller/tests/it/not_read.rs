//! An answer that was not read, for want of memory of ours, is nothing that its engine did (docs/engine-answers.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime_controller::ask::Oracle;
use runtime_controller::config::Tuning;
use serde_json::json;
use shared::domain::runtime::QuestionKind;
use shared::engine_client::{EngineClient, Timeouts};
use shared::service::lifecycle::Lifecycle;
use shared::service::listen::Budget;
use testkit::{TestDb, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::reconcile_thousand::{Simulated, seed, told};
use crate::world::SOON;

/// An engine whose answers are longer than what is read without room for it; and how often it was asked.
async fn engine() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16384\r\n\
                    connection: close\r\n\r\n";
        let answer = [head.as_bytes(), &[b' '; 16 << 10]].concat();
        while let Ok((mut peer, _)) = listener.accept().await {
            let _ = peer.read(&mut [0; 4096]).await;
            count.fetch_add(1, Ordering::SeqCst);
            let _ = peer.write_all(&answer).await;
        }
    });
    (endpoint, asked)
}

#[tokio::test]
async fn a_probe_whose_answer_there_was_no_memory_for_is_no_missed_one_and_pauses_nothing() {
    let db = TestDb::new().await;
    let games = seed(&db, 1).await;
    let (endpoint, asked) = engine().await;
    sqlx::query("UPDATE runtime_records SET endpoint = $1, probed_at = now() - interval '2 days'")
        .bind(&endpoint)
        .execute(&db.pool())
        .await
        .unwrap();
    let lifecycle = Lifecycle::new(Duration::from_secs(5));
    let driver = Arc::new(Simulated::new(games, Some(endpoint)));
    let timeouts = Timeouts { call: SOON, probe: SOON };
    let client = EngineClient::new(timeouts).unwrap().with_room(Budget::new(1, 1));
    // One that is missed would be enough.
    let told = told(&db, &driver, &lifecycle, client, Tuning { misses: 1, ..Tuning::default() });
    // It is asked once at a time: the second time all is done that came of the first.
    let asked_twice = async || {
        let before = asked.load(Ordering::SeqCst);
        eventually(SOON, "it is asked twice", || async {
            told.answer(QuestionKind::Reconcile, None, &json!({ "dry_run": false })).await.unwrap();
            asked.load(Ordering::SeqCst) >= before + 2
        })
        .await;
    };
    asked_twice().await;
    let seen: (String, i32, bool) = sqlx::query_as("SELECT health, misses, ill_since IS NULL FROM runtime_records")
        .fetch_one(&db.pool())
        .await
        .unwrap();
    assert_eq!(seen, ("healthy".to_owned(), 0, true));

    // It was silent for long, and is asked for the last time before its game is paused.
    sqlx::query("UPDATE runtime_records SET health = 'unhealthy', misses = 9, ill_since = now() - interval '1 day'")
        .execute(&db.pool())
        .await
        .unwrap();
    asked_twice().await;
    let status: String = sqlx::query_scalar("SELECT status FROM games").fetch_one(&db.pool()).await.unwrap();
    assert_eq!(status, "running", "it answers, as far as anybody knows");
    lifecycle.stop();
}
