//! The other ends: a gateway's stream, held to the contract frame by frame, and a worker that publishes.

use std::net::SocketAddr;

use shared::db::push_log::Cursor;
use shared::ids::RouteId;
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::push_hub_client::PushHubClient;
use shared::proto::push::{ClientEvent, GatewaySubscribeRequest, Hello, PublishRequest, PushEvent};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use super::PATIENCE;
use crate::harness::{GATEWAY_TOKEN, WORKER_TOKEN};

pub async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub fn bearing<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub fn cursor(text: &str) -> Cursor {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no cursor"))
}

/// A stream. Every frame is held to the contract: Hello first, cursors dense, each `prev_cursor` the one before.
pub struct Subscription {
    frames: Streaming<PushEvent>,
    pub hello: Hello,
    /// Of the last frame.
    pub held: String,
}

impl Subscription {
    pub async fn open(address: SocketAddr, client: &str, from: &str) -> Self {
        Self::try_open(address, client, from).await.unwrap()
    }

    pub async fn try_open(address: SocketAddr, client: &str, from: &str) -> Result<Self, Status> {
        let mut service = PushClient::connect(format!("http://{address}"))
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let message = GatewaySubscribeRequest { gateway_client_id: client.to_owned(), cursor: from.to_owned() };
        let asked = service.subscribe_push(bearing(message, GATEWAY_TOKEN));
        let mut frames = timeout(PATIENCE, asked).await.expect("an answer in time")?.into_inner();
        let first = timeout(PATIENCE, frames.message()).await.expect("a first frame in time")?;
        let first = first.ok_or_else(|| Status::unavailable("ended before Hello"))?;
        let Some(Kind::Hello(hello)) = first.kind else { panic!("Hello is first: {first:?}") };
        assert_eq!(first.cursor, hello.resumed_from, "Hello's cursor is its resumed_from");
        assert_eq!(first.prev_cursor, "");
        for text in [&hello.resumed_from, &hello.oldest, &hello.head] {
            cursor(text);
        }
        Ok(Self { frames, hello, held: first.cursor })
    }

    /// The next frame; `None` at an orderly end.
    pub async fn frame(&mut self) -> Result<Option<PushEvent>, Status> {
        let frame = timeout(PATIENCE, self.frames.message()).await.expect("a frame or a bookmark in time")?;
        if let Some(frame) = &frame {
            assert_eq!(frame.prev_cursor, self.held, "{frame:?}");
            let (before, now) = (cursor(&self.held), cursor(&frame.cursor));
            match frame.kind.as_ref().expect("a kind") {
                Kind::ClientEvent(_) | Kind::SessionInvalidation(_) => assert_eq!(now, before.at(before.seq + 1)),
                Kind::Bookmark(_) => assert_eq!(now, before, "a bookmark repeats the last position"),
                Kind::ResumeGap(gap) => {
                    let oldest = cursor(&gap.oldest);
                    assert_eq!(now, oldest.at(oldest.seq - 1), "a gap stands before the oldest kept event");
                }
                Kind::Hello(_) => panic!("a second Hello"),
            }
            self.held = frame.cursor.clone();
        }
        Ok(frame)
    }

    /// The next frame that is no bookmark.
    pub async fn next(&mut self) -> PushEvent {
        loop {
            let frame = self.frame().await.unwrap().expect("the stream goes on");
            if !matches!(frame.kind, Some(Kind::Bookmark(_))) {
                return frame;
            }
        }
    }

    /// The next so many events.
    pub async fn take(&mut self, n: usize) -> Vec<PushEvent> {
        let mut events = Vec::with_capacity(n);
        while events.len() < n {
            let event = self.next().await;
            assert!(!matches!(event.kind, Some(Kind::ResumeGap(_))), "an unexpected gap: {event:?}");
            events.push(event);
        }
        events
    }

    /// All events up to the one of this kind, without it.
    pub async fn until(&mut self, kind: &str) -> Vec<PushEvent> {
        let mut events = Vec::new();
        loop {
            let event = self.take(1).await.remove(0);
            if matches!(&event.kind, Some(Kind::ClientEvent(e)) if e.kind == kind) {
                return events;
            }
            events.push(event);
        }
    }

    /// Reads to the end: the frames before it, and the status if it was not orderly.
    pub async fn end(&mut self) -> (Vec<PushEvent>, Option<Code>) {
        let mut frames = Vec::new();
        loop {
            match self.frame().await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(status) => return (frames, Some(status.code())),
            }
        }
    }
}

/// A worker's connection to a hub.
#[derive(Clone)]
pub struct Publisher(PushHubClient<Channel>);

impl Publisher {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap()
    }

    pub async fn try_connect(address: SocketAddr) -> Result<Self, Status> {
        let client = PushHubClient::connect(format!("http://{address}")).await;
        client.map(Self).map_err(|error| Status::unavailable(error.to_string()))
    }

    pub async fn publish(&mut self, events: Vec<ClientEvent>) -> Result<Vec<String>, Status> {
        let answer = self.0.publish(bearing(PublishRequest { events }, WORKER_TOKEN)).await?;
        Ok(answer.into_inner().cursors)
    }

    /// One event, which must be taken: its cursor.
    pub async fn one(&mut self, event: ClientEvent) -> String {
        self.publish(vec![event]).await.unwrap().remove(0)
    }
}

/// A new event that a test can recognise.
pub fn event(kind: &str, request_id: impl Into<String>) -> ClientEvent {
    ClientEvent {
        user_id: "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10".to_owned(),
        kind: kind.to_owned(),
        payload: bytes::Bytes::from_static(b"payload"),
        event_id: RouteId::new().to_string(),
        request_id: request_id.into(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        traceparent: String::new(),
        encoding: "json".to_owned(),
        ..ClientEvent::default()
    }
}

/// A client event's `request_id`, or an invalidation's `reason`: what the tests number events with.
pub fn mark(frame: &PushEvent) -> &str {
    match frame.kind.as_ref().expect("a kind") {
        Kind::ClientEvent(event) => &event.request_id,
        Kind::SessionInvalidation(invalidation) => &invalidation.reason,
        other => panic!("not an event: {other:?}"),
    }
}

/// The client event in a frame.
pub fn client_event(frame: &PushEvent) -> &ClientEvent {
    match frame.kind.as_ref().expect("a kind") {
        Kind::ClientEvent(event) => event,
        other => panic!("not a client event: {other:?}"),
    }
}
