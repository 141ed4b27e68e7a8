//! All our containers at once, and the daemon's events about them: what the reconciler looks at.

use std::collections::HashMap;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use shared::ids::GameId;

use super::error::other;
use super::{CALL, DockerDriver, LABEL_BACKEND, LABEL_GAME, LABEL_INSTANCE, timed_out};
use crate::config::Addressing;
use crate::driver::{Doing, DriverError, ENGINE_PORT, Listed, container_name};

/// Events that change what a list would show of a container.
const ACTIONS: [&str; 10] = ["create", "start", "restart", "die", "kill", "oom", "stop", "pause", "unpause", "destroy"];

fn labels(driver: &DockerDriver) -> Vec<String> {
    vec![format!("{LABEL_BACKEND}=1"), format!("{LABEL_INSTANCE}={}", driver.instance_id)]
}

pub(super) async fn list(driver: &DockerDriver) -> Result<Vec<Listed>, DriverError> {
    let filters = HashMap::from([("label".to_owned(), labels(driver))]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = tokio::time::timeout(CALL, driver.docker().await?.list_containers(Some(options)));
    let found = found.await.map_err(|_| timed_out())?.map_err(other)?;
    Ok(found.into_iter().filter_map(|container| listed(driver, container)).collect())
}

/// `None` for a look-alike: somebody else's container may carry our labels, but not under the name of its game.
fn listed(driver: &DockerDriver, container: ContainerSummary) -> Option<Listed> {
    let game_id: GameId = container.labels.as_ref()?.get(LABEL_GAME)?.parse().ok()?;
    let name = format!("/{}", container_name(game_id));
    if !container.names.as_ref()?.contains(&name) {
        return None;
    }
    let doing = match container.state? {
        State::RUNNING => Doing::Runs,
        State::PAUSED => Doing::Frozen,
        State::CREATED => Doing::Waits,
        _ => Doing::Ended,
    };
    let address = || match driver.config.addressing {
        Addressing::Dns => Some(container_name(game_id)),
        Addressing::Ip => {
            let networks = container.network_settings.as_ref()?.networks.as_ref()?;
            networks.get(&driver.config.network)?.ip_address.clone().filter(|address| !address.is_empty())
        }
    };
    let there = matches!(doing, Doing::Runs | Doing::Frozen);
    Some(Listed {
        game_id,
        doing,
        endpoint: if there { address().map(|address| format!("http://{address}:{ENGINE_PORT}")) } else { None },
        container_id: container.id?,
        said: container.status.unwrap_or_default(),
    })
}

/// What happened after `since` comes first: nothing is missed between two streams.
pub(super) async fn changes(
    driver: &DockerDriver,
    since: Option<i64>,
) -> Result<BoxStream<'static, Result<i64, DriverError>>, DriverError> {
    let filters = HashMap::from([
        ("type".to_owned(), vec!["container".to_owned()]),
        ("label".to_owned(), labels(driver)),
        ("event".to_owned(), ACTIONS.map(str::to_owned).to_vec()),
    ]);
    let mut options = EventsOptionsBuilder::default().filters(&filters);
    if let Some(since) = since {
        // The daemon takes seconds with a fraction, and answers what is not older than that.
        let since = since.saturating_add(1);
        options = options.since(&format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000));
    }
    let events = driver.docker().await?.events(Some(options.build()));
    Ok(events.map(|event| event.map(|event| event.time_nano.unwrap_or_default()).map_err(other)).boxed())
}
