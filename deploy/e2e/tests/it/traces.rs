//! One trace from the gateway's `traceparent` to the frame that the gateway reads, as a collector receives it (docs/tracing.md).
//! The whole demo is played; what is asserted of a trace holds of every one that the gateway began.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use galaxy_e2e::demo::{Options, Report};
use shared::postgres::statement::{OF_TRANSACTIONS, summary};
use sqlx::Connection as _;
use testkit::otlp::{Collector, Span};
use testkit::stack::{Driver, Stack};

use crate::logs::Secrets;
use crate::world::{play, report, stack_on, stop};

/// Kinds of spans, as OTLP numbers them.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

const PUBLISH: &str = "galaxy.push.v1.PushHub/Publish";

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
    an_invite_reaches_its_mail_and_its_frame(&spans, &report);
    a_turn_goes_from_its_timer_to_the_engine_and_to_the_frame(&spans, &report);
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
    // The rows of a batch that is from several traces: tied to the batch, and the batch to what caused them.
    for rows in spans.iter().filter(|span| span.name == "queue.rows") {
        let batch = spans.iter().find(|span| rows.links == [span.span_id.as_str()]);
        let batch = batch.unwrap_or_else(|| panic!("of no batch: {rows:?}"));
        assert!(batch.name == "queue.work" && batch.links.contains(&rows.parent_id), "{rows:?}, {batch:?}");
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
            let said = span.attributes["db.query.summary"].as_str();
            let named = if OF_TRANSACTIONS.contains(&said) { span.name == said } else { span.name.contains('.') };
            assert!(named, "a statement without a name of its own: {span:?}");
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

/// The one span that fits; its trace is printed where there is none, or where there are several.
fn the<'a>(trace: &'a [Span], what: &str, fits: impl Fn(&Span) -> bool) -> &'a Span {
    let found: Vec<&Span> = trace.iter().filter(|span| fits(span)).collect();
    match found.as_slice() {
        [one] => one,
        others => panic!("{} spans are {what}, in\n{}", others.len(), drawn(trace)),
    }
}

fn drawn(trace: &[Span]) -> String {
    let line = |span: &Span| {
        format!("{:<20} {} < {:16} {} {:?}\n", span.service(), span.span_id, span.parent_id, span.name, span.attributes)
    };
    trace.iter().map(line).collect()
}

fn works(span: &Span, service: &str, queue: &str) -> bool {
    matches!(span.name.as_str(), "queue.work" | "queue.rows")
        && span.kind == CONSUMER
        && span.service() == service
        && span.attributes.get("queue").map(String::as_str) == Some(queue)
}

/// Request, statements, notification, routes, hub and frames, mail and relay: one tree. What a worker does for rows of several
/// traces at once is in a trace of its own, which may befall an invite, too: the call of the hub and the finish are asked of one.
fn an_invite_reaches_its_mail_and_its_frame(spans: &[Span], report: &Report) {
    let mut whole = 0;
    for trace in traces_of(spans, report, "/invites") {
        let request = the(&trace, "the request", |span| {
            span.kind == SERVER && span.service() == "api-server" && span.name != PUBLISH
        });
        assert_eq!(request.name, "POST /api/v1/user/lobby/games/{game_id}/invites");
        assert_eq!(request.attributes["http.response.status_code"], "201");
        let below = |parent: &Span, span: &Span| span.parent_id == parent.span_id;
        the(&trace, "the invite's INSERT", |span| {
            below(request, span)
                && span.name.starts_with("invites.")
                && span.attributes["db.query.summary"] == "INSERT invites"
        });
        let expansion =
            the(&trace, "the expansion", |span| below(request, span) && works(span, "notify-worker", "notifications"));
        assert!(trace.iter().any(|span| below(expansion, span) && span.is_statement()), "{}", drawn(&trace));
        // More than one where a route was claimed after another, or once more.
        let dispatches: Vec<&Span> = trace
            .iter()
            .filter(|span| below(expansion, span) && works(span, "notify-worker", "notification_routes"))
            .collect();
        let under = |parents: &[&Span], fits: &dyn Fn(&Span) -> bool| -> Vec<Span> {
            trace.iter().filter(|span| parents.iter().any(|p| below(p, span)) && fits(span)).cloned().collect()
        };
        let routes = dispatches
            .iter()
            .find(|dispatch| !under(&[dispatch], &|span| span.name == "push.frame").is_empty())
            .unwrap_or_else(|| panic!("nothing is sent to a gateway, in\n{}", drawn(&trace)));
        frames_reach_the_gateway(&trace, routes, report);
        let mails = under(&dispatches, &|span| works(span, "mail-worker", "mail"));
        let relays = under(&mails.iter().collect::<Vec<_>>(), &|span| span.name == "smtp" && span.kind == CLIENT);
        assert!(!relays.is_empty(), "no relay is spoken to, in\n{}", drawn(&trace));
        let mail = mails.first();
        let child = |parent: Option<&Span>, name: &str, kind: i32| {
            trace
                .iter()
                .find(|span| parent.is_some_and(|parent| below(parent, span)) && span.name == name && span.kind == kind)
        };
        let called = child(Some(routes), PUBLISH, CLIENT);
        let answered = child(called, PUBLISH, SERVER).filter(|span| span.service() == "api-server");
        let appended = child(answered, "push_log.append_events", CLIENT);
        let loaded = child(child(Some(request), "queue.load", INTERNAL), "notifications.load_expansions", CLIENT);
        let written = child(child(mail, "queue.finish", INTERNAL), "queue.finish", CLIENT);
        whole += usize::from(appended.is_some() && loaded.is_some() && written.is_some());
    }
    assert!(whole > 0, "of no invite the hub and the finish are there");
}

