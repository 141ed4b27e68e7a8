//! The push hub over real gRPC and real Postgres (SPEC §12): several hubs in this process, on ports of their own, are replicas over
//! one database.
//!
//! `access`, `delivery`, `failure`, `gaps`, `publish`, `replacement` and `slow` hold the contract call by call. What needs traffic,
//! time or an outage stands on `stage`. `shared/tests/it/push_log` has the log's own SQL with its plans.

mod access;
mod bookmarks;
mod delivery;
mod every_call;
mod failover;
mod failure;
mod gaps;
mod gateway;
mod invalidations;
mod order;
mod outages;
mod publish;
mod replacement;
mod resume;
mod slow;
mod stage;
mod thousand;
mod traffic;

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use api_server::push::{PushConfig, PushHub};
use prometheus::Registry;
use shared::db::Db;
use shared::ids::RouteId;
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::push_hub_client::PushHubClient;
use shared::proto::push::{
    ClientEvent, GatewaySubscribeRequest, Hello, PublishRequest, PushEvent, ResumeGap, resume_gap::Reason,
};
use shared::queue::wake::{self, WakeTiming, Waker};
use shared::random::Random;
use shared::secret::Secret;
use shared::service::health::{Health, SchemaGate};
use shared::service::lifecycle::Lifecycle;
use sqlx::postgres::PgConnectOptions;
use testkit::{TestDb, eventually};
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

const GATEWAY: &str = "gateway-token";
const WORKER: &str = "worker-token";
/// Far longer than anything takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(90);

fn config() -> PushConfig {
    PushConfig {
        gateway_token: Some(Secret::new(GATEWAY.to_owned()).into()),
        worker_token: Some(Secret::new(WORKER.to_owned()).into()),
        shutdown_timeout: Duration::from_secs(5),
        ..PushConfig::default()
    }
}

/// One replica's hub.
struct Replica {
    addr: SocketAddr,
    lifecycle: Lifecycle,
    health: Health,
    waker: Waker,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

impl Replica {
    async fn start(db: &TestDb) -> Self {
        Self::start_with(db, config()).await
    }

    async fn start_with(db: &TestDb, config: PushConfig) -> Self {
        let replica = Self::start_on(db.options(), db.options(), config).await;
        replica.ready().await;
        replica
    }

    /// With its own ways to the database: for work, and to listen.
    async fn start_on(work: PgConnectOptions, listen: PgConnectOptions, config: PushConfig) -> Self {
        registry();
        let lifecycle = Lifecycle::new(Duration::from_secs(8));
        let health = Health::new();
        let timing = WakeTiming { probe_healthy: Duration::from_millis(500), ..WakeTiming::default() };
        let (waker, listener) = wake::start_with(work.clone(), listen, &lifecycle, &Random::system(), timing);
        let pool = Db::new(work, 8);
        let gate = SchemaGate::always_open();
        let hub = PushHub::start(pool, waker.clone(), listener, &lifecycle, &health, gate, config);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        hub.serve(listener, None);
        Self { addr, lifecycle, health, waker }
    }

    async fn ready(&self) {
        eventually(PATIENCE, "the hub is ready", || async { self.health.report().http_status() == 200 }).await;
    }

    fn channel(&self) -> Channel {
        self.endpoint().connect_lazy()
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.addr)).unwrap()
    }

    async fn subscribe(&self, client: &str, cursor: &str) -> Sub {
        self.try_subscribe(client, cursor).await.unwrap()
    }

    async fn try_subscribe(&self, client: &str, cursor: &str) -> Result<Sub, Status> {
        Sub::open(self.channel(), client, cursor).await
    }

    async fn publish(&self, events: Vec<ClientEvent>) -> Result<Vec<String>, Status> {
        let request = with_token(PublishRequest { events }, WORKER);
        Ok(PushHubClient::new(self.channel()).publish(request).await?.into_inner().cursors)
    }

    /// Publishes one event and answers its cursor.
    async fn push(&self, mark: &str) -> String {
        self.publish(vec![event(mark)]).await.unwrap().remove(0)
    }
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {token}")).unwrap());
    request
}

