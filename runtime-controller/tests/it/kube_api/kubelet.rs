//! Scheduler and kubelet: a pod's container is a process of this machine, and a volume a directory.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Fate, Image, Shared};

/// Where a pod has its process.
const PROCESS: &str = "mock/process";

/// Every pod of this process has an address of its own, as engines listen on one port.
fn fresh_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id();
    format!("127.{}.{}.{}", 64 + (process >> 8) % 128, process % 256, NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Shared {
    pub(super) fn volume(&self, claim: &str) -> PathBuf {
        self.root.join("volumes").join(claim)
    }

    pub(super) fn set_status(&self, pod: &str, status: Value) {
        self.store.change("pods", pod, |pod| pod["status"] = status);
    }

    pub(super) fn log(&self, pod: &str, lines: Option<usize>) -> String {
        let uid = self.store.get("pods", pod).map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned());
        let text = uid.and_then(|uid| std::fs::read(self.root.join(format!("{uid}.log"))).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let all: Vec<&str> = text.lines().collect();
        let from = all.len().saturating_sub(lines.unwrap_or(usize::MAX));
        all[from..].iter().map(|line| format!("{line}\n")).collect()
    }

    /// Something was made by the controller.
    pub(super) fn made(self: &Arc<Self>, resource: &str, object: &Value) {
        match resource {
            "persistentvolumeclaims" => {
                std::fs::create_dir_all(self.volume(object["metadata"]["name"].as_str().unwrap())).unwrap();
            }
            "pods" => drop(tokio::spawn(run(Arc::clone(self), object.clone()))),
            _ => {}
        }
    }

    pub(super) fn stop_process(&self, pod: &str) {
        let process = self.store.get("pods", pod).map(|pod| pod["metadata"]["annotations"][PROCESS].clone());
        if let Some(pid) = process.and_then(|pid| pid.as_str()?.parse().ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Tells a pod to end. On a node that is lost nothing comes of it.
    pub(super) fn end_pod(&self, name: &str, grace: Duration) {
        let marked = self.store.change("pods", name, |pod| {
            pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            pod["metadata"]["deletionGracePeriodSeconds"] = grace.as_secs().into();
        });
        if let Some(pod) = marked.filter(|_| !self.manner.lock().nodes_lost) {
            self.stop_process(name);
            self.store.remove("pods", name, &pod["metadata"]["uid"]);
        }
    }
}

fn container_status(state: Value, image_id: &str) -> Value {
    json!({ "name": "engine", "state": state, "image": "", "imageID": image_id, "ready": false, "restartCount": 0 })
}

async fn run(shared: Arc<Shared>, pod: Value) {
    let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
    let container = &pod["spec"]["containers"][0];
    let image = shared.images.lock().get(container["image"].as_str().unwrap()).cloned();
    let wait = |reason: &str, message: &str| {
        let state = json!({ "waiting": { "reason": reason, "message": message } });
        shared.set_status(&name, json!({ "phase": "Pending", "containerStatuses": [container_status(state, "")] }));
    };
    let Some(Image { digest, from_registry, fate }) = image else {
        return wait("ErrImagePull", "rpc error: manifest unknown: not found");
    };
    let repository = container["image"].as_str().unwrap().rsplit_once([':', '@']).unwrap().0.to_owned();
    let image_id =
        if from_registry { format!("docker-pullable://{repository}@{digest}") } else { format!("docker://{digest}") };
    let program = match fate {
        Fate::NoNode => {
            let message = "0/3 nodes are available: 3 Insufficient memory.";
            let condition =
                json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message });
            return shared.set_status(&name, json!({ "phase": "Pending", "conditions": [condition] }));
        }
        Fate::Waits(reason, message) => return wait(reason, message),
        Fate::Runs(program) => program,
    };
    if container["command"].is_array() {
        // No image has what it is told to run.
        let state = json!({ "terminated": { "exitCode": 127, "reason": "ContainerCannotRun", "message": "no such file or directory" } });
        return shared.set_status(
            &name,
            json!({ "phase": "Failed", "containerStatuses": [container_status(state, &image_id)] }),
        );
    }
    let address = fresh_address();
    let mut command = tokio::process::Command::new(program);
    command.env_clear().env("GALAXY_TURN_LIMIT", "1000").kill_on_drop(true).process_group(0).stdin(Stdio::null());
    let Some(environment) = environment(&shared, container, &address) else {
        return wait("CreateContainerConfigError", "secret not found");
    };
    command.envs(environment);
    let dir = |path: &str| mounted(&shared, &pod, path);
    for argument in container["args"].as_array().into_iter().flatten() {
        let argument = argument.as_str().unwrap();
        command.arg(dir(argument).unwrap_or_else(|| argument.into()));
    }
    let state = container["env"].as_array().into_iter().flatten().find(|one| one["name"] == "GALAXY_STATE_DIR");
    if let Some(state) = state.and_then(|state| dir(state["value"].as_str().unwrap())) {
        std::fs::create_dir_all(&state).unwrap();
        command.env("GALAXY_STATE_DIR", state);
    }
    let log =
        std::fs::File::create(shared.root.join(format!("{}.log", pod["metadata"]["uid"].as_str().unwrap()))).unwrap();
    let mut child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let pid = child.id().unwrap().to_string();
    let there = shared.store.change("pods", &name, |now| {
        if now["metadata"]["uid"] == pod["metadata"]["uid"] {
            now["metadata"]["annotations"][PROCESS] = pid.into();
            let running = container_status(json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }), &image_id);
            now["spec"]["nodeName"] = "node-1".into();
            now["status"] = json!({ "phase": "Running", "podIP": address, "containerStatuses": [running] });
        }
    });
    if there.is_none_or(|there| there["metadata"]["uid"] != pod["metadata"]["uid"]) {
        return;
    }
    let status = child.wait().await.unwrap();
    let code = status.code().unwrap_or(137);
    let message = if code == 0 { String::new() } else { shared.log(&name, Some(80)) };
    let state = json!({ "terminated": { "exitCode": code, "reason": if code == 0 { "Completed" } else { "Error" }, "message": message } });
    shared.store.change("pods", &name, |now| {
        if now["metadata"]["uid"] == pod["metadata"]["uid"] && now["status"]["phase"] == "Running" {
            let phase = if code == 0 { "Succeeded" } else { "Failed" };
            now["status"] = json!({ "phase": phase, "containerStatuses": [container_status(state, &image_id)] });
        }
    });
}

