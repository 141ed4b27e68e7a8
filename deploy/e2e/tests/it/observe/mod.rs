//! A real Prometheus over a real stack: what every rule and dashboard asks is there, and alerts fire for what they are made for.
//!
//! Two things are not as an operator has them. Everything is scraped and judged each second. And the alerts are the committed
//! ones but for their patience: each `for` is a second, and the thresholds in [`SOONER`] are lower, since nobody waits here for
//! half an hour. Whether the real ones are well chosen is for `deploy/prometheus/tests`.

mod peers;
mod runbook;

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use testkit::prometheus::{Prometheus, questions};
use testkit::stack::{Stack, Summary};
use testkit::{StopMode, eventually};

use crate::world::{disturbed, driver, play, report, stack_on, stop};

const SOON: Duration = Duration::from_secs(90);

/// Conditions as they are committed, and as they are here.
const SOONER: [(&str, &str); 5] = [
    // Of the turns of the last seconds, not of all that were in time before.
    ("runtime_turn_lateness_seconds_bucket[10m]", "runtime_turn_lateness_seconds_bucket[10s]"),
    ("turns:lateness_seconds:p95_10m > 30", "turns:lateness_seconds:p95_10m > 3"),
    ("queue:oldest_due_seconds:max > 120", "queue:oldest_due_seconds:max > 3"),
    ("(grpc_push_log_age_seconds) > 10", "(grpc_push_log_age_seconds) > 2"),
    ("(db_oldest_snapshot_transactions) > 1000000", "(db_oldest_snapshot_transactions) > 5"),
];

/// What must not fire while nothing is wrong, however slow the machine is.
const CALM: [&str; 7] =
    ["TargetDown", "ProcessAbsent", "DeadLetters", "QueuePaused", "GamesUnserved", "EnginesLost", "PushEventsDropped"];

