//! The mark before `DATA`: one statement for all dialogues that have come there, each row judged by itself.

use std::collections::HashMap;
use std::time::Duration;

use shared::db::mail::data_begins_together;
use sqlx::PgConnection;
use testkit::eventually;
use testkit::mail::{At, ScriptedRelay};
use uuid::Uuid;

use crate::crash::process;
use crate::stage::{SOON, Stage, message_id, started};

/// All that may be under way at once but urgent ones, with eight connections.
const MAILS: usize = 7;

/// Notes each mark with its transaction, and lets none commit until [`open`].
async fn shut(stage: &Stage) -> PgConnection {
    sqlx::raw_sql(
        "CREATE TABLE marks (transaction text NOT NULL, delivery_id uuid NOT NULL);
         CREATE FUNCTION note_mark() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
           PERFORM pg_advisory_xact_lock_shared(4711);
           INSERT INTO marks VALUES (pg_current_xact_id()::text, NEW.delivery_id);
           RETURN NULL;
         END $$;
         CREATE TRIGGER note_mark AFTER UPDATE OF data_started_at ON mail_deliveries
           FOR EACH ROW WHEN (NEW.data_started_at IS NOT NULL) EXECUTE FUNCTION note_mark()",
    )
    .execute(&stage.pool())
    .await
    .unwrap();
    let mut gate = stage.db.connect().await;
    sqlx::query("SELECT pg_advisory_lock(4711)").execute(&mut gate).await.unwrap();
    gate
}

async fn open(gate: &mut PgConnection) {
    sqlx::query("SELECT pg_advisory_unlock(4711)").execute(gate).await.unwrap();
}

/// Waits until a mark stands before the gate.
async fn a_mark_waits(stage: &Stage) {
    eventually(SOON, "a mark waits", || async {
        let waits: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        )
        .fetch_one(&stage.pool())
        .await
        .unwrap();
        waits
    })
    .await;
}

