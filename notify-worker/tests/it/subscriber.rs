//! A gateway: follows the push stream, resumes by cursor, keeps what it got.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use shared::client_events;
use shared::domain::notification::Payload;
use shared::ids::UserId;
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::{ClientEvent, GatewaySubscribeRequest};
use testkit::eventually;

use crate::world::{GATEWAY, SOON};

/// What came in, in order.
#[derive(Clone, Default)]
pub struct Subscriber {
    events: Arc<Mutex<Vec<ClientEvent>>>,
    /// When the first event of each notification came.
    first: Arc<Mutex<HashMap<String, Instant>>>,
    ready: Arc<Mutex<bool>>,
}

impl Subscriber {
    /// Follows the hub at `address` until the test ends, reconnecting with its cursor whenever the stream breaks.
    pub async fn start(address: SocketAddr) -> Self {
        let me = Self::default();
        let follow = me.clone();
        tokio::spawn(async move {
            let mut cursor = String::new();
            loop {
                let _ = follow.follow(address, &mut cursor).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        eventually(SOON, "the stream says hello", || async { *me.ready.lock() }).await;
        me
    }

    async fn follow(&self, address: SocketAddr, cursor: &mut String) -> anyhow::Result<()> {
        let mut client = PushClient::connect(format!("http://{address}")).await?;
        let mut request = tonic::Request::new(GatewaySubscribeRequest {
            gateway_client_id: "test".to_owned(),
            cursor: cursor.clone(),
        });
        request.metadata_mut().insert("authorization", format!("Bearer {GATEWAY}").parse()?);
        let mut stream = client.subscribe_push(request).await?.into_inner();
        while let Some(frame) = stream.message().await? {
            match frame.kind {
                Some(Kind::ClientEvent(event)) => {
                    self.first.lock().entry(event.request_id.clone()).or_insert_with(Instant::now);
                    self.events.lock().push(event);
                }
                Some(Kind::Hello(_)) => *self.ready.lock() = true,
                _ => {}
            }
            *cursor = frame.cursor;
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.events.lock().len()
    }

    pub fn events(&self) -> Vec<ClientEvent> {
        self.events.lock().clone()
    }

    /// When the event of a notification came, by its key.
    pub fn arrived(&self, request_id: &str) -> Option<Instant> {
        self.first.lock().get(request_id).copied()
    }

    /// What a user got, decoded.
    pub fn payloads(&self, user: UserId) -> Vec<Payload> {
        let user = user.to_string();
        self.events().iter().filter(|e| e.user_id == user).map(payload).collect()
    }

    pub async fn has(&self, n: usize) {
        eventually(Duration::from_secs(90), format!("{n} events"), || async {
            let seen = self.len();
            if seen >= n { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

/// The payload of an event, as a client reads it.
pub fn payload(event: &ClientEvent) -> Payload {
    assert_eq!(event.encoding, "flatbuffers");
    client_events::decode(event.kind.parse().unwrap(), &event.payload).unwrap()
}
