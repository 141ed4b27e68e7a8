//! Gateways: streams of push, many on a connection, each followed by a task.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::{GatewaySubscribeRequest, PushEvent};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};

use super::clock::Clock;
use super::follow;
use crate::replica::GATEWAY_TOKEN;

/// Gateways of one replica: it takes 512 streams, some of which are calls (docs/shares.md).
pub const OF_A_REPLICA: usize = 500;
/// Streams of a connection; a hub allows 32.
const STREAMS: usize = 25;
/// Connections of an address of ours: what stands on them is less than half of a hub's streams.
const CONNECTIONS: usize = 8;
/// For a server to listen, and for streams of the measurement before to end.
const START: Duration = Duration::from_secs(30);

/// A stream that has said hello.
pub struct Gateway {
    stream: Streaming<PushEvent>,
    /// Where it stands.
    pub cursor: String,
}

/// Subscribes so many, spread over the hubs, each from this cursor.
///
/// # Errors
/// When one is refused for long.
pub async fn subscribe(hubs: &[SocketAddr], count: usize, cursor: &str) -> Result<Vec<Gateway>> {
    let (mut gateways, mut connections) = (Vec::with_capacity(count), 0);
    while gateways.len() < count {
        let hub = *hubs.get(connections % hubs.len().max(1)).context("no hub")?;
        // A hub counts by address, and gives one at most half of its streams.
        let from = 1 + connections / hubs.len().max(1) / CONNECTIONS;
        let mut client = PushClient::new(connect(hub, u8::try_from(from)?).await?);
        connections += 1;
        for _ in 0..STREAMS.min(count - gateways.len()) {
            let name = format!("gateway-{}", gateways.len());
            gateways.push(open(&mut client, &name, cursor).await?);
        }
    }
    Ok(gateways)
}

/// A connection from 127.0.1.`from`, as soon as somebody listens.
async fn connect(hub: SocketAddr, from: u8) -> Result<Channel> {
    let ours = IpAddr::V4(Ipv4Addr::new(127, 0, 1, from));
    let endpoint = Endpoint::from_shared(format!("http://{hub}"))?.local_address(Some(ours));
    let began = Instant::now();
    loop {
        match endpoint.connect().await {
            Ok(channel) => return Ok(channel),
            Err(_) if began.elapsed() < START => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn open(client: &mut PushClient<Channel>, name: &str, cursor: &str) -> Result<Gateway> {
    let began = Instant::now();
    loop {
        let ask = GatewaySubscribeRequest { gateway_client_id: name.to_owned(), cursor: cursor.to_owned() };
        match client.subscribe_push(bearing(ask, GATEWAY_TOKEN)?).await {
            Ok(answer) => {
                let mut stream = answer.into_inner();
                let first = stream.message().await?.context("the stream ended")?;
                ensure!(matches!(first.kind, Some(Kind::Hello(_))), "hello comes first, not {:?}", first.kind);
                return Ok(Gateway { stream, cursor: first.cursor });
            }
            Err(_) if began.elapsed() < START => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(status) => return Err(status).context(format!("{name} is refused")),
        }
    }
}

impl follow::Gateway for Gateway {
    async fn event(&mut self, clock: &Clock) -> Result<u32> {
        loop {
            let frame = self.next().await?;
            let late = match &frame.kind {
                Some(Kind::ClientEvent(event)) => Some(clock.late(&event.payload)),
                Some(Kind::ResumeGap(gap)) => bail!("events were lost: {gap:?}"),
                _ => None,
            };
            self.cursor = frame.cursor;
            if let Some(late) = late {
                return Ok(late);
            }
        }
    }
}

impl Gateway {
    /// The next frame, however long it takes.
    ///
    /// # Errors
    /// When the stream breaks or ends.
    pub async fn next(&mut self) -> Result<PushEvent> {
        self.stream.message().await?.context("the stream ended")
    }
}

/// A request with a token.
///
/// # Errors
/// When the token is no value of a header.
pub fn bearing<T>(message: T, token: &str) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
    Ok(request)
}