#[tokio::test]
async fn mails_that_come_to_data_together_are_marked_together_and_not_before_the_commit() {
    let stage = Stage::new().await;
    let relay = ScriptedRelay::start().await.unwrap();
    let mut gate = shut(&stage).await;
    let mut ids = Vec::new();
    for n in 0..MAILS {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let port = relay.addr().port().to_string();
    let worker = stage.worker_with(&[("BACKEND_SMTP_PORT", &port), ("BACKEND_MAIL_CONCURRENCY", "8")], |_| {});
    eventually(SOON, "all recipients are taken", || async {
        let taken = relay.asked().into_iter().filter(|at| *at == At::Rcpt).count();
        if taken >= MAILS { Ok(()) } else { Err(taken) }
    })
    .await;
    a_mark_waits(&stage).await;
    assert!(!relay.asked().contains(&At::Data), "{:?}", relay.asked());
    open(&mut gate).await;
    for id in &ids {
        let delivery = stage.reaches(*id, "sent").await;
        assert_eq!(delivery.failures, 0);
    }
    let (marked, statements): (i64, i64) =
        sqlx::query_as("SELECT count(DISTINCT delivery_id), count(DISTINCT transaction) FROM marks")
            .fetch_one(&stage.pool())
            .await
            .unwrap();
    assert_eq!(usize::try_from(marked).unwrap(), MAILS);
    assert!(statements < marked, "{statements} transactions for {marked} marks");
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn each_row_of_a_statement_is_judged_by_itself() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let [good, stale, expired, locked]: [Uuid; 4] =
        ids.iter().map(|id| id.uuid()).collect::<Vec<_>>().try_into().unwrap();
    sqlx::query(
        "UPDATE mail_deliveries SET status = 'sending', token = 5, attempt_no = 1,
                expires_at = CASE WHEN delivery_id = $1 THEN clock_timestamp() - interval '1 second' END",
    )
    .bind(expired)
    .execute(&stage.pool())
    .await
    .unwrap();
    let mut holder = stage.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM mail_deliveries WHERE delivery_id = $1 FOR UPDATE")
        .bind(locked)
        .execute(&mut *holder)
        .await
        .unwrap();
    let mut conn = stage.db.connect().await;
    // The stale one is asked for by the attempt before, too.
    let rows = [(good, 5), (stale, 4), (expired, 5), (locked, 5)];
    let found = data_begins_together(&mut conn, &rows).await.unwrap();
    assert_eq!(found, HashMap::from([((good, 5), true), ((expired, 5), false)]));
    let marked: Vec<Uuid> =
        sqlx::query_scalar("SELECT delivery_id FROM mail_deliveries WHERE data_started_at IS NOT NULL")
            .fetch_all(&stage.pool())
            .await
            .unwrap();
    assert_eq!(marked, [good]);
    holder.rollback().await.unwrap();
    let found = data_begins_together(&mut conn, &[(locked, 5), (stale, 4), (stale, 5)]).await.unwrap();
    assert_eq!(found, HashMap::from([((locked, 5), true), ((stale, 5), true)]));
    stage.end().await;
}

#[tokio::test]
async fn a_mail_that_somebody_took_before_its_mark_is_not_sent_and_the_others_are() {
    let stage = Stage::new().await;
    stage.relay.faults().delay_replies(Duration::from_secs(3));
    let mut ids = Vec::new();
    for n in 0..MAILS {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    let worker = stage.worker_with(&[("BACKEND_SMTP_TIMEOUT", "30s"), ("BACKEND_MAIL_CONCURRENCY", "8")], |_| {});
    for id in &ids {
        stage.reaches(*id, "sending").await;
    }
    let lost = ids.pop().unwrap();
    let taken = sqlx::query(
        "UPDATE mail_deliveries SET status = 'retrying', token = token + 1, worker_id = NULL, deadline_at = NULL,
                next_attempt_at = clock_timestamp() + interval '1 hour'
          WHERE delivery_id = $1 AND data_started_at IS NULL",
    )
    .bind(lost.uuid())
    .execute(&stage.pool())
    .await
    .unwrap();
    assert_eq!(taken.rows_affected(), 1, "it was marked already");
    stage.relay.faults().clear();
    for id in &ids {
        let delivery = stage.reaches(*id, "sent").await;
        assert_eq!((delivery.attempt_no, delivery.failures), (1, 0));
    }
    worker.stop().await;
    let delivery = stage.delivery(lost).await;
    assert_eq!((delivery.status.as_str(), delivery.data_started_at), ("retrying", None));
    assert_eq!(stage.relay.contents_with_id(&message_id(lost)), 0);
    assert!(stage.attempts(lost).await.is_empty());
    stage.end().await;
}

#[tokio::test]
async fn a_row_that_somebody_holds_keeps_no_other_mail_from_data() {
    let stage = Stage::new().await;
    let mut ids = Vec::new();
    for n in 0..MAILS {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await);
    }
    stage.relay.faults().delay_replies(Duration::from_secs(3));
    let worker = stage.worker_with(&[("BACKEND_SMTP_TIMEOUT", "30s"), ("BACKEND_MAIL_CONCURRENCY", "8")], |_| {});
    for id in &ids {
        stage.reaches(*id, "sending").await;
    }
    let slow = ids.pop().unwrap();
    let mut holder = stage.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM mail_deliveries WHERE delivery_id = $1 FOR UPDATE")
        .bind(slow.uuid())
        .execute(&mut *holder)
        .await
        .unwrap();
    stage.relay.faults().clear();
    for id in &ids {
        stage.reaches(*id, "sent").await;
    }
    assert_eq!(stage.relay.contents_with_id(&message_id(slow)), 0, "it is not marked");
    holder.rollback().await.unwrap();
    stage.reaches(slow, "sent").await;
    assert_eq!(stage.relay.contents_with_id(&message_id(slow)), 1);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_worker_killed_as_its_mark_commits_leaves_unknown_and_the_mail_is_sent_once() {
    let stage = Stage::new().await;
    let mut gate = shut(&stage).await;
    let mut doomed = process(&stage);
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    a_mark_waits(&stage).await;
    doomed.kill9();
    // The server does not know yet that nobody waits for the answer.
    open(&mut gate).await;
    eventually(SOON, "the mark is committed", || async { stage.delivery(id).await.data_started_at.is_some() }).await;
    assert!(stage.relay.messages().is_empty());

    let worker = stage.worker();
    stage.reaches(id, "sent").await;
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|a| (a.attempt_no, a.outcome)).collect();
    assert_eq!(outcomes, [(1, "unknown".to_owned()), (2, "sent".to_owned())]);
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 1);
    worker.stop().await;
    stage.end().await;
}
