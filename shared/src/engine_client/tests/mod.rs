//! Against a real socket: what the other side does is written byte by byte.

mod fuzz;
mod hostile;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::secret::Secret;

/// Serves one connection: reads one request, writes `answer`, and gives back what was asked.
async fn engine(answer: Option<String>) -> (EngineTarget, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n = socket.read(&mut buffer).await.unwrap();
            asked.extend_from_slice(&buffer[..n]);
            let text = String::from_utf8_lossy(&asked);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned))
                    .map_or(0, |n| n.parse::<usize>().unwrap());
                if body.len() >= length {
                    break;
                }
            }
            assert_ne!(n, 0, "the request ended early: {text}");
        }
        match answer {
            Some(answer) => socket.write_all(answer.as_bytes()).await.unwrap(),
            // Never answers; ends when the client gives up.
            None => while socket.read(&mut buffer).await.unwrap_or(0) > 0 {},
        }
        String::from_utf8(asked).unwrap()
    });
    (EngineTarget { endpoint, token: Secret::new("sesame".to_owned()) }, task)
}

/// A whole answer with this body, after which the connection closes.
fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// Waits for longer than any machine is busy.
fn client() -> EngineClient {
    waiting(Duration::from_secs(60))
}

/// For engines that never answer.
fn impatient() -> EngineClient {
    waiting(Duration::from_millis(300))
}

fn waiting(limit: Duration) -> EngineClient {
    EngineClient::new(Timeouts { call: limit, probe: limit }).unwrap()
}

#[tokio::test]
async fn a_turn_carries_token_and_expected_turn_and_reads_the_status() {
    let (target, asked) = engine(Some(answer(
        "200 OK",
        r#"{"game_id":"0190d1a0-0000-7000-8000-000000000001","turn":3,"finished":true,"more":1,"winners":["A"],
            "races":[{"race_name":"A","planets":2,"population":10.5,"extinct":false}]}"#,
    )))
    .await;
    let status = client().turn(&target, 2).await.unwrap();
    assert_eq!((status.turn, status.finished, status.winners), (3, true, vec!["A".to_owned()]));
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("PUT /api/v1/admin/turn HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer sesame\r\n"), "{asked}");
    assert!(asked.ends_with(r#"{"expected_turn":2}"#), "{asked}");
}

#[tokio::test]
async fn health_carries_no_token() {
    let (target, asked) = engine(Some(answer("204 No Content", ""))).await;
    client().health(&target).await.unwrap();
    assert!(!asked.await.unwrap().contains("sesame"));
}

#[tokio::test]
async fn a_call_carries_the_trace_that_it_is_part_of() {
    use opentelemetry::trace::TracerProvider as _;
    use tracing::Instrument as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    let (target, asked) = engine(Some(answer("204 No Content", ""))).await;
    client().health(&target).await.unwrap();
    assert!(!asked.await.unwrap().contains("traceparent"), "outside any trace there is none to carry");

    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let subscriber =
        tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
    let _guard = tracing::subscriber::set_default(subscriber);
    let (target, asked) = engine(Some(answer("204 No Content", ""))).await;
    let span = tracing::info_span!("request");
    let trace = span.in_scope(|| crate::service::telemetry::trace_id_hex().unwrap());
    client().health(&target).instrument(span.clone()).await.unwrap();
    let asked = asked.await.unwrap();
    let sent = asked.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap_or_else(|| panic!("{asked}"));
    let sent = crate::service::telemetry::parse_traceparent(sent).unwrap();
    assert_eq!(sent.trace_id().to_string(), trace);
    let outer = span.in_scope(|| crate::service::telemetry::current_traceparent().unwrap());
    assert!(!outer.contains(&sent.span_id().to_string()), "the call has a span of its own");
}

#[tokio::test]
async fn orders_and_reports_pass_unchanged() {
    let (target, asked) = engine(Some(answer("200 OK", r#"{ "z" : 1.0, "a":1e2, "z":2}"#))).await;
    let orders = serde_json::value::RawValue::from_string(r#"[ {"n":1.00, "n":2} ]"#.to_owned()).unwrap();
    let got = client().order(&target, "Ästhetik", 7, &orders).await.unwrap();
    assert_eq!(got.get(), r#"{ "z" : 1.0, "a":1e2, "z":2}"#);
    assert!(asked.await.unwrap().ends_with(r#"{"race_name":"Ästhetik","turn":7,"orders":[ {"n":1.00, "n":2} ]}"#));

    let (target, asked) = engine(Some(answer("200 OK", "[]"))).await;
    assert_eq!(client().report(&target, "A & B", 7).await.unwrap().get(), "[]");
    assert!(asked.await.unwrap().starts_with("GET /api/v1/report?race_name=A+%26+B&turn=7 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn the_errors_are_told_apart() {
    let (target, _asked) = engine(Some(answer("409 Conflict", r#"{"code":"turn_mismatch" }  "#))).await;
    match client().turn(&target, 1).await.unwrap_err() {
        EngineError::Problem { status, code, .. } => {
            assert_eq!((status, code.as_str()), (409, "turn_mismatch"));
        }
        other => panic!("{other:?}"),
    }

    let (target, _asked) = engine(None).await;
    assert!(matches!(impatient().turn(&target, 1).await.unwrap_err(), EngineError::Timeout));

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let target = EngineTarget { endpoint, token: Secret::new(String::new()) };
    let error = client().status(&target).await.unwrap_err();
    assert!(matches!(&error, EngineError::Unreachable(_)), "{error:?}");
    assert!(error.is_passing() && error.is_absence());

    let (target, _asked) = engine(Some(answer("200 OK", "{}"))).await;
    assert!(matches!(client().status(&target).await.unwrap_err(), EngineError::BadAnswer(_)));

    // The connection breaks within the answer: the engine was killed.
    let (target, _asked) = engine(Some("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned())).await;
    assert!(matches!(client().status(&target).await.unwrap_err(), EngineError::Unreachable(_)));
}
