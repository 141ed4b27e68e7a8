//! The game, and what is done to the platform meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use testkit::kubernetes::Cluster;

use super::Place;
use super::beside::Killed;
use super::figures::Figures;

/// Turns far enough apart that every Deployment is rolled before the games are over.
const SCHEDULE: &str = "@every 15s";

/// How many seconds a player waits for what must come. Engines and processes share the node's few processors with the cluster itself.
const PATIENCE: &str = "120";

/// Games of the demo, which are played at once.
const GAMES_AT_ONCE: usize = 2;

/// Plays the demo game, and rolls one Deployment after the other until it is over. The demo is as strict as on a platform that nobody
/// touches: no event and no mail is lost, and none comes twice.
pub(super) fn play(place: &Place, stack: &Path, figures: &mut Figures) -> Result<()> {
    println!("\n── A game, during which every Deployment is rolled\n");
    let demo = Command::new(testkit::process::bin_path("galaxy-demo"))
        .arg("--stack")
        .arg(stack)
        .args(["--schedule", SCHEDULE, "--patience", PATIENCE])
        .stdin(Stdio::null())
        .spawn()
        .context("start galaxy-demo")?;
    let mut demo = Killed(demo);
    let (mut rolls, mut most, mut in_play) = (0, 0, BTreeSet::new());
    for (namespace, name) in place.deployments().into_iter().cycle() {
        let before = place.running()?;
        figures.sample(&place.cluster, &place.node);
        let deployment = format!("deployment/{name}");
        place.cluster.kubectl(&["rollout", "restart", "--namespace", namespace, &deployment])?;
        place.rolled(namespace, name)?;
        let after = place.running()?;
        if let Some(status) = demo.0.try_wait()? {
            ensure!(status.success(), "the demo game failed ({status})");
            break;
        }
        unharmed(&place.cluster)?;
        most = most.max(before).max(after);
        rolls += 1;
        if before > 0 && after > 0 {
            in_play.insert(name);
        }
        println!("   >> {name} has been rolled, with {before} engines before and {after} after");
    }
    unharmed(&place.cluster)?;
    let left: Vec<&str> =
        place.deployments().into_iter().map(|(_, name)| name).filter(|name| !in_play.contains(name)).collect();
    ensure!(left.is_empty(), "the games were over before these had been rolled during them: {left:?}");
    ensure!(most >= GAMES_AT_ONCE, "expected {GAMES_AT_ONCE} engines at once, and saw {most}");
    println!("\n   {rolls} rolls while the demo went on; {most} engines at once");
    Ok(())
}

/// No container ended but those that were asked to.
fn unharmed(cluster: &Cluster) -> Result<()> {
    let each = "{range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{\"\\n\"}{end}";
    let output = format!("jsonpath={each}");
    let selector = "--selector=app.kubernetes.io/part-of=galaxy";
    let pods = cluster.kubectl(&["get", "pods", "--all-namespaces", selector, "--output", &output])?;
    let fallen: Vec<&str> = pods.lines().filter(|line| !line.ends_with(" 0")).collect();
    ensure!(fallen.is_empty(), "containers ended by themselves: {fallen:?}");
    Ok(())
}
