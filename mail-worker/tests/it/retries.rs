//! How long a mail is tried, and what it waits for.

use std::time::Duration;

use mail_worker::Config;
use shared::config::{Source, load};
use shared::queue::{Settings, backoff};
use shared::random::Random;
use testkit::mail::{At, Say, ScriptedRelay};

use crate::stage::{SOON, Stage, code, from_now, started};
use testkit::eventually;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn defaults(stage: &Stage) -> Settings {
    let config = load::<Config>("mail-worker", Source::new(Default::default(), stage.env())).unwrap().config;
    mail_worker::settings(&config)
}

#[tokio::test]
async fn the_default_budget_spans_a_day_whatever_chance_says() {
    let stage = Stage::new().await;
    let settings = defaults(&stage);
    assert_eq!(settings.max_attempts, 8);
    for seed in 0..200 {
        let random = Random::seeded(seed);
        let pauses: Vec<Duration> =
            (1..settings.max_attempts).map(|failures| backoff::delay(&random, &settings, failures)).collect();
        assert!(pauses.iter().sum::<Duration>() >= DAY, "{pauses:?}");
        assert!(pauses[0] <= Duration::from_secs(30), "who is greylisted shortly does not wait long: {pauses:?}");
        assert!(pauses.windows(2).all(|two| two[0] < two[1]), "{pauses:?}");
    }
    stage.end().await;
}

/// A stage whose relay says this to every recipient, with the product's own pauses.
async fn deferring(words: &str) -> (Stage, ScriptedRelay, crate::stage::InProcess) {
    let stage = Stage::new().await;
    let relay = ScriptedRelay::start().await.unwrap();
    relay.always(At::Rcpt, Say::Bytes(format!("{words}\r\n").into_bytes()));
    let own = defaults(&stage);
    let port = relay.addr().port().to_string();
    let worker = stage.worker_with(&[("BACKEND_SMTP_PORT", &port)], move |settings| {
        (settings.backoff_base, settings.backoff_floor) = (own.backoff_base, own.backoff_floor);
        settings.backoff_cap = own.backoff_cap;
    });
    (stage, relay, worker)
}

/// In how many seconds a delivery is due, as soon as it waits for another try.
async fn waits(stage: &Stage, id: shared::ids::DeliveryId) -> f64 {
    eventually(SOON, "it waits", || async {
        let row: (String, f64) = sqlx::query_as(
            "SELECT status, extract(epoch FROM next_attempt_at - clock_timestamp())::float8 FROM mail_deliveries WHERE delivery_id = $1",
        )
        .bind(id.uuid())
        .fetch_one(&stage.pool())
        .await
        .unwrap();
        if row.0 == "retrying" { Ok(row.1) } else { Err(row) }
    })
    .await
}

#[tokio::test]
async fn a_relay_that_says_when_to_come_again_is_heard() {
    for (words, least, most) in [
        ("451 4.7.1 Greylisted, try again in 900 seconds", 840.0, 900.0),
        ("450 4.2.0 Greylisting in action, please come back in 00:14:59", 840.0, 900.0),
        ("451-4.7.1 Greylisted\r\n451 4.7.1 retry in 15 minutes", 840.0, 900.0),
        ("451 4.7.1 in 99999999 seconds", 86_000.0, 86_400.0),
        // No delay, and one that is shorter than the schedule's own: eight tries must not be spent in eight seconds.
        ("451 4.7.1 try again later", -60.0, 30.0),
        ("451 4.7.1 try again in 1 second", -60.0, 30.0),
    ] {
        let (stage, relay, worker) = deferring(words).await;
        let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
        let due = waits(&stage, id).await;
        assert!((least..=most).contains(&due), "{words}: due in {due} s");
        assert_eq!(stage.delivery(id).await.failures, 1);
        assert!(relay.messages().is_empty());
        worker.stop().await;
        stage.end().await;
    }
}

#[tokio::test]
async fn a_code_does_not_outlive_its_life_in_a_queue() {
    let (stage, relay, worker) = deferring("451 4.7.1 Greylisted, try again in 900 seconds").await;
    let id = stage.enqueue_until(&code("481516"), "k", &["ann@example.org"], Some(from_now(2.0))).await;
    stage.reaches(id, "expired").await;
    assert!(stage.payload(id).await.wiped_at.is_some(), "and its code is wiped then, not when the relay would have it");
    assert!(relay.messages().is_empty());
    worker.stop().await;
    stage.end().await;
}
