//! What is there before, and what is taken down in the end, however it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use testkit::kubernetes::{Cluster, Engines, GAMES};

use super::{INSTANCE, PODS, Place, STATES};
use crate::run;

/// The namespaces of an installation, whatever runs the engines.
const NAMESPACES: [&str; 3] = ["galaxy", "galaxy-engines", GAMES];

/// What carries our label and is in no namespace.
const OF_CLUSTER: &str = "persistentvolumes,storageclasses";

/// What carries none and is in no namespace.
const RIGHTS: [&str; 2] = ["clusterrole/galaxy-runtime-controller", "clusterrolebinding/galaxy-runtime-controller"];

const OURS: &str = "--selector=app.kubernetes.io/part-of=galaxy";

/// What is taken down in the end.
pub(super) struct Installation {
    place: Place,
    work: PathBuf,
    is_down: bool,
}

impl Installation {
    pub(super) fn new(place: Place, work: PathBuf) -> Installation {
        Installation { place, work, is_down: false }
    }

    /// Takes it down, and demands that nothing is left.
    pub(super) fn take_down(mut self) -> Result<()> {
        self.clear();
        nothing_is_there(&self.place.cluster)
    }

    fn clear(&mut self) {
        println!("\n── Take it down");
        self.is_down = true;
        let patience = ["--ignore-not-found", "--timeout=180s"];
        // Volumes last: they are kept as long as their claims are there.
        let all = [
            [&["delete", "namespace"][..], &NAMESPACES[..], &patience[..]].concat(),
            [&["delete"][..], &RIGHTS[..], &patience[..]].concat(),
            [&["delete", OF_CLUSTER, OURS][..], &patience[..]].concat(),
        ];
        for arguments in all {
            self.told(self.place.cluster.kubectl(&arguments).map(drop));
        }
        if self.place.engines == Engines::Docker {
            self.told(self.place.cluster.kubectl(&["label", "node", &self.place.node, "galaxy/engines-"]).map(drop));
            self.place.docker.clean(INSTANCE);
            self.told(run::step("Take back what the node was prepared with", &mut engine_node("down")));
            let _ = std::fs::remove_dir_all(STATES);
        }
        let _ = std::fs::remove_dir_all(self.work.join("volumes"));
    }

    /// What cannot be taken down does not keep the rest.
    fn told(&self, done: Result<()>) {
        if let Err(error) = done {
            eprintln!("   {error:#}");
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if !self.is_down {
            self.clear();
        }
    }
}

/// Refuses a cluster with an installation, or what is left of one: it is somebody's, and would be taken down with ours.
pub(super) fn nothing_is_there(cluster: &Cluster) -> Result<()> {
    let only = ["--ignore-not-found", "--output=name"];
    let mut there = String::new();
    for arguments in [
        [&["get", "namespace"][..], &NAMESPACES[..], &only[..]].concat(),
        [&["get"][..], &RIGHTS[..], &only[..]].concat(),
        [&["get", OF_CLUSTER, OURS][..], &only[..]].concat(),
    ] {
        there.push_str(&cluster.kubectl(&arguments)?);
    }
    let there: Vec<&str> = there.split_whitespace().collect();
    ensure!(there.is_empty(), "the cluster has an installation, or what is left of one: {}", there.join(", "));
    Ok(())
}

/// The script that prepares a node, or takes that back.
pub(super) fn engine_node(what: &str) -> Command {
    let mut command = run::program(crate::root().join("deploy/kubernetes/engine-node.sh"));
    command.args([what, PODS]);
    command
}

/// What somebody looks at when it failed, before the pods go: the ends of all logs, what became of every object, and what happened.
pub(super) fn keep(place: &Place, work: &Path) {
    let kept = |file: &str, arguments: &[&str]| {
        let said = place.cluster.kubectl(arguments).unwrap_or_else(|error| format!("{error:#}"));
        let _ = std::fs::write(work.join(file), said);
    };
    for (namespace, name) in place.deployments() {
        let selector = format!("--selector=app.kubernetes.io/name={name}");
        kept(&format!("{name}.log"), &["logs", "--namespace", namespace, &selector, "--tail=400", "--prefix"]);
    }
    kept("migrate.log", &["logs", "--namespace", "galaxy", "--selector=app.kubernetes.io/name=migrate", "--prefix"]);
    let engines = ["--selector=galaxy.role=engine", "--tail=200", "--prefix"];
    kept("engines.log", &[&["logs", "--namespace", GAMES][..], &engines[..]].concat());
    kept("objects.txt", &["get", "all,pvc,pv,endpoints", "--all-namespaces", "--output=wide"]);
    kept("events.txt", &["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"]);
    kept("pods.txt", &["describe", "pods", "--all-namespaces"]);
    kept("node.txt", &["describe", "nodes"]);
    eprintln!("   logs, objects and events are in {}", work.display());
}
