//! What the administrators are told of mails that died: seldom, and of all.

use shared::ids::DeliveryId;
use shared::mail::{MailDeadLettered, Template};
use sqlx::FromRow;

use crate::stage::{Stage, started};

#[derive(Debug, FromRow)]
struct Alarm {
    cause: String,
    deliveries: i64,
    /// Seconds until its notification is due.
    due_in: f64,
}

async fn alarms(stage: &Stage) -> Vec<Alarm> {
    sqlx::query_as(
        "SELECT a.cause, a.deliveries, extract(epoch FROM n.next_attempt_at - clock_timestamp())::float8 AS due_in
           FROM mail_alarms a JOIN notifications n ON n.kind = 'mail.dead_lettered' AND n.idempotency_key = a.alarm_key
          WHERE n.next_attempt_at = a.due_at ORDER BY a.due_at",
    )
    .fetch_all(&stage.pool())
    .await
    .unwrap()
}

async fn notifications(stage: &Stage) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM notifications").fetch_one(&stage.pool()).await.unwrap()
}

async fn dies(stage: &Stage, key: &str, template: &Template) -> DeliveryId {
    let id = stage.enqueue(template, key, &["ann@example.org"]).await;
    stage.reaches(id, "dead_lettered").await;
    id
}

fn alarm_mail() -> Template {
    Template::MailDeadLettered(MailDeadLettered {
        cause: "RCPT TO 550".into(),
        count: 1,
        delivery_id: DeliveryId::new(),
        template_id: "game.started".into(),
    })
}

/// As if the quarter of an hour of every alarm had begun this long ago.
async fn passes(stage: &Stage, interval: &str) {
    sqlx::query("UPDATE mail_alarms SET due_at = due_at - $1::interval")
        .bind(interval)
        .execute(&stage.pool())
        .await
        .unwrap();
    sqlx::query("UPDATE notifications SET next_attempt_at = next_attempt_at - $1::interval")
        .bind(interval)
        .execute(&stage.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn seven_dead_mails_of_one_cause_make_one_alarm() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_next_rcpt(7, 550);
    let workers = [stage.worker(), stage.worker()];
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(stage.enqueue(&started("Rim"), &n.to_string(), &[&format!("p{n}@example.org")]).await);
    }
    for id in ids {
        stage.reaches(id, "dead_lettered").await;
    }
    let seen = alarms(&stage).await;
    assert_eq!(seen.iter().map(|alarm| alarm.deliveries).sum::<i64>(), 7, "{seen:?}");
    assert_eq!(seen[0].cause, "RCPT TO 550");
    assert!(seen[0].due_in <= 5.0, "the first is told soon: {seen:?}");
    // A machine that takes longer than the first alarm gathers has one more, a quarter of an hour later.
    assert!(seen.iter().skip(1).all(|alarm| alarm.due_in > 800.0), "{seen:?}");

    // Another cause is another alarm.
    stage.relay.faults().reject_next_content(1, 554);
    dies(&stage, "content", &started("Rim")).await;
    let seen = alarms(&stage).await;
    assert!(seen.iter().any(|alarm| (alarm.cause.as_str(), alarm.deliveries) == ("message 554", 1)), "{seen:?}");
    for worker in workers {
        worker.stop().await;
    }
    stage.end().await;
}

#[tokio::test]
async fn the_next_alarm_of_a_cause_is_a_quarter_of_an_hour_later_and_counts_what_died_meanwhile() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_recipient("ann@example.org", 550);
    let worker = stage.worker();
    dies(&stage, "1", &started("Rim")).await;
    passes(&stage, "1 minute").await;
    dies(&stage, "2", &started("Rim")).await;
    dies(&stage, "3", &started("Rim")).await;
    let seen = alarms(&stage).await;
    assert_eq!(seen.iter().map(|alarm| alarm.deliveries).collect::<Vec<_>>(), [1, 2]);
    assert!((780.0..=845.0).contains(&seen[1].due_in), "a quarter of an hour behind the first: {seen:?}");
    // After a quiet hour the next is told soon again.
    passes(&stage, "1 hour").await;
    dies(&stage, "4", &started("Rim")).await;
    let seen = alarms(&stage).await;
    assert!(seen.len() == 3 && seen[2].due_in <= 5.0, "{seen:?}");
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn an_alarm_that_dies_raises_none() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_recipient("ann@example.org", 550);
    let worker = stage.worker();
    dies(&stage, "1", &alarm_mail()).await;
    assert_eq!((notifications(&stage).await, alarms(&stage).await.len()), (0, 0));
    worker.stop().await;
    stage.end().await;
}
