//! Publishing, as workers do: as fast as it is answered, or at a pace.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use shared::ids::{RouteId, UserId};
use shared::proto::push::push_hub_client::PushHubClient;
use shared::proto::push::{ClientEvent, PublishRequest};
use tokio::task::JoinSet;
use tonic::transport::Channel;

use super::clock::{Clock, PAYLOAD, payload};
use super::gateways::bearing;
use crate::replica::WORKER_TOKEN;

/// Events of a call, the most that a hub takes.
pub const BATCH: usize = 1_000;
/// Calls under way at once.
pub const CALLS: usize = 2;
/// From one call to the next at a pace.
pub const PACE: Duration = Duration::from_millis(5);

/// Publishes so many events, as fast as calls are answered.
///
/// # Errors
/// When a call fails.
pub async fn all(hubs: &[SocketAddr], events: usize, clock: &Arc<Clock>) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let publishers = (0..CALLS).map(|at| {
        let hub = hubs.get(at % hubs.len().max(1)).copied();
        let (next, clock) = (Arc::clone(&next), Arc::clone(clock));
        let publishing = async move {
            let mut client = connect(hub.context("no hub")?).await?;
            loop {
                let first = next.fetch_add(BATCH, Ordering::Relaxed);
                if first >= events {
                    return anyhow::Ok(());
                }
                publish(&mut client, first..events.min(first + BATCH), &clock, None).await?;
            }
        };
        async move { tokio::spawn(publishing).await? }
    });
    try_join_all(publishers).await.map(drop)
}

/// Publishes so many events, so many a second, a call every [`PACE`]: when one is not answered in time, the next is made all
/// the same. An event counts as sent when its call is due.
///
/// # Errors
/// When a call fails.
pub async fn paced(hub: SocketAddr, events: usize, per_second: usize, clock: &Arc<Clock>) -> Result<()> {
    let (client, each) = (connect(hub).await?, of_a_call(per_second));
    let (mut calls, mut tick) = (JoinSet::new(), tokio::time::interval(PACE));
    for first in (0..events).step_by(each) {
        let due = tick.tick().await.into_std();
        let (mut client, clock) = (client.clone(), Arc::clone(clock));
        calls.spawn(async move { publish(&mut client, first..events.min(first + each), &clock, Some(due)).await });
    }
    while let Some(done) = calls.join_next().await {
        done??;
    }
    Ok(())
}

/// Events of each call at a pace.
pub fn of_a_call(per_second: usize) -> usize {
    let calls = 1_000 / usize::try_from(PACE.as_millis()).unwrap_or(1).max(1);
    per_second.div_ceil(calls).max(1)
}

async fn connect(hub: SocketAddr) -> Result<PushHubClient<Channel>> {
    Ok(PushHubClient::connect(format!("http://{hub}")).await?)
}

async fn publish(
    client: &mut PushHubClient<Channel>,
    numbers: Range<usize>,
    clock: &Clock,
    due: Option<Instant>,
) -> Result<()> {
    let events: Vec<ClientEvent> = numbers.clone().map(|number| event(number, "bench")).collect();
    let (asked, at) = (events.len(), due.unwrap_or_else(Instant::now));
    for number in numbers {
        clock.sent(number, at);
    }
    let answer = client.publish(bearing(PublishRequest { events }, WORKER_TOKEN)?).await?.into_inner();
    ensure!(answer.cursors.len() == asked, "{} of {asked} events have a place", answer.cursors.len());
    Ok(())
}

/// An event like those of a game's turn.
pub fn event(number: usize, request_id: &str) -> ClientEvent {
    ClientEvent {
        user_id: UserId::new().to_string(),
        device_session_id: String::new(),
        kind: "game.turn.ready".to_owned(),
        payload: payload(number, PAYLOAD).into(),
        event_id: RouteId::new().to_string(),
        request_id: request_id.to_owned(),
        trace_id: String::new(),
        traceparent: String::new(),
        encoding: "flatbuffers".to_owned(),
    }
}

/// Bytes of such an event on the wire: each field that is not empty has a tag and a length before it, of a byte each.
pub fn wire_bytes() -> usize {
    let event = event(0, "bench");
    let texts = [&event.user_id, &event.kind, &event.event_id, &event.request_id, &event.encoding];
    texts.into_iter().map(|text| text.len() + 2).sum::<usize>() + event.payload.len() + 2
}