/// Each gateway is sent a frame below the dispatch, and the frame carries the span of its being sent.
fn frames_reach_the_gateway(trace: &[Span], dispatch: &Span, report: &Report) {
    let sent: Vec<&Span> =
        trace.iter().filter(|span| span.name == "push.frame" && span.parent_id == dispatch.span_id).collect();
    let gateways: BTreeSet<&str> = sent.iter().map(|span| span.attributes["gateway_client_id"].as_str()).collect();
    assert!(gateways.len() >= 2, "two gateways subscribe, in\n{}", drawn(trace));
    assert!(sent.iter().all(|span| span.kind == PRODUCER));
    let carried = |span: &&&Span| report.frames.contains(&format!("00-{}-{}-01", span.trace_id, span.span_id));
    assert!(sent.iter().filter(carried).count() > 0, "no frame carries it on, in\n{}", drawn(trace));
}

/// A turn's own trace: timer, engine, what is written of it, and the news of it at the gateway.
fn a_turn_goes_from_its_timer_to_the_engine_and_to_the_frame(spans: &[Span], report: &Report) {
    let (mut seen, mut written) = (0, 0);
    let turns: BTreeSet<&str> = spans
        .iter()
        .filter(|span| works(span, "runtime-controller", "runtime_turns"))
        .map(|span| span.trace_id.as_str())
        .collect();
    for id in turns {
        let trace: Vec<Span> = spans.iter().filter(|span| span.trace_id == id).cloned().collect();
        let below = |parent: &Span, span: &Span| span.parent_id == parent.span_id;
        let timer = the(&trace, "the turn", |span| works(span, "runtime-controller", "runtime_turns"));
        let Some(asked) = trace.iter().find(|span| span.name == "PUT /api/v1/admin/turn") else { continue };
        assert!(below(timer, asked) && asked.kind == CLIENT, "{}", drawn(&trace));
        let finished = trace.iter().find(|span| below(timer, span) && span.name == "queue.finish");
        if let Some(finished) = finished {
            assert!(
                trace.iter().any(|span| below(finished, span) && span.name.starts_with("games.")),
                "{}",
                drawn(&trace)
            );
            written += 1;
        }
        let told = |span: &&Span| below(timer, span) && works(span, "notify-worker", "notifications");
        assert!(trace.iter().any(|span| told(&span)), "{}", drawn(&trace));
        for expansion in trace.iter().filter(told) {
            for dispatch in trace
                .iter()
                .filter(|span| below(expansion, span) && works(span, "notify-worker", "notification_routes"))
                .filter(|span| trace.iter().any(|frame| below(span, frame) && frame.name == "push.frame"))
            {
                frames_reach_the_gateway(&trace, dispatch, report);
                seen += 1;
            }
        }
    }
    assert!(seen > 10 && written > 0, "only {seen} dispatches of turns, and {written} finishes");
    println!("{seen} dispatches of turns are in the turns' own traces");
}
