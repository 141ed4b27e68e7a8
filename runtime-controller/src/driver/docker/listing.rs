//! All our containers at once, and the daemon's events about them: what the reconciler looks at.

use std::collections::HashMap;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use shared::ids::GameId;

use super::error::other;
use super::{CALL, DockerDriver, LABEL_BACKEND, LABEL_FINGERPRINT, LABEL_GAME, LABEL_INSTANCE, address, timed_out};
use crate::driver::{Doing, DriverError, Listed, container_name};

/// Events that change what a list would show of a container.
const ACTIONS: [&str; 11] =
    ["create", "start", "restart", "die", "kill", "oom", "stop", "pause", "unpause", "destroy", "rename"];

fn labels(driver: &DockerDriver) -> Vec<String> {
    vec![format!("{LABEL_BACKEND}=1"), format!("{LABEL_INSTANCE}={}", driver.instance_id)]
}

pub(super) async fn list(driver: &DockerDriver) -> Result<Vec<Listed>, DriverError> {
    ask(driver, labels(driver)).await
}

/// Ids of a game's strays.
pub(super) async fn strays(driver: &DockerDriver, game_id: GameId) -> Result<Vec<String>, DriverError> {
    let mut labels = labels(driver);
    labels.push(format!("{LABEL_GAME}={game_id}"));
    let listed = ask(driver, labels).await?;
    Ok(listed.into_iter().filter(|listed| listed.stray).map(|listed| listed.container_id).collect())
}

async fn ask(driver: &DockerDriver, labels: Vec<String>) -> Result<Vec<Listed>, DriverError> {
    let filters = HashMap::from([("label".to_owned(), labels)]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = tokio::time::timeout(CALL, driver.docker().await?.list_containers(Some(options)));
    let found = found.await.map_err(|_| timed_out())?.map_err(other)?;
    Ok(found.into_iter().filter_map(|container| listed(driver, container)).collect())
}

/// `None` for a look-alike: somebody else's container may carry our labels, but not under the name of its game. One of another name that
/// we made, or that runs, is a stray all the same: it would write the state of that game's engine.
fn listed(driver: &DockerDriver, container: ContainerSummary) -> Option<Listed> {
    let labels = container.labels.as_ref()?;
    let game_id: GameId = labels.get(LABEL_GAME)?.parse().ok()?;
    let made = labels.get(LABEL_FINGERPRINT).is_some_and(|print| !print.is_empty());
    let name = format!("/{}", container_name(game_id));
    let stray = !container.names.as_ref()?.contains(&name);
    let doing = match container.state? {
        State::RUNNING => Doing::Runs,
        State::PAUSED => Doing::Frozen,
        State::CREATED => Doing::Waits,
        _ => Doing::Ended,
    };
    let there = matches!(doing, Doing::Runs | Doing::Frozen);
    if stray && !made && !there {
        return None;
    }
    let networks = container.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    Some(Listed {
        game_id,
        doing,
        // Nobody is to call a stray.
        endpoint: if there && !stray { address::endpoint(&driver.config, game_id, networks) } else { None },
        container_id: container.id?,
        said: container.status.unwrap_or_default(),
        stray,
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