/// Where a path of the container's is on this machine.
fn mounted(shared: &Shared, pod: &Value, path: &str) -> Option<PathBuf> {
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array()?;
    let mount = mounts.iter().find(|mount| mount["mountPath"] == path)?;
    let volume = pod["spec"]["volumes"].as_array()?.iter().find(|volume| volume["name"] == mount["name"])?;
    let root = shared.volume(volume["persistentVolumeClaim"]["claimName"].as_str()?);
    Some(mount["subPath"].as_str().map_or_else(|| root.clone(), |sub| root.join(sub)))
}

/// What the container is told; `None` where a Secret is not there.
fn environment(shared: &Shared, container: &Value, address: &str) -> Option<Vec<(String, String)>> {
    let of = |one: &Value| {
        let name = one["name"].as_str().unwrap().to_owned();
        let value = match one["value"].as_str() {
            // Its port, and an address that is this pod's.
            Some(listen) if name == "GALAXY_LISTEN_ADDR" => format!("{address}:{}", listen.rsplit_once(':').unwrap().1),
            Some(value) => value.to_owned(),
            None => {
                let from = &one["valueFrom"]["secretKeyRef"];
                let secret = shared.store.get("secrets", from["name"].as_str().unwrap())?;
                let value = secret["data"][from["key"].as_str().unwrap()].as_str()?.to_owned();
                String::from_utf8(STANDARD.decode(value).unwrap()).unwrap()
            }
        };
        Some((name, value))
    };
    container["env"].as_array().into_iter().flatten().map(of).collect()
}
