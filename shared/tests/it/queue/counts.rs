//! What an operator sees: the counters tell what happened.

use std::sync::OnceLock;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;
use shared::queue::{QueueSpec, Topic};
use testkit::eventually;

use super::{kit::*, liveness::add_hung};

/// Installs meters that can be read. The engine makes its instruments once, so this comes before its first use.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = Registry::new();
        // As `service::telemetry` has it: the names are the product's.
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_counter_suffixes()
            .without_units()
            .build()
            .unwrap();
        opentelemetry::global::set_meter_provider(SdkMeterProvider::builder().with_reader(reader).build());
        registry
    })
}

/// The value of a counter or gauge, or how often a histogram was used, over the series with all these labels.
fn value(name: &str, labels: &[(&str, &str)]) -> f64 {
    let families = registry().gather();
    let series = families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
    series
        .filter(|m| labels.iter().all(|(k, v)| m.get_label().iter().any(|l| l.name() == *k && l.value() == *v)))
        .map(|m| {
            #[expect(clippy::cast_precision_loss, reason = "a test's numbers are small")]
            let observed = m.get_histogram().get_sample_count() as f64;
            m.get_counter().get_value() + m.get_gauge().get_value() + observed
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_counted_once() {
    /// A label of its own: other tests count beside this one.
    static COUNTED: QueueSpec = QueueSpec { name: "counted", ..SPEC };
    let db = database().await;
    let pool = db.pool();
    let count = |name: &str, label: Option<(&'static str, &'static str)>| {
        let labels: Vec<_> = [("queue", "counted")].into_iter().chain(label).collect();
        value(name, &labels)
    };
    let process = Process::start(&db, Options { spec: &COUNTED, ..Options::default() });
    let me = eventually(SOON, "registered", || async { process.worker.id() }).await;
    let slow = add(&pool, "slow 400").await;
    process.waker.wake(Topic::Mail);
    eventually(SOON, "it is under way", || async { effects(&pool, slow).await == 1 }).await;
    // Another worker has it from now on.
    sqlx::query("UPDATE probe_jobs SET token = token + 1, status = 'idle' WHERE job_id = $1")
        .bind(slow)
        .execute(&pool)
        .await
        .unwrap();
    let [ok, once, dead] = [add(&pool, "ok").await, add(&pool, "once").await, add(&pool, "dead").await];
    let hung = add_hung(&pool, me.uuid(), 0).await;
    process.waker.wake(Topic::Mail);
    for id in [ok, once, hung] {
        becomes(&pool, id, "done").await;
    }
    becomes(&pool, dead, "dead_lettered").await;
    eventually(SOON, "a sample was taken", || async {
        let sampled = |f: &prometheus::proto::MetricFamily| {
            f.name() == "queue_depth"
                && f.get_metric().iter().any(|m| m.get_label().iter().any(|l| l.value() == "counted"))
        };
        registry().gather().iter().any(sampled)
    })
    .await;
    process.stop().await;

    let seen = [
        ("done", count("queue_finished_total", Some(("outcome", "done")))),
        ("retried", count("queue_finished_total", Some(("outcome", "retry")))),
        ("dead", count("queue_finished_total", Some(("outcome", "dead")))),
        ("stale", count("queue_stale_total", None)),
        ("hung", count("queue_rescued_total", Some(("cause", "hung")))),
        ("dead letters", count("queue_dead_letters_total", Some(("state", "dead_lettered")))),
        ("claims", count("queue_pickup_seconds", Some(("priority", "0")))),
        ("waits", count("queue_step_seconds", Some(("step", "wait")))),
        ("calls", count("queue_step_seconds", Some(("step", "work")))),
        ("their finishes", count("queue_step_seconds", Some(("step", "finish")))),
        ("finishes", count("queue_claim_to_finish_seconds", None)),
    ];
    let expected = [
        ("done", 3.0),
        ("retried", 1.0),
        ("dead", 1.0),
        ("stale", 1.0),
        ("hung", 1.0),
        ("dead letters", 1.0),
        ("claims", 6.0),
        ("waits", 5.0),
        ("calls", 5.0),
        ("their finishes", 5.0),
        ("finishes", 5.0),
    ];
    assert_eq!(seen, expected);
}
