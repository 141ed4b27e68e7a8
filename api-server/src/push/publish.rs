//! `PushHub.Publish`: appends a batch, and answers with the cursors that its events got.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use shared::db::push_log::{self, NewEvent, Place};
use shared::proto::push::push_hub_server::PushHub as PushHubService;
use shared::proto::push::{ClientEvent, PublishRequest, PublishResponse};
use shared::queue::wake::Topic;
use shared::service::telemetry;
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status};
use tracing::Instrument as _;
use uuid::Uuid;

use super::Hub;

const MAX_EVENTS: usize = 1_000;
const MAX_PAYLOAD: usize = 64 << 10;
const MAX_PAYLOADS: usize = 4 << 20;
/// A message of the largest allowed payloads with the longest allowed texts decodes; beyond this tonic refuses unread.
pub(super) const MAX_MESSAGE: usize = 8 << 20;

/// What the call is called in traces.
const RPC: &str = "galaxy.push.v1.PushHub/Publish";

/// How long the follower gets to tick before the call does it itself.
const PATIENCE: Duration = Duration::from_millis(100);
/// Ticks that the call tries. One is enough unless another replica's comes first.
const TICKS: usize = 20;

pub(super) struct Publisher(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl PushHubService for Publisher {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let events = request.get_ref().events.len();
        let span = tracing::info_span!("publish", otel.name = RPC, otel.kind = "server", events);
        if let Some(parent) = request.metadata().get("traceparent").and_then(|value| value.to_str().ok()) {
            telemetry::set_parent(&span, parent);
        }
        self.answer(request.into_inner()).instrument(span).await
    }
}

