//! How long one event takes from the call that publishes it, and a revocation from its commit, to subscribers of two replicas.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use shared::db::push_log;
use shared::ids::UserId;
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::push_hub_client::PushHubClient;
use shared::proto::push::{GatewaySubscribeRequest, PublishRequest, PushEvent};
use shared::queue::Topic;
use tonic::Streaming;

use super::gateways::bearing;
use super::publish::event;
use crate::replica::{GATEWAY_TOKEN, Replica, WORKER_TOKEN};

/// What the median stays under on an idle machine.
const BAR: Duration = Duration::from_millis(50);
/// The first few warm connections and plans up.
const WARM_UP: u16 = 5;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures so many events, one after another, and prints a table.
///
/// # Errors
/// When a replica does not start, or an event does not arrive.
pub async fn run(events: u16) -> Result<()> {
    let one = Replica::start().await?;
    let two = one.another().await?;
    let (mut here, mut there) = (subscribe(&one, "here").await?, subscribe(&two, "there").await?);
    let mut hub = PushHubClient::connect(format!("http://{}", one.grpc)).await?;
    let mut took: [Vec<Duration>; 4] = Default::default();
    for number in 0..events + WARM_UP {
        let since = Instant::now();
        let publish = async {
            let told = event(usize::from(number), &format!("bench-{number}"));
            hub.publish(bearing(PublishRequest { events: vec![told] }, WORKER_TOKEN)?).await?;
            anyhow::Ok(since.elapsed())
        };
        let (answered, same, other) = tokio::try_join!(publish, arrival(&mut here, since), arrival(&mut there, since))?;
        let mut tx = one.db.pool().begin().await?;
        push_log::append_invalidation(&mut tx, UserId::new(), &[], "bench").await?;
        tx.commit().await?;
        let since = Instant::now();
        // As the request that revokes does after its commit.
        sqlx::query("SELECT pg_notify($1, '')").bind(Topic::PushLog.channel()).execute(&one.db.pool()).await?;
        let (revoked, _) = tokio::try_join!(arrival(&mut there, since), arrival(&mut here, since))?;
        if number >= WARM_UP {
            for (samples, sample) in took.iter_mut().zip([answered, same, other, revoked]) {
                samples.push(sample);
            }
        }
    }
    println!("{events} events, one after another\n\n{:<62} {:>9} {:>9} {:>12}", "", "median", "p95", "of the bar");
    let rows = [
        "Publish called → answered",
        "Publish called → subscriber of the same replica",
        "Publish called → subscriber of another replica",
        "revocation committed → subscriber of another replica",
    ];
    for (row, samples) in rows.into_iter().zip(&mut took) {
        samples.sort_unstable();
        let at = |share: usize| samples.get(samples.len() * share / 100).copied().unwrap_or_default().as_secs_f64();
        let (median, p95) = (at(50), at(95));
        let share = 100.0 * median / BAR.as_secs_f64();
        println!("{row:<62} {:>6.1} ms {:>6.1} ms {share:>10.0} %", median * 1e3, p95 * 1e3);
    }
    println!("The bar is {} ms at the median, on a machine that does nothing else.", BAR.as_millis());
    Ok(())
}

async fn subscribe(replica: &Replica, client: &str) -> Result<Streaming<PushEvent>> {
    let ask = GatewaySubscribeRequest { gateway_client_id: client.to_owned(), cursor: String::new() };
    let mut service = PushClient::connect(format!("http://{}", replica.grpc)).await?;
    let mut frames = service.subscribe_push(bearing(ask, GATEWAY_TOKEN)?).await?.into_inner();
    let first = frames.message().await?.and_then(|frame| frame.kind);
    if !matches!(first, Some(Kind::Hello(_))) {
        bail!("hello comes first, not {first:?}");
    }
    Ok(frames)
}

/// The time until the next frame that is no bookmark.
async fn arrival(frames: &mut Streaming<PushEvent>, since: Instant) -> Result<Duration> {
    loop {
        let frame = tokio::time::timeout(PATIENCE, frames.message()).await.context("no event")??;
        let frame = frame.context("the stream ended")?;
        if !matches!(frame.kind, Some(Kind::Bookmark(_))) {
            return Ok(since.elapsed());
        }
    }
}
