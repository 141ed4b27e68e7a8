//! All our pods at once, and the cluster's changes to them. A change says only that it is time to look, so nothing is kept of it but the
//! version to go on from, which bookmarks keep fresh where nothing happens.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{ListParams, WatchEvent, WatchParams};
use parking_lot::Mutex;
use shared::clock::Clock;
use shared::ids::GameId;

use super::super::{Doing, DriverError, LABEL_GAME, Listed, container_name};
use super::cluster::Cluster;
use super::endpoint;
use super::error::{code, other, whole};
use super::status::Seen;

/// The server ends a watch after this many seconds.
const WATCH: u32 = 240;
/// One that it has not ended by then has lost its connection.
const SILENCE: Duration = Duration::from_secs(300);

/// The version after which nothing has been heard yet.
pub(super) type Version = Arc<Mutex<Option<String>>>;

pub(super) async fn list(cluster: &Cluster) -> Result<Vec<Listed>, DriverError> {
    let ours = ListParams::default().labels(&cluster.selector());
    let found = whole(cluster.api::<Pod>().await?.list(&ours)).await.map_err(other)?;
    Ok(found.items.iter().filter_map(|pod| listed(cluster, pod)).collect())
}

/// `None` for a look-alike: somebody else's pod may carry our labels, but not under the name of its game.
fn listed(cluster: &Cluster, pod: &Pod) -> Option<Listed> {
    let game_id: GameId = pod.labels().get(LABEL_GAME)?.parse().ok()?;
    if pod.name_any() != container_name(game_id) {
        return None;
    }
    let seen = Seen(pod);
    let doing = seen.doing();
    let there = matches!(doing, Doing::Runs | Doing::Frozen);
    Some(Listed {
        game_id,
        container_id: pod.uid()?,
        doing,
        endpoint: if there { endpoint(cluster, game_id, seen.address()) } else { None },
        said: seen.said(),
        stray: false,
    })
}

/// What happened since the last one ended comes first. Where the server does not know that any more, it begins with a change of its own:
/// somebody has to look.
pub(super) async fn changes(
    cluster: &Cluster,
    version: &Version,
) -> Result<BoxStream<'static, Result<i64, DriverError>>, DriverError> {
    let pods = cluster.api::<Pod>().await?;
    let ours = cluster.selector();
    let known = version.lock().clone();
    let (from, begun) = match known {
        Some(known) => (known, stream::empty().boxed()),
        None => {
            // One is enough: it is the list's own version that counts.
            let one = ListParams::default().labels(&ours).limit(1);
            let now = whole(pods.list(&one)).await.map_err(other)?.metadata.resource_version.unwrap_or_default();
            *version.lock() = Some(now.clone());
            (now, stream::iter([Ok(nanoseconds())]).boxed())
        }
    };
    let watched = whole(pods.watch(&WatchParams::default().labels(&ours).timeout(WATCH), &from)).await;
    match watched {
        Ok(events) => Ok(begun.chain(heard(events.boxed(), Arc::clone(version))).boxed()),
        Err(error) => {
            if code(&error) == Some(410) {
                *version.lock() = None;
            }
            Err(other(error))
        }
    }
}

fn heard(
    events: BoxStream<'static, Result<WatchEvent<Pod>, kube::Error>>,
    version: Version,
) -> impl Stream<Item = Result<i64, DriverError>> + Send + 'static {
    stream::unfold(Some(events), move |events| {
        let version = Arc::clone(&version);
        async move {
            let mut events = events?;
            loop {
                let Ok(next) = tokio::time::timeout(SILENCE, events.next()).await else {
                    return Some((Err(DriverError::Unavailable("the watch has gone silent".to_owned())), None));
                };
                match next? {
                    Ok(WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod)) => {
                        *version.lock() = pod.metadata.resource_version;
                        return Some((Ok(nanoseconds()), Some(events)));
                    }
                    Ok(WatchEvent::Bookmark(mark)) => *version.lock() = Some(mark.metadata.resource_version),
                    Ok(WatchEvent::Error(status)) => {
                        // 410: it has forgotten what came after our version. Whatever else it is, a list puts it right.
                        *version.lock() = None;
                        return Some((Err(other(kube::Error::Api(status))), None));
                    }
                    Err(error) => return Some((Err(other(error)), None)),
                }
            }
        }
    })
}

fn nanoseconds() -> i64 {
    Clock::system().now().timestamp_nanos_opt().unwrap_or_default()
}