impl Publisher {
    async fn answer(&self, request: PublishRequest) -> Result<Response<PublishResponse>, Status> {
        let ids = validate(&request.events).map_err(Status::invalid_argument)?;
        let appended = self.0.db.try_within(self.append(&request.events, &ids)).await;
        let places = appended.map_err(|error| {
            // Everything is undone or repeatable: the same call again answers the same.
            if error.is_unavailable() {
                return Status::unavailable("the database is not reachable; publish again");
            }
            tracing::error!(%error, "publishing failed");
            Status::internal("publishing failed")
        })?;
        let cursors = ids
            .iter()
            .map(|id| match places.get(id) {
                Some(Place::At(cursor)) => Ok(cursor.to_string()),
                Some(Place::Gone) | None => Ok(String::new()),
                Some(Place::Pending) => {
                    Err(Status::unavailable("the events are stored but not numbered yet; publish again"))
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Response::new(PublishResponse { cursors }))
    }

    async fn append(&self, events: &[ClientEvent], ids: &[Uuid]) -> Result<HashMap<Uuid, Place>, shared::db::Error> {
        let hub = &self.0;
        let mut seen = HashSet::new();
        let new: Vec<NewEvent<'_>> = events
            .iter()
            .zip(ids)
            .filter(|(_, id)| seen.insert(**id)) // twice in one call: the first content wins
            .map(|(event, id)| NewEvent {
                event_id: *id,
                user_id: &event.user_id,
                device_session_id: &event.device_session_id,
                kind: &event.kind,
                payload: &event.payload,
                request_id: &event.request_id,
                trace_id: &event.trace_id,
                encoding: &event.encoding,
                traceparent: &event.traceparent,
            })
            .collect();
        let mut head = hub.log.head();
        head.mark_unchanged();
        let mut tx = hub.db.begin().await?;
        let appended = push_log::append_events(&mut tx, &new).await?;
        tx.commit().await?;
        if !appended.is_empty() {
            hub.waker.wake(Topic::PushLog);
            // The follower ticks at once, for all calls together.
            let _ = timeout(PATIENCE, head.changed()).await;
        }
        let unique: Vec<Uuid> = new.iter().map(|event| event.event_id).collect();
        let waiting_until = Instant::now() + PATIENCE;
        let mut ticks = 0;
        loop {
            let mut conn = hub.db.acquire().await?;
            let places: HashMap<Uuid, Place> = push_log::positions(&mut conn, &unique).await?.into_iter().collect();
            if ticks >= TICKS || !places.values().any(|place| *place == Place::Pending) {
                return Ok(places);
            }
            if Instant::now() < waiting_until {
                // Nobody holds a connection while they wait for something else.
                drop(conn);
                let _ = tokio::time::timeout_at(waiting_until, head.changed()).await;
            } else {
                ticks += 1;
                push_log::tick(&mut conn, None).await?;
            }
        }
    }
}

/// The ids, or what is wrong with the first event that is.
fn validate(events: &[ClientEvent]) -> Result<Vec<Uuid>, String> {
    if events.is_empty() || events.len() > MAX_EVENTS {
        return Err(format!("events: 1 to {MAX_EVENTS} are allowed, got {}", events.len()));
    }
    let payloads: usize = events.iter().map(|event| event.payload.len()).sum();
    let ids: Result<Vec<Uuid>, String> = events
        .iter()
        .enumerate()
        .map(|(i, event)| check(event).map_err(|fault| format!("events[{i}].{fault}")))
        .collect();
    if payloads > MAX_PAYLOADS {
        return ids.and(Err(format!("events: {payloads} bytes of payload in all, {MAX_PAYLOADS} are allowed")));
    }
    ids
}

fn check(event: &ClientEvent) -> Result<Uuid, String> {
    let id =
        |name: &str, text: &str| shared::ids::parse(text).ok_or_else(|| format!("{name}: is not a UUID with hyphens"));
    let event_id = id("event_id", &event.event_id)?;
    id("user_id", &event.user_id)?;
    // Empty: all of the user's sessions.
    if !event.device_session_id.is_empty() {
        id("device_session_id", &event.device_session_id)?;
    }
    if event.payload.len() > MAX_PAYLOAD {
        return Err(format!("payload: {} bytes, {MAX_PAYLOAD} are allowed", event.payload.len()));
    }
    let texts = [
        ("kind", &event.kind, 1, 128),
        ("request_id", &event.request_id, 0, 512),
        ("trace_id", &event.trace_id, 0, 128),
        ("encoding", &event.encoding, 0, 32),
        ("traceparent", &event.traceparent, 0, 128),
    ];
    for (name, text, least, most) in texts {
        if text.len() < least || text.len() > most {
            return Err(format!("{name}: {} bytes, {least} to {most} are allowed", text.len()));
        }
        if text.contains('\0') {
            return Err(format!("{name}: must not contain a NUL"));
        }
    }
    Ok(event_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> ClientEvent {
        ClientEvent {
            event_id: "0197b0a0-0000-7000-8000-000000000001".into(),
            user_id: "0197b0a0-0000-7000-8000-000000000002".into(),
            kind: "game.started".into(),
            ..ClientEvent::default()
        }
    }

    #[test]
    fn limits_are_exact_and_the_message_names_the_place() {
        let payload = |n: usize| ClientEvent { payload: vec![0; n].into(), ..event() };
        assert!(validate(&[]).unwrap_err().contains("got 0"));
        assert!(validate(&vec![event(); 1_000]).is_ok());
        assert!(validate(&vec![event(); 1_001]).unwrap_err().contains("got 1001"));
        assert!(validate(&[payload(64 << 10)]).is_ok());
        assert!(
            validate(&[event(), payload((64 << 10) + 1)]).unwrap_err().starts_with("events[1].payload: 65537 bytes")
        );
        assert!(validate(&vec![payload(64 << 10); 64]).is_ok());
        let mut over = vec![payload(64 << 10); 64];
        over.push(payload(1));
        assert!(validate(&over).unwrap_err().contains("4194305 bytes of payload in all"));
    }

    #[test]
    fn faulty_fields_are_named() {
        let faulty = |change: fn(&mut ClientEvent)| {
            let mut event = event();
            change(&mut event);
            validate(&[event]).unwrap_err()
        };
        assert!(faulty(|e| e.event_id = "7".into()).starts_with("events[0].event_id"));
        assert!(faulty(|e| e.event_id.clear()).starts_with("events[0].event_id"));
        assert!(faulty(|e| e.user_id.clear()).starts_with("events[0].user_id"));
        assert!(faulty(|e| e.kind.clear()).starts_with("events[0].kind"));
        assert!(faulty(|e| e.request_id = "a\0b".into()).contains("NUL"));
        assert!(faulty(|e| e.trace_id = "x".repeat(129)).starts_with("events[0].trace_id: 129 bytes"));
    }
}
