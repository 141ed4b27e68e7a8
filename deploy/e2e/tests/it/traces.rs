//! The traces that the gateway begins, as a collector receives them (docs/tracing.md).
//! The whole demo is played; what is asserted holds of every trace.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use galaxy_e2e::demo::{Options, Report};
use shared::postgres::statement::summary;
use sqlx::Connection as _;
use testkit::otlp::{Collector, Span};
use testkit::stack::{Driver, Stack};

use crate::logs::Secrets;
use crate::world::{play, report, stack_on, stop};

/// Kinds of spans, as OTLP numbers them.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// Statements that belong to no function.
const OF_TRANSACTIONS: [&str; 5] = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];

/// All that a span of a statement says.
const OF_STATEMENT: [&str; 4] =
    ["db.operation.name", "db.query.summary", "db.response.returned_rows", "db.system.name"];

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_gateway_to_its_frame_over_grpc() {
    let collector = Collector::start().await.unwrap();
    let settings = [
        ("BACKEND_OTEL_TRACES_EXPORTER", "otlp"),
        ("BACKEND_OTEL_PROTOCOL", "grpc"),
        ("BACKEND_OTEL_ENDPOINT", &collector.endpoint("grpc")),
        ("BACKEND_OTEL_TRACES_RATIO", "1"),
    ];
    let exports = played("traces-grpc", &collector, &settings).await;
    assert!(exports.iter().all(|protocol| *protocol == "grpc"), "{exports:?}");
}

/// As somebody sets it up who knows OpenTelemetry, and none of our names.
#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_the_gateway_to_its_frame_over_http_by_the_standard_variables() {
    let collector = Collector::start().await.unwrap();
    let settings = [
        // Empty is absent: the stack has told them "none".
        ("BACKEND_OTEL_TRACES_EXPORTER", ""),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint("http/protobuf")),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=galaxy"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.0"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=e2e"),
    ];
    let exports = played("traces-http", &collector, &settings).await;
    assert!(exports.iter().all(|protocol| *protocol == "http/protobuf"), "{exports:?}");
    for export in collector.exports() {
        assert_eq!(export.headers.get("x-tenant").and_then(|value| value.to_str().ok()), Some("galaxy"));
    }
    for span in collector.spans() {
        assert_eq!(span.resource.get("deployment.environment.name").map(String::as_str), Some("e2e"), "{span:?}");
        assert_eq!(span.resource.get("service.namespace").map(String::as_str), Some("galaxy-backend"), "{span:?}");
    }
}