#[tokio::test(flavor = "multi_thread")]
async fn every_question_has_an_answer_and_alerts_fire_for_what_they_are_made_for() {
    // A relay that fails as told.
    let relay = MailCatcher::start(MailCatcherConfig { tls: TlsMode::StartTls, ..MailCatcherConfig::default() });
    let relay = relay.await.unwrap();
    let page = relay.serve_page("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let roots = testkit::state_dir().join("observe-relay.pem");
    std::fs::write(&roots, relay.ca_pem()).unwrap();
    let settings = vec![
        ("BACKEND_SMTP_PORT".to_owned(), relay.smtp_addr().port().to_string()),
        ("BACKEND_SMTP_TLS_CA_FILE".to_owned(), roots.display().to_string()),
        ("BACKEND_AUTH_GUARD_WRONG_TRIES".to_owned(), peers::WRONG_TRIES.to_string()),
    ];
    let mut stack = stack_on("observe", 1, driver(), settings).await;
    let summary = Summary { mail_page: format!("http://{page}"), ..stack.summary().clone() };
    let dir = stack.config().dir.join("prometheus");
    let prometheus = Prometheus::start(&dir, &config(&summary, &dir)).await.unwrap();

    let api = Api { client: Client::builder().no_proxy().build().unwrap(), summary };
    let demo = play(&api.summary, disturbed());
    turns_are_held_up(&prometheus, &api).await;
    report(demo.await);
    everything_is_answered(&prometheus).await;
    let firing = prometheus.firing().await.unwrap();
    let early: Vec<_> = firing.iter().filter(|alert| CALM.contains(&alert.labels["alertname"].as_str())).collect();
    assert!(early.is_empty(), "nothing is wrong yet: {early:?}");

    fires(&prometheus, "AdministratorsRefused", &[], api.guess_passwords()).await;
    fires(&prometheus, "AddressesLockedOut", &[], peers::guess_codes(&api)).await;
    let greedy = peers::greedy_gateway(&api.summary).await;
    fires(&prometheus, "ShareSpent", &[("job", "api-server"), ("reason", "share")], async {}).await;
    drop(greedy);
    let (held, pid) = snapshot_held(&api.summary).await;
    fires(&prometheus, "SnapshotHeld", &[], async {}).await;
    runbook::every_question_is_taken(&prometheus, &api.summary, pid).await;
    drop(held);
    mail_fails(&prometheus, &api, &relay).await;
    postgres_is_away(&prometheus, &api, &mut stack).await;
    stack.member("mail-worker", 0).kill9();
    fires(&prometheus, "TargetDown", &[("job", "mail-worker")], async {}).await;
    fires(&prometheus, "ProcessAbsent", &[("job", "mail-worker")], async {}).await;
    drop(prometheus);
    stop(stack).await;
}

/// Prometheus's configuration for this stack, with the rules beside it.
fn config(summary: &Summary, dir: &Path) -> String {
    let rules = rules(dir);
    let mut config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n".to_owned();
    config += &format!("rule_files: ['{}/*.yml']\nscrape_configs:\n", rules.display());
    for (label, ops) in &summary.ops {
        let job = label.rsplit_once('-').unwrap().0;
        let target = ops.trim_start_matches("http://");
        config += &format!("  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}\n");
    }
    config
}

/// The committed rules, with less patience.
fn rules(dir: &Path) -> PathBuf {
    let (committed, ours) = (testkit::workspace_root().join("deploy/prometheus/rules"), dir.join("rules"));
    std::fs::create_dir_all(&ours).unwrap();
    let mut sooner = 0;
    for entry in std::fs::read_dir(committed).unwrap().flatten() {
        let mut text = std::fs::read_to_string(entry.path()).unwrap();
        for (slow, quick) in SOONER {
            sooner += text.matches(slow).count();
            text = text.replace(slow, quick);
        }
        let patient = |line: &str| line.trim_start().starts_with("for: ");
        let lines = text.lines().map(|line| if patient(line) { "        for: 1s" } else { line });
        std::fs::write(ours.join(entry.file_name()), lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
    assert_eq!(sooner, SOONER.len(), "a condition is not written as it was");
    ours
}

/// No question of a dashboard, and none of a rule, is refused or finds nothing. An alert is asked without its comparisons: with
/// `bool` they answer 0 in place of nothing.
async fn everything_is_answered(prometheus: &Prometheus) {
    let mut asked: Vec<(String, String)> = Vec::new();
    for question in questions().unwrap() {
        asked.push((question.place, question.expr.replace("$__rate_interval", "1m")));
    }
    assert!(asked.len() > 60, "only {} questions of dashboards", asked.len());
    let rules = prometheus.rules().await.unwrap();
    for rule in &rules {
        let mut expr = rule.query.clone();
        if rule.kind == "alerting" {
            for sign in [" > ", " < ", " >= ", " <= ", " == ", " != "] {
                expr = expr.replace(sign, &format!("{sign}bool "));
            }
        }
        asked.push((rule.name.clone(), expr));
    }
    assert!(rules.len() > 30, "only {} rules", rules.len());
    eventually(SOON, "every question has an answer", || async {
        let mut without = Vec::new();
        for (place, expr) in &asked {
            match prometheus.query(expr).await {
                Ok(found) if found.is_empty() => without.push(format!("{place}: nothing for {expr}")),
                Ok(_) => {}
                Err(error) => without.push(format!("{place}: {error:#} for {expr}")),
            }
        }
        if without.is_empty() { Ok(()) } else { Err(without) }
    })
    .await;
    eventually(SOON, "every rule was asked", || async {
        let rules = prometheus.rules().await.map_err(|error| format!("{error:#}"))?;
        let unwell: Vec<_> = rules.into_iter().filter(|rule| rule.health != "ok").collect();
        if unwell.is_empty() { Ok(()) } else { Err(format!("{unwell:?}")) }
    })
    .await;
    println!("{} questions have answers", asked.len());
}

/// Does it, and waits until the alert fires with these labels.
async fn fires(prometheus: &Prometheus, name: &str, labels: &[(&str, &str)], cause: impl Future<Output = ()>) {
    cause.await;
    eventually(SOON, format!("{name} fires"), || async {
        let firing = prometheus.firing().await.map_err(|error| format!("{error:#}"))?;
        let wanted = [&[("alertname", name)][..], labels].concat();
        let fires = firing.iter().any(|alert| {
            wanted.iter().all(|(label, value)| alert.labels.get(*label).is_some_and(|found| found == value))
        });
        if fires { Ok(()) } else { Err(format!("{firing:?}")) }
    })
    .await;
    println!("{name} {labels:?} fires");
}

/// Turns of running games wait, and are late when they come. All is well again when this ends.
async fn turns_are_held_up(prometheus: &Prometheus, api: &Api) {
    let asked = |expr: &'static str| async move {
        let found = prometheus.query(expr).await.map_err(|error| format!("{error:#}"))?;
        if found.is_empty() { Err(format!("nothing for {expr}")) } else { Ok(()) }
    };
    eventually(SOON * 2, "turns are made", || asked("sum(runtime_turn_lateness_seconds_count) > 3")).await;
    api.switch("runtime_turns", "pause").await;
    let waits = r#"queue:oldest_due_seconds:max{queue="runtime_turns"} > 8"#;
    eventually(SOON, "turns wait", || asked(waits)).await;
    fires(prometheus, "TurnsLate", &[], api.switch("runtime_turns", "resume")).await;
    eventually(SOON, "no alert says that the queue is paused", || async {
        let firing = prometheus.firing().await.map_err(|error| format!("{error:#}"))?;
        let paused = firing.iter().any(|alert| alert.labels["alertname"] == "QueuePaused");
        if paused { Err(format!("{firing:?}")) } else { Ok(()) }
    })
    .await;
}

/// Mails wait, die, and have no relay.
async fn mail_fails(prometheus: &Prometheus, api: &Api, relay: &MailCatcher) {
    relay.faults().reject_recipient("refused@observe.example", 550);
    api.switch("mail", "pause").await;
    api.ask_for_a_code("refused@observe.example").await;
    fires(prometheus, "QueuePaused", &[("queue", "mail")], async {}).await;
    fires(prometheus, "QueueOld", &[("queue", "mail")], async {}).await;
    fires(prometheus, "DeadLetters", &[("queue", "mail")], api.switch("mail", "resume")).await;
    relay.stop().await;
    fires(prometheus, "RelayDown", &[], api.ask_for_a_code("waits@observe.example")).await;
}

/// Requests fail, and the hub does not see its log.
async fn postgres_is_away(prometheus: &Prometheus, api: &Api, stack: &mut Stack) {
    tokio::task::block_in_place(|| stack.postgres().stop(StopMode::Immediate)).unwrap();
    // Growth is what counts: the first failure makes the series.
    assert_eq!(api.queues().await, StatusCode::SERVICE_UNAVAILABLE);
    eventually(SOON, "the first failure was scraped", || async {
        let seen = prometheus.query(r#"http_requests_total{group="admin",status="503"}"#).await;
        seen.is_ok_and(|series| !series.is_empty())
    })
    .await;
    let failed = futures::future::join_all((0..20).map(|_| api.queues())).await;
    assert!(failed.iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE), "{failed:?}");
    fires(prometheus, "RestErrorBudgetBurnsFast", &[], async {}).await;
    fires(prometheus, "PushLogStalls", &[], async {}).await;
    tokio::task::block_in_place(|| stack.postgres().start_again()).unwrap();
    for member in stack.members() {
        member.wait_ready(SOON).await.unwrap();
    }
}

/// A connection that holds a snapshot, as a forgotten terminal does, and the process that serves it.
async fn snapshot_held(summary: &Summary) -> (PgConnection, i32) {
    let mut conn = PgConnection::connect(summary.postgres_dsn.split('?').next().unwrap()).await.unwrap();
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM backend.games")
        .execute(&mut conn)
        .await
        .unwrap();
    let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut conn).await.unwrap();
    (conn, pid)
}

/// Calls of people who are no players.
struct Api {
    client: Client,
    summary: Summary,
}

impl Api {
    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.summary.rest[0])
    }

    /// The answer to an administrator who looks at the queues.
    async fn queues(&self) -> StatusCode {
        let asked = self.client.get(self.url("/admin/queues"));
        let asked = asked.basic_auth(&self.summary.admin_user, Some(&self.summary.admin_password));
        asked.send().await.unwrap().status()
    }

    /// Pauses or resumes a queue.
    async fn switch(&self, queue: &str, how: &str) {
        let asked = self.client.post(self.url(&format!("/admin/queues/{queue}/{how}")));
        let asked = asked.basic_auth(&self.summary.admin_user, Some(&self.summary.admin_password));
        let status = asked.send().await.unwrap().status();
        assert!(status.is_success(), "{queue}: {how}: {status}");
    }

    async fn ask_for_a_code(&self, email: &str) {
        let asked = self.client.post(self.url("/public/auth/send-email-code"));
        let asked = asked.json(&json!({ "email": email, "preferred_language": "en" }));
        assert_eq!(asked.send().await.unwrap().status(), StatusCode::ACCEPTED);
    }

    /// A name that nobody has, with ever other passwords.
    async fn guess_passwords(&self) {
        for guess in 0..30 {
            let asked = self.client.get(self.url("/admin/queues")).basic_auth("nobody", Some(format!("guess {guess}")));
            let status = asked.send().await.unwrap().status();
            assert!(matches!(status.as_u16(), 401 | 429), "{status}");
        }
    }
}
