//! Waiting for a pod to get as far as it is needed, with the limits that a scheduler and a kubelet do not have.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tokio::time::{Instant, sleep};

use super::super::{DriverError, Progress};
use super::cluster::Cluster;
use super::error::{other, whole};
use super::status::Seen;

/// Pauses between looks: they double up to a second. A pod that waits for long is looked at after a tenth of that, five seconds at most:
/// many may wait at once.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// How much longer than for a node a pod is waited for altogether: its image may be big.
const WHOLE: u32 = 10;

/// How far a pod has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Its container has been started, and may have ended since.
    Started,
    /// Its image is there.
    Pulled,
    /// Its container has ended.
    Over,
}

impl Cluster {
    /// The longest that a pod is waited for.
    pub(super) fn limit(&self) -> Duration {
        self.patience * WHOLE
    }

    /// Waits for this very pod.
    ///
    /// # Errors
    /// [`DriverError::Gone`] where it goes; what keeps its container from starting; [`DriverError::Failed`] where it takes too long.
    pub(super) async fn wait(&self, pod: &Pod, until: Until, progress: &dyn Progress) -> Result<Pod, DriverError> {
        let (name, pods) = (pod.name_any(), self.api::<Pod>().await?);
        let (begun, mut homeless_since) = (Instant::now(), None::<Instant>);
        let (mut pause, mut told) = (FIRST_PAUSE, String::new());
        loop {
            let found = whole(pods.get_opt(&name)).await.map_err(other)?;
            let found = found.filter(|found| found.metadata.uid == pod.metadata.uid);
            let Some(found) = found else { return Err(DriverError::Gone(format!("the pod {name} is gone"))) };
            let seen = Seen(&found);
            let has_image = seen.container().is_some_and(|container| !container.image_id.is_empty());
            let there = match until {
                Until::Started => seen.runs() || seen.is_over(),
                Until::Pulled => has_image || seen.is_over(),
                Until::Over => seen.is_over(),
            };
            if there {
                return Ok(found);
            }
            if let Some(stuck) = seen.stuck() {
                return Err(stuck);
            }
            let said = seen.said();
            homeless_since = seen.homeless().map(|_| homeless_since.unwrap_or_else(Instant::now));
            if homeless_since.is_some_and(|since| since.elapsed() >= self.patience) || begun.elapsed() >= self.limit() {
                return Err(DriverError::Failed(format!("the pod {name} does not start: {said}")));
            }
            if said != told {
                progress.report(&said).await;
                told = said;
            }
            sleep(pause).await;
            pause = (pause * 2).min((begun.elapsed() / 10).clamp(PAUSE, LAST_PAUSE));
        }
    }
}
