//! Gateways of any kind that follow a round of events, each in a task of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use super::clock::Clock;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Whoever is told of events.
pub trait Gateway: Send + Sized + 'static {
    /// Waits for the next event, and answers how late it is, in microseconds.
    ///
    /// # Errors
    /// When the connection breaks, or events were lost.
    fn event(&mut self, clock: &Clock) -> impl Future<Output = Result<u32>> + Send;
}

/// What was seen of a round.
pub struct Round {
    /// Events a second, from the first that was published to the last that the last gateway had.
    pub per_second: f64,
    /// How late each event was at each gateway, in milliseconds, in order.
    pub late: Vec<f64>,
}

/// Publishes, and waits until each gateway has had so many events.
///
/// # Errors
/// When publishing fails, or a gateway does not have them all.
pub async fn round<G: Gateway>(
    gateways: &mut Vec<G>,
    events: usize,
    clock: &Arc<Clock>,
    publishing: impl Future<Output = Result<()>>,
) -> Result<Round> {
    let mut following = JoinSet::new();
    for mut gateway in gateways.drain(..) {
        let clock = Arc::clone(clock);
        following.spawn(async move {
            let mut late = Vec::with_capacity(events);
            let all = async {
                while late.len() < events {
                    late.push(gateway.event(&clock).await?);
                }
                anyhow::Ok(Instant::now())
            };
            let at = tokio::time::timeout(PATIENCE, all).await.context("the events do not come")??;
            anyhow::Ok((gateway, at, late))
        });
    }
    let began = Instant::now();
    publishing.await?;
    let (mut last, mut late) = (began, Vec::new());
    while let Some(followed) = following.join_next().await {
        let (gateway, at, each) = followed??;
        gateways.push(gateway);
        last = last.max(at);
        late.extend(each.into_iter().map(|micros| f64::from(micros) / 1000.0));
    }
    late.sort_unstable_by(f64::total_cmp);
    Ok(Round { per_second: events as f64 / last.duration_since(began).as_secs_f64(), late })
}
