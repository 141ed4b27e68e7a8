//! What SPEC §16 lists is there to be scraped: from the process that has it, with its labels.

use std::collections::BTreeMap;
use std::time::Duration;

use testkit::eventually;
use testkit::stack::{PROCESSES, Summary};
use uuid::Uuid;

/// Depths and ages are sampled every 15 s.
const SOON: Duration = Duration::from_secs(90);

/// Names and values of labels.
type Labels = &'static [(&'static str, &'static str)];

/// Of each process.
const OF_ALL: &[(&str, Labels)] = &[
    ("db_pool_acquires_total", &[]),
    ("db_pool_in_use", &[]),
    ("db_pool_waits_total", &[]),
    ("queue_wakeup_latency_seconds", &[]),
    ("listener_connections", &[("listener", "ops")]),
];

/// Of one process, which comes first. A value that is given must be seen, an empty one may be any.
const OF_ONE: &[(&str, &str, Labels)] = &[
    (
        "api-server",
        "http_requests_total",
        &[("group", "public"), ("method", "POST"), ("path", "/api/v1/public/auth/send-email-code"), ("status", "202")],
    ),
    (
        "api-server",
        "http_requests_total",
        &[("group", "user"), ("method", "PATCH"), ("path", "/api/v1/user/account"), ("status", "409")],
    ),
    ("api-server", "http_requests_total", &[("group", "internal"), ("method", ""), ("path", ""), ("status", "200")]),
    ("api-server", "http_requests_total", &[("group", "admin"), ("method", ""), ("path", ""), ("status", "201")]),
    ("api-server", "http_request_duration_seconds", &[]),
    ("api-server", "grpc_push_subscribers", &[]),
    ("api-server", "grpc_push_events_total", &[("kind", "game.turn.ready")]),
    ("api-server", "grpc_push_dropped_total", &[("gateway_client_id", "")]),
    ("api-server", "geo_lookups_total", &[("outcome", "found")]),
    ("mail-worker", "mail_outbox_depth", &[("state", "pending")]),
    ("mail-worker", "mail_attempts_total", &[("outcome", "sent")]),
    ("mail-worker", "mail_dead_letters_total", &[]),
    ("notify-worker", "notification_intents_total", &[("kind", "game.started"), ("outcome", "")]),
    ("notify-worker", "notification_routes_total", &[("channel", "push")]),
    ("notify-worker", "notification_routes_total", &[("channel", "email")]),
    ("runtime-controller", "runtime_container_ops_total", &[("op", "create"), ("outcome", "ok")]),
    ("runtime-controller", "runtime_container_ops_total", &[("op", "remove"), ("outcome", "ok")]),
    ("runtime-controller", "runtime_health_probes_total", &[("outcome", "healthy")]),
    ("runtime-controller", "runtime_turn_lateness_seconds", &[]),
];

/// The queues, and who works them.
const QUEUES: [(&str, &str); 5] = [
    ("mail-worker", "mail"),
    ("notify-worker", "notifications"),
    ("notify-worker", "notification_routes"),
    ("runtime-controller", "runtime_jobs"),
    ("runtime-controller", "runtime_turns"),
];

/// Of each queue, beside its depth: the oldest age, claim-to-finish, and how soon a due row is woken up for.
const OF_A_QUEUE: [&str; 3] = ["queue_oldest_due_seconds", "queue_claim_to_finish_seconds", "queue_pickup_seconds"];

/// One line of an exposition.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
}

impl Sample {
    fn read(line: &str) -> Option<Sample> {
        let (series, _) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| {
            let (key, value) = label.split_once("=\"")?;
            Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
        });
        Some(Sample { name: name.to_owned(), labels: labels.collect() })
    }

    /// Whether it belongs to that metric, of a histogram its count, and has these labels.
    fn is(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let named = self.name == name || self.name.strip_suffix("_count") == Some(name);
        named
            && labels.iter().all(|(label, value)| {
                self.labels.get(*label).is_some_and(|found| value.is_empty() || found.as_str() == *value)
            })
    }
}

/// What the replicas of a process show, together: each has done a part of the work.
async fn scrape(summary: &Summary, process: &str) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (label, ops) in &summary.ops {
        if label.rsplit_once('-').is_some_and(|(name, _)| name == process) {
            let answer = reqwest::get(format!("{ops}/metrics")).await.unwrap().error_for_status().unwrap();
            let text = answer.text().await.unwrap();
            samples.extend(text.lines().filter(|line| !line.starts_with('#')).filter_map(Sample::read));
        }
    }
    assert!(!samples.is_empty(), "{process} shows nothing");
    samples
}

fn missing(process: &str, samples: &[Sample]) -> Vec<String> {
    let mut missing = Vec::new();
    let mut want = |name: &str, labels: &[(&str, &str)]| {
        if !samples.iter().any(|sample| sample.is(name, labels)) {
            missing.push(format!("{process}: {name} {labels:?}"));
        }
    };
    for &(name, labels) in OF_ALL {
        want(name, labels);
    }
    for &(_, name, labels) in OF_ONE.iter().filter(|(of, ..)| *of == process) {
        want(name, labels);
    }
    for &(_, queue) in QUEUES.iter().filter(|(of, _)| *of == process) {
        want("queue_depth", &[("queue", queue), ("state", "pending")]);
        for name in OF_A_QUEUE {
            want(name, &[("queue", queue)]);
        }
    }
    missing
}

/// Demands every metric, after a demo; and that no series is one path's alone.
pub async fn all_are_there(summary: &Summary) {
    eventually(SOON, "every metric of SPEC §16 is shown", || async {
        let mut absent = Vec::new();
        for process in PROCESSES {
            absent.extend(missing(process, &scrape(summary, process).await));
        }
        if absent.is_empty() { Ok(()) } else { Err(absent) }
    })
    .await;
    for sample in scrape(summary, "api-server").await {
        let path = sample.labels.get("path").map_or("", String::as_str);
        let ids = path.split('/').any(|segment| segment.parse::<Uuid>().is_ok());
        assert!(!ids, "{} has a series for {path}", sample.name);
    }
}
