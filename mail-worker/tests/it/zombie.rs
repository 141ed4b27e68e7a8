//! A worker that stands still for longer than its lease, or whose host's clock is set, while it has work.

use std::time::Duration;

use chrono::{DateTime, Utc};
use testkit::eventually;
use testkit::host_clock::HostClock;
use testkit::process::{Proc, ProcConfig};
use uuid::Uuid;

use crate::crash::config;
use crate::stage::{SOON, Stage, code, from_now, message_id, started};

/// The process's row: its present id, and when it was renewed.
async fn row(stage: &Stage) -> Option<(Uuid, DateTime<Utc>)> {
    // Workers in the test's own process are called so.
    let ours = "SELECT worker_id, beat_at FROM workers WHERE instance <> 'test' AND expires_at > clock_timestamp()";
    sqlx::query_as(ours).fetch_optional(&stage.pool()).await.unwrap()
}

fn start(config: ProcConfig) -> Proc {
    Proc::start(config).unwrap()
}

#[tokio::test]
async fn a_worker_that_was_frozen_before_data_has_no_effect_when_it_goes_on() {
    let stage = Stage::new().await;
    // Time to meet it in the middle of a dialogue, which it does not give up on for being late.
    stage.relay.faults().delay_replies(Duration::from_secs(2));
    let mut zombie = start(config(&stage).env("BACKEND_SMTP_TIMEOUT", "120s"));
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    stage.reaches(id, "sending").await;
    let (held_by, _) = row(&stage).await.expect("it is registered");
    eventually(SOON, "it speaks to the relay", || async { stage.relay.open_connections() > 0 }).await;
    zombie.freeze();
    stage.relay.faults().clear();
    assert!(stage.relay.messages().is_empty(), "the machine is too slow for this test");

    let worker = stage.worker();
    stage.reaches(id, "sent").await;
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 1);
    zombie.thaw();
    // It has noticed, and takes part again, under another id.
    eventually(SOON, "it registers anew", || async { row(&stage).await.filter(|(now, _)| *now != held_by) }).await;
    worker.stop().await;
    let next = stage.enqueue(&started("Rim"), "next", &["bob@example.org"]).await;
    stage.reaches(next, "sent").await;
    // What it had to say about the first one is said by now: it works one mail after the other is finished, or drops it.
    zombie.terminate();
    assert!(zombie.wait_exit(SOON).await.unwrap().success(), "{}", zombie.tail(20));
    assert_eq!(stage.relay.contents_with_id(&message_id(id)), 1, "the zombie sent it too");
    let outcomes: Vec<_> = stage.attempts(id).await.into_iter().map(|attempt| attempt.outcome).collect();
    assert_eq!((stage.delivery(id).await.status.as_str(), outcomes), ("sent", vec!["sent".to_owned()]));
    stage.end().await;
}

/// What the process wrote last, by the clock of its host.
fn last_said(worker: &Proc) -> DateTime<Utc> {
    let said = worker.lines();
    let line: serde_json::Value = serde_json::from_str(said.last().expect("it said something")).unwrap();
    line["ts"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_step_of_its_hosts_clock_is_nothing_to_a_worker() {
    for by in ["+3d", "-3d"] {
        let stage = Stage::new().await;
        let clock = HostClock::right().unwrap();
        let mut worker = start(config(&stage).envs(clock.env()));
        let before = stage.enqueue(&started("Rim"), "before", &["ann@example.org"]).await;
        stage.reaches(before, "sent").await;
        let (id, _) = row(&stage).await.expect("it is registered");

        clock.step(by).unwrap();
        let stepped = from_now(0.0);
        // Valid for ten minutes, by the database's clock; and it is claimed in spite of the lease's being of another time.
        let code = stage.enqueue_until(&code("481516"), "after", &["ann@example.org"], Some(from_now(600.0))).await;
        let delivery = stage.reaches(code, "sent").await;
        assert_eq!((delivery.attempt_no, delivery.failures), (1, 0));
        let finished = delivery.finished_at.unwrap();
        assert!((finished - stepped).num_minutes().abs() < 30, "{finished}, and it was {stepped}");
        // A lease and a second longer it is still who it was.
        eventually(SOON, "its lease goes on", || async {
            let (now, beat_at) = row(&stage).await.ok_or("no lease")?;
            assert_eq!(now, id, "it registered anew");
            if (beat_at - stepped).num_seconds() > 6 { Ok(()) } else { Err("not yet") }
        })
        .await;
        worker.terminate();
        assert!(worker.wait_exit(SOON).await.unwrap().success(), "{}", worker.tail(20));
        eventually(SOON, "its last words are of another day", || async {
            let off = (last_said(&worker) - from_now(0.0)).num_hours();
            let set = if by == "+3d" { off > 48 } else { off < -48 };
            if set { Ok(()) } else { Err(off) }
        })
        .await;
        assert_eq!(stage.relay.messages().len(), 2);
        stage.end().await;
    }
}