/// Plays the demo, and judges what the collector was told. Answers the protocols that it was told by.
async fn played(name: &str, collector: &Collector, settings: &[(&str, &str)]) -> Vec<&'static str> {
    let mut settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // Nothing is dropped for want of room: a tree with a hole is a fault here.
    settings.push(("OTEL_BSP_MAX_QUEUE_SIZE".to_owned(), "100000".to_owned()));
    settings.push(("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "500".to_owned()));
    let mut stack = stack_on(name, 1, Driver::Process, settings).await;
    log_statements(&stack).await;
    let report = report(play(stack.summary(), Options::default()).await);
    let secrets = Secrets::of(&stack).await;
    let logged = std::fs::read(stack.postgres().log_file()).unwrap();
    // Their end writes what they still hold.
    stop(stack).await;

    let spans = collector.spans();
    println!("{} spans in {} exports", spans.len(), collector.exports().len());
    everything_hangs_together(&spans, &report);
    nothing_is_told(&spans, &secrets);
    every_statement_of_an_invite_has_a_span(&spans, &report, &String::from_utf8_lossy(&logged));
    let protocols: BTreeSet<&'static str> = collector.exports().iter().map(|export| export.protocol).collect();
    protocols.into_iter().collect()
}

/// From now on Postgres's log tells every statement, whoever sent it.
async fn log_statements(stack: &Stack) {
    let dsn = stack.summary().postgres_dsn.split('?').next().unwrap().to_owned();
    let mut conn = sqlx::PgConnection::connect(&dsn).await.unwrap();
    for statement in ["ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
}

/// Every span has its parent in its trace, and the traces of the gateway's calls begin with the gateway's own span.
fn everything_hangs_together(spans: &[Span], report: &Report) {
    let gateway: HashMap<&str, &str> =
        report.traced.iter().map(|traced| (traced.trace_id.as_str(), traced.span_id.as_str())).collect();
    let known: BTreeSet<(&str, &str)> =
        spans.iter().map(|span| (span.trace_id.as_str(), span.span_id.as_str())).collect();
    assert_eq!(known.len(), spans.len(), "a span came twice");
    for span in spans {
        let (trace, parent) = (span.trace_id.as_str(), span.parent_id.as_str());
        match gateway.get(trace) {
            Some(begun) if parent == *begun => assert_eq!(span.kind, SERVER, "{span:?}"),
            Some(_) => assert!(known.contains(&(trace, parent)), "{} hangs in the air: {span:?}", span.name),
            None if parent.is_empty() => assert!(!span.is_statement(), "a statement is of no trace: {span:?}"),
            None => assert!(known.contains(&(trace, parent)), "{} hangs in the air: {span:?}", span.name),
        }
    }
    for traced in &report.traced {
        let roots = spans.iter().filter(|span| span.trace_id == traced.trace_id && span.parent_id == traced.span_id);
        assert_eq!(roots.count(), 1, "{} has no span, or several", traced.call);
    }
}

/// No address, code, token or parameter, in no span of all that were played.
fn nothing_is_told(spans: &[Span], secrets: &Secrets) {
    for span in spans {
        if let Some(what) = secrets.told_by(&span.text) {
            panic!("a span tells {what}: {span:?}");
        }
        if span.is_statement() {
            let keys: Vec<&str> = span.attributes.keys().map(String::as_str).collect();
            assert_eq!(keys, OF_STATEMENT, "{span:?}");
            let named = span.name.contains('.') || OF_TRANSACTIONS.contains(&span.name.as_str());
            assert!(named, "a statement without a name: {span:?}");
            assert_eq!(span.kind, CLIENT, "{span:?}");
        }
    }
}

/// The transactions that wrote an invite, as Postgres's log has them, are those that the traces have, statement by statement.
fn every_statement_of_an_invite_has_a_span(spans: &[Span], report: &Report, logged: &str) {
    let mut sessions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (session, text) in statements(logged) {
        sessions.entry(session).or_default().push(summary(&text));
    }
    let mut expected: Vec<Vec<String>> = sessions.values().flat_map(|said| transactions(said)).collect();
    let mut found = Vec::new();
    for trace in traces_of(spans, report, "/invites") {
        let mut said: Vec<&Span> =
            trace.iter().filter(|span| span.is_statement() && span.service() == "api-server").collect();
        said.sort_by_key(|span| span.start);
        let said: Vec<String> = said.iter().map(|span| span.attributes["db.query.summary"].clone()).collect();
        found.extend(transactions(&said));
    }
    expected.sort();
    found.sort();
    assert!(expected.len() >= 2 && expected.iter().all(|said| said.len() > 5), "{expected:?}");
    assert_eq!(found, expected);
}

/// Statements of Postgres's log, with the session that each is of, in their order.
fn statements(log: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut goes_on = false;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let Some((_, text)) = found.last_mut().filter(|_| goes_on) {
                text.push('\n');
                text.push_str(more);
            }
            continue;
        }
        // The prefix is `%m [%p] %d `.
        let (head, said) = line.split_once("LOG:  ").unwrap_or_default();
        let session = head.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(session, _)| session);
        let text = match said.strip_prefix("statement: ") {
            Some(text) => Some(text),
            None => said.strip_prefix("execute ").and_then(|said| said.split_once(": ")).map(|(_, text)| text),
        };
        goes_on = text.is_some();
        if let (Some(session), Some(text)) = (session, text) {
            found.push((session.to_owned(), text.to_owned()));
        }
    }
    found
}

/// Those transactions of a session that wrote an invite, from BEGIN to COMMIT.
fn transactions(said: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for summary in said {
        if summary == "BEGIN" {
            open = Some(Vec::new());
        }
        if let Some(transaction) = &mut open {
            transaction.push(summary.clone());
        }
        if matches!(summary.as_str(), "COMMIT" | "ROLLBACK") {
            found.extend(open.take().filter(|said| said.iter().any(|summary| summary == "INSERT invites")));
        }
    }
    found
}

/// The traces of the calls that created something at such a path.
fn traces_of(spans: &[Span], report: &Report, path: &str) -> Vec<Vec<Span>> {
    let calls = report.traced.iter().filter(|traced| traced.call.starts_with("POST ") && traced.call.ends_with(path));
    let traces: Vec<Vec<Span>> =
        calls.map(|traced| spans.iter().filter(|span| span.trace_id == traced.trace_id).cloned().collect()).collect();
    assert!(!traces.is_empty(), "no call of {path}");
    traces
}
