//! What a pod's status says, in our terms.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, Pod, PodCondition, PodStatus,
};

use super::super::pull_words::pull_text;
use super::super::{Doing, DriverError};
use super::words::CONTAINER;

/// A pod, and what is to be read off it.
pub(super) struct Seen<'a>(pub(super) &'a Pod);

impl<'a> Seen<'a> {
    fn status(&self) -> Option<&'a PodStatus> {
        self.0.status.as_ref()
    }

    fn phase(&self) -> &'a str {
        self.status().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
    }

    /// Of its one container; `None` before a kubelet has the pod.
    pub(super) fn container(&self) -> Option<&'a ContainerStatus> {
        self.status()?.container_statuses.as_ref()?.iter().find(|container| container.name == CONTAINER)
    }

    fn state(&self) -> Option<&'a ContainerState> {
        self.container()?.state.as_ref()
    }

    fn terminated(&self) -> Option<&'a ContainerStateTerminated> {
        self.state()?.terminated.as_ref()
    }

    /// It was told to end. Whether it has, its node alone knows.
    pub(super) fn is_going(&self) -> bool {
        self.0.metadata.deletion_timestamp.is_some()
    }

    /// Its container runs, and nobody has told it to end.
    pub(super) fn runs(&self) -> bool {
        !self.is_going() && self.phase() == "Running" && self.state().is_some_and(|state| state.running.is_some())
    }

    /// It has ended, or will: a pod does not start again.
    pub(super) fn is_over(&self) -> bool {
        self.is_going() || matches!(self.phase(), "Succeeded" | "Failed") || self.terminated().is_some()
    }

    pub(super) fn doing(&self) -> Doing {
        if self.is_over() {
            Doing::Ended
        } else if self.runs() {
            Doing::Runs
        } else if self.phase() == "Unknown" {
            // Its node does not answer.
            Doing::Frozen
        } else {
            Doing::Waits
        }
    }

    /// The exit code of a container that ended, and what it left as its last words.
    pub(super) fn exit(&self) -> Option<(i32, &'a str)> {
        let ended = self.terminated()?;
        Some((ended.exit_code, ended.message.as_deref().unwrap_or_default().trim()))
    }

    /// The address of the pod.
    pub(super) fn address(&self) -> Option<&'a str> {
        self.status()?.pod_ip.as_deref().filter(|address| !address.is_empty())
    }

    /// What it does, for people: how its container ended, why the pod was taken away, or what it waits for.
    pub(super) fn said(&self) -> String {
        if self.runs() {
            return "running".to_owned();
        }
        let mut parts = Vec::new();
        let status = self.status();
        if let Some(reason) = status.and_then(|status| status.reason.as_deref()) {
            // Evicted, DeadlineExceeded, NodeLost.
            parts.push(with(reason, status.and_then(|status| status.message.as_deref())));
        }
        if let Some(ended) = self.terminated() {
            let why = ended.reason.as_deref().unwrap_or_default();
            let killed = if why == "OOMKilled" { ", out of memory" } else { "" };
            let told = ended.message.as_deref().filter(|_| !["Completed", "Error", "OOMKilled"].contains(&why));
            parts.push(with(&format!("exit code {}{killed}", ended.exit_code), told));
        } else if let Some(waiting) = self.state().and_then(|state| state.waiting.as_ref()) {
            parts.push(with(waiting.reason.as_deref().unwrap_or("it waits"), waiting.message.as_deref()));
        } else if let Some(why) = self.homeless() {
            parts.push(format!("no node takes it: {why}"));
        }
        if self.is_going() {
            parts.push("it was told to end".to_owned());
        }
        if parts.is_empty() { format!("its pod is {}", self.phase()) } else { parts.join("; ") }
    }

    /// Why no node takes it, in the scheduler's words.
    pub(super) fn homeless(&self) -> Option<&'a str> {
        let conditions = self.status()?.conditions.as_ref()?;
        let scheduled = |condition: &&PodCondition| condition.type_ == "PodScheduled" && condition.status == "False";
        conditions.iter().find(scheduled).map(|condition| condition.message.as_deref().unwrap_or("unschedulable"))
    }

    /// What keeps its container from starting, where waiting for the kubelet's next try is of no use.
    pub(super) fn stuck(&self) -> Option<DriverError> {
        let waiting = self.state()?.waiting.as_ref()?;
        let said = || with(waiting.reason.as_deref().unwrap_or_default(), waiting.message.as_deref());
        Some(match waiting.reason.as_deref()? {
            "ErrImagePull" | "RegistryUnavailable" | "ImageInspectError" => pull_text(said()),
            "ImagePullBackOff" => DriverError::Image { reason: said(), passing: true },
            "ErrImageNeverPull" => DriverError::Image { reason: said(), passing: false },
            "InvalidImageName" => DriverError::Config(said()),
            // Its Secret is gone, with the Service that it belongs to.
            "CreateContainerConfigError" => DriverError::Gone(said()),
            "CreateContainerError" | "RunContainerError" => DriverError::Failed(said()),
            _ => return None,
        })
    }
}