/// An event that a test knows again by its `request_id`.
fn event(mark: &str) -> ClientEvent {
    ClientEvent {
        user_id: "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10".to_owned(),
        device_session_id: "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a11".to_owned(),
        kind: "game.turn.ready".to_owned(),
        payload: vec![1, 2, 3].into(),
        event_id: RouteId::new().to_string(),
        request_id: mark.to_owned(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        traceparent: String::new(),
        encoding: "flatbuffers".to_owned(),
    }
}

/// A stream, held to what every stream promises: hello first, each frame naming the cursor before it.
struct Sub {
    frames: Streaming<PushEvent>,
    hello: Hello,
    /// The cursor of the last frame.
    cursor: String,
}

impl Sub {
    async fn open(channel: Channel, client: &str, cursor: &str) -> Result<Self, Status> {
        let ask = GatewaySubscribeRequest { gateway_client_id: client.to_owned(), cursor: cursor.to_owned() };
        let mut frames = PushClient::new(channel).subscribe_push(with_token(ask, GATEWAY)).await?.into_inner();
        let first = tokio::time::timeout(PATIENCE, frames.message()).await.expect("hello in time")?.expect("a frame");
        let Some(Kind::Hello(hello)) = first.kind else { panic!("hello comes first, not {first:?}") };
        assert_eq!(first.cursor, hello.resumed_from);
        assert_eq!(first.prev_cursor, "", "there was no frame before");
        Ok(Self { frames, hello, cursor: first.cursor })
    }

    /// The next frame, bookmarks included; `None` at the end.
    async fn frame(&mut self) -> Result<Option<PushEvent>, Status> {
        let frame = tokio::time::timeout(PATIENCE, self.frames.message()).await.expect("a frame in time")?;
        if let Some(frame) = &frame {
            assert_eq!(frame.prev_cursor, self.cursor, "{frame:?}");
            let (epoch, seq) = parts(&frame.cursor);
            let (epoch_before, before) = parts(&self.cursor);
            match &frame.kind {
                Some(Kind::ClientEvent(_) | Kind::SessionInvalidation(_)) => {
                    assert_eq!((epoch, seq), (epoch_before, before + 1), "dense")
                }
                Some(Kind::Bookmark(_)) => assert_eq!((epoch, seq), (epoch_before, before), "the last position again"),
                Some(Kind::ResumeGap(gap)) => {
                    assert_eq!(parts(&gap.oldest), (epoch, seq + 1), "just before the oldest")
                }
                Some(Kind::Hello(_)) | None => panic!("{frame:?}"),
            }
            self.cursor.clone_from(&frame.cursor);
        }
        Ok(frame)
    }

    /// The next frame that is no bookmark.
    async fn next(&mut self) -> Kind {
        loop {
            match self.frame().await.unwrap().expect("the stream goes on").kind {
                Some(Kind::Bookmark(_)) => {}
                kind => return kind.unwrap(),
            }
        }
    }

    /// The marks of the next `n` events.
    async fn marks(&mut self, n: usize) -> Vec<String> {
        let mut marks = Vec::new();
        for _ in 0..n {
            match self.next().await {
                Kind::ClientEvent(event) => marks.push(event.request_id),
                other => panic!("{other:?}"),
            }
        }
        marks
    }

    async fn gap(&mut self) -> (Reason, ResumeGap) {
        match self.next().await {
            Kind::ResumeGap(gap) => (gap.reason(), gap),
            other => panic!("{other:?}"),
        }
    }

    /// Reads until the stream ends with an error.
    async fn error(&mut self) -> Status {
        loop {
            match self.frame().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended well"),
                Err(status) => return status,
            }
        }
    }
}

/// Epoch and sequence of a cursor.
fn parts(cursor: &str) -> (i64, i64) {
    assert!(cursor.len() == 20 && cursor.bytes().all(|b| b.is_ascii_digit()), "{cursor:?}");
    (cursor[..5].parse().unwrap(), cursor[5..].parse().unwrap())
}

/// A cursor some events further, or back.
fn shifted(cursor: &str, by: i64) -> String {
    let (epoch, seq) = parts(cursor);
    format!("{epoch:05}{:015}", seq + by)
}

/// The metrics of all hubs of this process.
fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = Registry::new();
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_counter_suffixes()
            .without_units()
            .build()
            .unwrap();
        let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().with_reader(reader).build();
        opentelemetry::global::set_meter_provider(provider);
        registry
    })
}

/// A metric's value for a label, 0 if there is none.
fn metric(name: &str, label: &str, value: &str) -> f64 {
    registry()
        .gather()
        .iter()
        .filter(|family| family.name() == name)
        .flat_map(|family| family.get_metric())
        .filter(|metric| metric.get_label().iter().any(|pair| pair.name() == label && pair.value() == value))
        .map(|metric| metric.get_counter().get_value())
        .sum()
}
