//! A collector of traces: OTLP over gRPC and over HTTP, decoded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use parking_lot::Mutex;
use poem::http::{HeaderMap, StatusCode};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::Data;
use poem::{EndpointExt as _, Route, Server, handler, post};
use prost::Message as _;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A span, as it was exported. Ids are in hexadecimal, empty where there is none; values are texts.
#[derive(Debug, Clone)]
pub struct Span {
    /// Its trace.
    pub trace_id: String,
    /// Itself.
    pub span_id: String,
    /// What it is a part of.
    pub parent_id: String,
    /// What it is called.
    pub name: String,
    /// 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// What it says of itself.
    pub attributes: BTreeMap<String, String>,
    /// What is said of the process.
    pub resource: BTreeMap<String, String>,
    /// The spans that it is linked to.
    pub links: Vec<String>,
    /// All of it, events included, as `Debug` writes it.
    pub text: String,
}

impl Span {
    /// `service.name`.
    pub fn service(&self) -> &str {
        self.resource.get("service.name").map_or("", String::as_str)
    }

    /// Whether it is of a SQL statement.
    pub fn is_statement(&self) -> bool {
        self.attributes.contains_key("db.system.name")
    }
}

/// One export: how it came, and what stood in its head.
#[derive(Debug, Clone)]
pub struct Export {
    /// `grpc` or `http/protobuf`.
    pub protocol: &'static str,
    /// The headers, or the call's metadata.
    pub headers: HeaderMap,
}

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    exports: Vec<Export>,
}

type Shared = Arc<Mutex<Received>>;

/// It listens until it is dropped.
pub struct Collector {
    grpc: SocketAddr,
    http: SocketAddr,
    received: Shared,
    _ends: DropGuard,
}

impl Collector {
    /// Listens on two free ports of loopback.
    ///
    /// # Errors
    /// When there are none.
    pub async fn start() -> Result<Collector> {
        let (received, end) = (Shared::default(), CancellationToken::new());
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
        let grpc = incoming.local_addr()?;
        let service = TraceServiceServer::new(Grpc(received.clone())).max_decoding_message_size(64 << 20);
        let serving = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, end.clone().cancelled_owned());
        tokio::spawn(serving);
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
        let address = acceptor.local_addr().first().and_then(|local| local.as_socket_addr().copied());
        let http = address.ok_or_else(|| anyhow::anyhow!("no address"))?;
        let routes = Route::new().at("/v1/traces", post(take)).data(received.clone());
        tokio::spawn(Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(
            routes,
            end.clone().cancelled_owned(),
            None,
        ));
        Ok(Collector { grpc, http, received, _ends: end.drop_guard() })
    }

    /// The endpoint for a protocol, `grpc` or `http/protobuf`.
    pub fn endpoint(&self, protocol: &str) -> String {
        let address = if protocol == "grpc" { self.grpc } else { self.http };
        format!("http://{address}")
    }

    /// Every span so far.
    pub fn spans(&self) -> Vec<Span> {
        self.received.lock().spans.clone()
    }

    /// Every export so far.
    pub fn exports(&self) -> Vec<Export> {
        self.received.lock().exports.clone()
    }
}

struct Grpc(Shared);

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let headers = request.metadata().clone().into_headers();
        note(&self.0, Export { protocol: "grpc", headers }, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[handler]
fn take(Data(received): Data<&Shared>, headers: &HeaderMap, body: Vec<u8>) -> Result<Vec<u8>, StatusCode> {
    let request = ExportTraceServiceRequest::decode(body.as_slice()).map_err(|_| StatusCode::BAD_REQUEST)?;
    note(received, Export { protocol: "http/protobuf", headers: headers.clone() }, request);
    Ok(ExportTraceServiceResponse::default().encode_to_vec())
}

fn note(received: &Shared, export: Export, request: ExportTraceServiceRequest) {
    let mut spans = Vec::new();
    for of_process in request.resource_spans {
        let resource = texts(of_process.resource.map(|resource| resource.attributes).unwrap_or_default());
        for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let text = format!("{span:?}");
            spans.push(Span {
                trace_id: hex::encode(span.trace_id),
                span_id: hex::encode(span.span_id),
                parent_id: hex::encode(span.parent_span_id),
                name: span.name,
                kind: span.kind,
                start: span.start_time_unix_nano,
                end: span.end_time_unix_nano,
                attributes: texts(span.attributes),
                resource: resource.clone(),
                links: span.links.iter().map(|link| hex::encode(&link.span_id)).collect(),
                text,
            });
        }
    }
    let mut received = received.lock();
    received.exports.push(export);
    received.spans.extend(spans);
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|pair| (pair.key, pair.value.map(text).unwrap_or_default())).collect()
}

fn text(value: AnyValue) -> String {
    match value.value {
        Some(Value::StringValue(text)) => text,
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}
