//! What `overlays/one-node` leaves open, since it differs from machine to machine.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::render;

/// The label that says of which process a document is.
const NAME: &str = "/metadata/labels/app.kubernetes.io~1name";

/// What a one-node installation needs to be told.
#[derive(Debug, Clone)]
pub struct OneNode {
    /// The tag of every image.
    pub tag: String,
    /// The group of the node's Docker socket.
    pub docker_group: u32,
    /// Where pods reach the mail catcher, port 1025.
    pub mail_catcher: Ipv4Addr,
    /// The certificate that it is trusted by.
    pub mail_ca: String,
    /// The database, as pods reach it.
    pub dsn: String,
    /// `BACKEND_GATEWAY_TOKEN`.
    pub gateway_token: String,
    /// `BACKEND_WORKER_TOKEN`.
    pub worker_token: String,
    /// `BACKEND_AUTH_CODE_PEPPER`.
    pub code_pepper: String,
    /// `BACKEND_ADMIN_BOOTSTRAP_PASSWORD`.
    pub admin_password: String,
}

/// The documents of an installation, in the order in which they are applied.
#[derive(Debug)]
pub struct Manifests {
    /// The migration Job and its ConfigMap, to be waited for.
    pub migration: Vec<Value>,
    /// All others.
    pub rest: Vec<Value>,
}

impl OneNode {
    /// Every document of the overlay.
    ///
    /// # Errors
    /// When the manifests cannot be read.
    pub fn manifests(&self, root: &Path) -> Result<Manifests> {
        let mut documents = render(&root.join("deploy/kubernetes/overlays/one-node"))?;
        for document in &mut documents {
            let Some(pod) = document.pointer_mut("/spec/template/spec") else { continue };
            if let Some(groups) = pod.pointer_mut("/securityContext/supplementalGroups") {
                *groups = json!([self.docker_group]);
            }
            let image = pod.pointer_mut("/containers/0/image").context("a pod without a container")?;
            *image = format!("{}:{}", image.as_str().unwrap_or_default(), self.tag).into();
            // They are in the node's Docker Engine, and in no registry.
            pod["containers"][0]["imagePullPolicy"] = "Never".into();
        }
        let (migration, rest) =
            documents.into_iter().partition(|document| document.pointer(NAME).is_some_and(|name| name == "migrate"));
        Ok(Manifests { migration, rest })
    }

    /// What they stand on: Secrets, and a name for the mail catcher.
    pub fn ground(&self) -> Vec<Value> {
        let secret = |namespace: &str, process: &str, mut data: Value| {
            data["postgres-dsn"] = self.dsn.as_str().into();
            let metadata = json!({ "name": format!("galaxy-{process}"), "namespace": namespace });
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data })
        };
        let catcher = json!({ "name": "mail-catcher", "namespace": "galaxy" });
        let port = json!([{ "name": "smtp", "port": 1025, "protocol": "TCP" }]);
        vec![
            secret("galaxy", "migrate", json!({})),
            secret(
                "galaxy",
                "api-server",
                json!({
                    "gateway-token": self.gateway_token,
                    "worker-token": self.worker_token,
                    "code-pepper": self.code_pepper,
                    "admin-password": self.admin_password,
                }),
            ),
            secret("galaxy", "mail-worker", json!({ "relay-ca.pem": self.mail_ca })),
            secret("galaxy", "notify-worker", json!({ "worker-token": self.worker_token })),
            secret("galaxy-engines", "runtime-controller", json!({})),
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": catcher, "spec": { "ports": port } }),
            json!({
                "apiVersion": "v1",
                "kind": "Endpoints",
                "metadata": catcher,
                "subsets": [{ "addresses": [{ "ip": self.mail_catcher }], "ports": port }],
            }),
        ]
    }
}
