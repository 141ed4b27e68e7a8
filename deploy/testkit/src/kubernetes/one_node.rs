//! What the overlays of one node leave open, since it differs from machine to machine.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::{render, text};

/// The label that says of which process a document is.
const NAME: &str = "/metadata/labels/app.kubernetes.io~1name";

/// The setting that names the controller's own image.
const COPY_IMAGE: &str = "/data/BACKEND_KUBERNETES_COPY_IMAGE";

/// The namespace of engines that are pods.
pub const GAMES: &str = "galaxy-games";

/// The storage class of their volumes.
pub const STORAGE_CLASS: &str = "galaxy-games";

/// The Job that makes the processes' roles, after the migration.
pub const ROLES_JOB: &str = "migrate-roles";

/// What runs the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engines {
    /// The node's Docker Engine
    Docker,
    /// The cluster
    Pods,
}

impl Engines {
    /// The overlay, below `deploy/kubernetes/overlays`.
    fn overlay(self) -> &'static str {
        match self {
            Engines::Docker => "one-node",
            Engines::Pods => "one-node-pods",
        }
    }

    /// The namespace of runtime-controller.
    pub fn of_controller(self) -> &'static str {
        match self {
            Engines::Docker => "galaxy-engines",
            Engines::Pods => "galaxy",
        }
    }
}

/// What a one-node installation needs to be told.
#[derive(Debug, Clone)]
pub struct OneNode {
    /// What runs the engines.
    pub engines: Engines,
    /// The tag of every image.
    pub tag: String,
    /// The group of the node's Docker socket.
    pub docker_group: u32,
    /// Directories of the node, each a volume for one game's engine that is a pod.
    pub volumes: Vec<PathBuf>,
    /// Where pods reach the mail catcher, port 1025.
    pub mail_catcher: Ipv4Addr,
    /// The certificate that it is trusted by.
    pub mail_ca: String,
    /// The database, as pods reach it, for its owner.
    pub dsn: String,
    /// `BACKEND_GATEWAY_TOKEN`.
    pub gateway_token: String,
    /// `BACKEND_WORKER_TOKEN`.
    pub worker_token: String,
    /// `BACKEND_AUTH_CODE_PEPPER`.
    pub code_pepper: String,
    /// `BACKEND_SECRETS_KEY`.
    pub secrets_key: String,
    /// `BACKEND_ADMIN_BOOTSTRAP_PASSWORD`.
    pub admin_password: String,
}

/// The documents of an installation, in the order in which they are applied.
#[derive(Debug)]
pub struct Manifests {
    /// The migration Job and its ConfigMap, to be waited for.
    pub migration: Vec<Value>,
    /// The Job that makes the roles of the processes, to be waited for.
    pub roles: Value,
    /// All others.
    pub rest: Vec<Value>,
}

impl OneNode {
    /// Every document of the overlay.
    ///
    /// # Errors
    /// When the manifests cannot be read.
    pub fn manifests(&self, root: &Path) -> Result<Manifests> {
        let mut documents = render(&root.join("deploy/kubernetes/overlays").join(self.engines.overlay()))?;
        for document in &mut documents {
            if let Some(image) = document.pointer_mut(COPY_IMAGE) {
                *image = self.tagged(image).into();
            }
            let Some(pod) = document.pointer_mut("/spec/template/spec") else { continue };
            if let Some(groups) = pod.pointer_mut("/securityContext/supplementalGroups") {
                *groups = json!([self.docker_group]);
            }
            let image = pod.pointer_mut("/containers/0/image").context("a pod without a container")?;
            *image = self.tagged(image).into();
            // They are in the node's Docker Engine, and in no registry.
            pod["containers"][0]["imagePullPolicy"] = "Never".into();
        }
        let (migration, rest): (Vec<Value>, Vec<Value>) =
            documents.into_iter().partition(|document| document.pointer(NAME).is_some_and(|name| name == "migrate"));
        Ok(Manifests { roles: roles_job(&migration)?, migration, rest })
    }

    fn tagged(&self, image: &Value) -> String {
        format!("{}:{}", image.as_str().unwrap_or_default(), self.tag)
    }

    /// What the migration stands on: its Secret. Only then can there be a role for each process.
    pub fn first(&self) -> Vec<Value> {
        vec![secret("galaxy", "migrate", &self.dsn, json!({}))]
    }

    /// What the processes stand on: Secrets, each with its own way to the database, and a name for the mail catcher.
    ///
    /// # Errors
    /// When a process has no DSN.
    pub fn ground(&self, dsns: &HashMap<&'static str, String>) -> Result<Vec<Value>> {
        let own = |namespace: &str, process: &str, data: Value| -> Result<Value> {
            let dsn = dsns.get(process).with_context(|| format!("{process} has no DSN"))?;
            Ok(secret(namespace, process, dsn, data))
        };
        let api_server = json!({
            "gateway-token": self.gateway_token,
            "worker-token": self.worker_token,
            "code-pepper": self.code_pepper,
            "secrets-key": self.secrets_key,
            "admin-password": self.admin_password,
        });
        let catcher = json!({ "name": "mail-catcher", "namespace": "galaxy" });
        let port = json!([{ "name": "smtp", "port": 1025, "protocol": "TCP" }]);
        Ok(vec![
            own("galaxy", "api-server", api_server)?,
            own("galaxy", "mail-worker", json!({ "relay-ca.pem": self.mail_ca }))?,
            own("galaxy", "notify-worker", json!({ "worker-token": self.worker_token }))?,
            own(self.engines.of_controller(), "runtime-controller", json!({}))?,
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": catcher, "spec": { "ports": port } }),
            json!({
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": catcher,
                "subsets": [{ "addresses": [{ "ip": self.mail_catcher }], "ports": port }],
            }),
        ])
    }

    /// The volumes that games find, since nothing in the cluster makes any: one for each directory.
    pub fn volumes(&self) -> Vec<Value> {
        let volume = |(at, dir): (usize, &PathBuf)| {
            let labels = json!({ "app.kubernetes.io/part-of": "galaxy" });
            json!({
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": { "name": format!("galaxy-games-{at}"), "labels": labels },
                "spec": {
                    "storageClassName": STORAGE_CLASS,
                    // Three times BACKEND_RUNTIME_STATE_LIMIT is what a claim asks for.
                    "capacity": { "storage": "4Gi" },
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "hostPath": { "path": dir.display().to_string(), "type": "Directory" },
                },
            })
        };
        self.volumes.iter().enumerate().map(volume).collect()
    }
}

fn secret(namespace: &str, process: &str, dsn: &str, mut data: Value) -> Value {
    data["postgres-dsn"] = dsn.into();
    let metadata = json!({ "name": format!("galaxy-{process}"), "namespace": namespace });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data })
}

/// The migration's Job, told to do the other thing.
fn roles_job(migration: &[Value]) -> Result<Value> {
    let job = migration.iter().find(|document| text(document, "/kind") == "Job");
    let mut job = job.context("no Job migrates")?.clone();
    job["metadata"]["name"] = ROLES_JOB.into();
    job["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["roles"]);
    Ok(job)
}
