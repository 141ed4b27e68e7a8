//! What SPEC §16 lists is there to be scraped: from the process that has it, with its labels. And what is there stands in
//! docs/metrics.md, with its kind and its labels.

use std::collections::{BTreeMap, BTreeSet};
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
    ("api-server", "grpc_push_step_seconds", &[("step", "tick")]),
    ("api-server", "grpc_push_step_seconds", &[("step", "ring")]),
    ("api-server", "grpc_push_step_seconds", &[("step", "stream")]),
    ("api-server", "geo_lookups_total", &[("outcome", "found")]),
    ("mail-worker", "mail_outbox_depth", &[("state", "pending")]),
    ("mail-worker", "mail_attempts_total", &[("outcome", "sent")]),
    ("mail-worker", "mail_attempts_total", &[("outcome", "unknown")]),
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

/// Of each queue, beside its depth: the oldest age, claim-to-finish with its parts, and how soon a due row is woken up for.
const OF_A_QUEUE: [&str; 4] =
    ["queue_oldest_due_seconds", "queue_claim_to_finish_seconds", "queue_pickup_seconds", "queue_step_seconds"];

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

/// What each replica of a process shows.
async fn expositions(summary: &Summary, process: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for (label, ops) in &summary.ops {
        if label.rsplit_once('-').is_some_and(|(name, _)| name == process) {
            let answer = reqwest::get(format!("{ops}/metrics")).await.unwrap().error_for_status().unwrap();
            texts.push(answer.text().await.unwrap());
        }
    }
    texts
}

/// What the replicas of a process show, together: each has done a part of the work.
async fn scrape(summary: &Summary, process: &str) -> Vec<Sample> {
    let texts = expositions(summary, process).await;
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#'));
    let samples: Vec<Sample> = lines.filter_map(Sample::read).collect();
    assert!(!samples.is_empty(), "{process} shows nothing");
    samples
}

/// What every exporter shows of the process itself: no instrument of ours.
const OF_THE_EXPORTER: &str = "target_info";

/// What a page says of each metric: its kind, and the names of its labels.
type Page = BTreeMap<String, (String, BTreeSet<String>)>;

fn page(text: &str) -> Page {
    text.lines().filter_map(row).collect()
}

/// A row of the page. The third cell has the labels in backticks; behind ` = ` come the values of the last one.
fn row(line: &str) -> Option<(String, (String, BTreeSet<String>))> {
    let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
    let name = cells.next()?.strip_suffix('`')?;
    let (kind, labels) = (cells.next()?, cells.next()?);
    let labels = labels.split(" = ").next().unwrap_or_default();
    let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((name.to_owned(), (kind.to_owned(), labels)))
}

/// In what an exposition differs from the page. Samples follow the line that tells the kind of their metric.
fn differences(exposition: &str, page: &Page) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut metric = None;
    for line in exposition.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let told = page.get(name);
            metric = told.map(|(_, labels)| (name, kind, labels));
            match told {
                Some((told, _)) if told != kind => {
                    found.insert(format!("{name} is a {kind}: the page says {told}"));
                }
                None if name != OF_THE_EXPORTER => {
                    found.insert(format!("{name} has no row"));
                }
                _ => {}
            }
        } else if let Some((name, kind, labels)) = metric
            && !line.starts_with('#')
            && let Some(sample) = Sample::read(line)
        {
            // The bound of a bucket is every histogram's.
            let shown = sample.labels.into_keys().filter(|label| !(kind == "histogram" && label == "le"));
            let shown: BTreeSet<String> = shown.collect();
            if shown != *labels {
                found.insert(format!("{name} has the labels {shown:?}: the page says {labels:?}"));
            }
        }
    }
    found
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

/// Demands every metric, after a demo; that each is as its page says; and that no series is one path's alone.
pub async fn all_are_there(summary: &Summary) {
    eventually(SOON, "every metric of SPEC §16 is shown", || async {
        let mut absent = Vec::new();
        for process in PROCESSES {
            absent.extend(missing(process, &scrape(summary, process).await));
        }
        if absent.is_empty() { Ok(()) } else { Err(absent) }
    })
    .await;
    let told = std::fs::read_to_string(testkit::workspace_root().join("docs/metrics.md")).unwrap();
    let told = page(&told);
    for process in PROCESSES {
        for shown in expositions(summary, process).await {
            let found = differences(&shown, &told);
            assert!(found.is_empty(), "{process}, and docs/metrics.md: {found:#?}");
        }
    }
    for sample in scrape(summary, "api-server").await {
        let path = sample.labels.get("path").map_or("", String::as_str);
        let ids = path.split('/').any(|segment| segment.parse::<Uuid>().is_ok());
        assert!(!ids, "{} has a series for {path}", sample.name);
    }
}

#[test]
fn what_a_process_shows_otherwise_than_the_page_says_is_found() {
    let page = page(
        "| metric | kind | labels | what it counts |\n| --- | --- | --- | --- |\n\
         | `a_total` | counter | `x`, `y` (a template), `z` = `one`, `two` | all |\n\
         | `b` | gauge | | open now |\n\
         | `c_seconds` | histogram | `x` | how long |\n",
    );
    let right = "# HELP a_total All\n# TYPE a_total counter\na_total{x=\"1\",y=\"/p q\",z=\"one\"} 3\n\
                 # TYPE b gauge\nb 0\n\
                 # TYPE c_seconds histogram\nc_seconds_bucket{x=\"1\",le=\"0.5\"} 1\nc_seconds_count{x=\"1\"} 1\n\
                 # TYPE target_info gauge\ntarget_info{service_name=\"d\"} 1\n";
    assert_eq!(differences(right, &page), BTreeSet::new());
    for (from, to, said) in [
        ("# TYPE b gauge\nb 0", "# TYPE d gauge\nd 0", "d has no row"),
        ("# TYPE b gauge", "# TYPE b counter", "b is a counter: the page says gauge"),
        ("b 0", "b{x=\"1\"} 0", "b has the labels {\"x\"}: the page says {}"),
        ("y=\"/p q\",", "", "a_total has the labels {\"x\", \"z\"}: the page says {\"x\", \"y\", \"z\"}"),
        ("_count{x=\"1\"}", "_count", "c_seconds has the labels {}: the page says {\"x\"}"),
        ("b 0", "b{le=\"1\"} 0", "b has the labels {\"le\"}: the page says {}"),
    ] {
        assert_eq!(differences(&right.replace(from, to), &page), BTreeSet::from([said.to_owned()]));
    }
}