fn with(what: &str, message: Option<&str>) -> String {
    match message.map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => format!("{what}: {message}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(phase: &str, state: Value) -> Pod {
        let container =
            json!({ "name": CONTAINER, "state": state, "image": "", "imageID": "", "ready": false, "restartCount": 0 });
        serde_json::from_value(json!({ "status": { "phase": phase, "containerStatuses": [container] } })).unwrap()
    }

    #[test]
    fn an_end_is_told_in_words_for_people() {
        let oom = pod("Failed", json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } }));
        assert_eq!(Seen(&oom).said(), "exit code 137, out of memory");
        let no_program = pod(
            "Failed",
            json!({ "terminated": { "exitCode": 128, "reason": "StartError", "message": "no such file" } }),
        );
        assert_eq!(Seen(&no_program).said(), "exit code 128: no such file");
        let mut evicted = pod("Failed", json!({}));
        let status = evicted.status.as_mut().unwrap();
        (status.reason, status.message) = (Some("Evicted".into()), Some("The node was low on memory.".into()));
        assert_eq!(Seen(&evicted).said(), "Evicted: The node was low on memory.");
        assert_eq!(Seen(&evicted).doing(), Doing::Ended);
    }

    #[test]
    fn only_a_container_that_runs_and_may_stay_runs() {
        let mut running = pod("Running", json!({ "running": {} }));
        assert_eq!((Seen(&running).doing(), Seen(&running).runs()), (Doing::Runs, true));
        running.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!((Seen(&running).doing(), Seen(&running).runs()), (Doing::Ended, false));
        // The kubelet has told of its container, and not yet of the pod.
        let ended = pod("Running", json!({ "terminated": { "exitCode": 1 } }));
        assert_eq!(Seen(&ended).doing(), Doing::Ended);
        assert_eq!(Seen(&pod("Unknown", json!({}))).doing(), Doing::Frozen);
        assert_eq!(Seen(&Pod::default()).doing(), Doing::Waits);
    }

    #[test]
    fn what_keeps_a_container_from_starting_is_told_apart() {
        let stuck = |reason: &str, message: &str| {
            let waiting = json!({ "waiting": { "reason": reason, "message": message } });
            Seen(&pod("Pending", waiting)).stuck()
        };
        assert!(matches!(stuck("ErrImagePull", "manifest unknown"), Some(DriverError::Image { passing: false, .. })));
        assert!(matches!(stuck("ErrImagePull", "i/o timeout"), Some(DriverError::Image { passing: true, .. })));
        assert!(matches!(stuck("ErrImageNeverPull", ""), Some(DriverError::Image { passing: false, .. })));
        assert!(matches!(stuck("CreateContainerConfigError", "secret not found"), Some(DriverError::Gone(_))));
        assert!(matches!(stuck("InvalidImageName", ""), Some(DriverError::Config(_))));
        assert_eq!(stuck("ContainerCreating", ""), None);
    }
}
