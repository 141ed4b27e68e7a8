//! A cluster's API without a cluster: a server that keeps objects as the API does, refuses what our Role does not give, and a kubelet that
//! runs engines as processes. What it cannot show is the cluster's own: isolation, policies, volumes of a real storage.

mod http;
mod kubelet;
mod roles;
mod store;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::roles::Roles;
use self::store::Store;

pub const NAMESPACE: &str = "galaxy-games";
pub const CLUSTER_UID: &str = "6b1f3a52-0000-4000-8000-000000000001";

/// What becomes of a pod with an image.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Its container is this program.
    Runs(PathBuf),
    /// No node takes it.
    NoNode,
    /// The kubelet waits with this reason and message.
    Waits(&'static str, &'static str),
}

#[derive(Debug, Clone)]
struct Image {
    digest: String,
    from_registry: bool,
    fate: Fate,
}

/// How the server behaves, beside what is asked of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// It breaks every connection off.
    pub down: bool,
    /// It answers after this time.
    pub slow: Duration,
    /// Nodes do not answer: pods that are told to end do not.
    pub nodes_lost: bool,
}

struct Shared {
    store: Store,
    roles: Roles,
    manner: Mutex<Manner>,
    images: Mutex<HashMap<String, Image>>,
    root: PathBuf,
    bookmarks: AtomicUsize,
}

/// The server. It ends when dropped, and its processes with it.
pub struct KubeApi {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
    address: String,
}

impl KubeApi {
    /// Keeps volumes and logs below `root`.
    pub async fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            store: Store::default(),
            roles: Roles::of_the_manifests(),
            manner: Mutex::default(),
            images: Mutex::default(),
            root: root.to_owned(),
            bookmarks: AtomicUsize::new(0),
        });
        shared.store.put("namespaces", json!({ "metadata": { "name": "kube-system", "uid": CLUSTER_UID } }));
        for policy in roles::policies() {
            shared.store.put("networkpolicies", policy);
        }
        let server = tokio::spawn(http::serve(listener, Arc::clone(&shared)));
        let api = Self { shared, server, address };
        std::fs::write(api.kubeconfig(), api.config_text()).unwrap();
        api
    }

    /// The file by which it is found.
    pub fn kubeconfig(&self) -> PathBuf {
        self.shared.root.join("kubeconfig")
    }

    fn config_text(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "mock",
            "clusters": [{ "name": "mock", "cluster": { "server": format!("http://{}", self.address) } }],
            "users": [{ "name": "mock", "user": {} }],
            "contexts": [{ "name": "mock", "context": { "cluster": "mock", "user": "mock" } }],
        })
        .to_string()
    }

    /// An image in a registry, and what its pods do.
    pub fn image(&self, reference: &str, fate: Fate) {
        self.keep_image(reference, fate, true);
    }

    /// An image that was loaded on the nodes and came from no registry.
    pub fn loaded(&self, reference: &str, fate: Fate) {
        self.keep_image(reference, fate, false);
    }

    fn keep_image(&self, reference: &str, fate: Fate, from_registry: bool) {
        let mut images = self.shared.images.lock();
        let digest = format!("sha256:{:064x}", images.len() + 1);
        let image = Image { digest: digest.clone(), from_registry, fate };
        let repository = reference.rsplit_once(':').unwrap().0;
        images.insert(reference.to_owned(), image.clone());
        if from_registry {
            images.insert(format!("{repository}@{digest}"), image);
        }
    }

    /// From now on the pods of an image that is there, by its digest, do something else.
    pub fn image_by(&self, digest: &str, fate: Fate) {
        self.shared.images.lock().get_mut(digest).unwrap().fate = fate;
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock() = manner;
    }

    /// Takes something from what the Role gives.
    pub fn forbid(&self, verb: &str, resource: &str) {
        self.shared.roles.forbid(verb, resource);
    }

    /// What the manifests give and nobody asked for.
    pub fn unused(&self) -> Vec<String> {
        self.shared.roles.unused()
    }

    /// Every object of a kind, as `pods`.
    pub fn all(&self, resource: &str) -> Vec<Value> {
        self.shared.store.list(resource).0
    }

    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.shared.store.get(resource, name)
    }

    /// As somebody else makes an object, or changes it.
    pub fn put(&self, resource: &str, object: Value) {
        self.shared.store.put(resource, object);
    }

    /// As somebody else deletes a pod: its process ends.
    pub fn delete_pod(&self, name: &str) {
        self.shared.end_pod(name, Duration::ZERO);
    }

    /// The node takes its pod away, and keeps the object.
    pub fn evict(&self, name: &str, message: &str) {
        self.shared.stop_process(name);
        self.shared.set_status(name, json!({ "phase": "Failed", "reason": "Evicted", "message": message }));
    }

    /// The server forgets what happened before now, and ends all watches.
    pub fn forget_history(&self) {
        self.shared.store.compact();
    }

    /// The server forgets what happened before now; who has heard of it goes on.
    pub fn forget_before_now(&self) {
        self.shared.store.compact_history();
    }

    /// Takes the policies of the namespace away.
    pub fn drop_policies(&self) {
        for policy in self.all("networkpolicies") {
            let metadata = &policy["metadata"];
            self.shared.store.remove("networkpolicies", metadata["name"].as_str().unwrap(), &metadata["uid"]);
        }
    }

    /// How often something was asked for, as `list pods`.
    pub fn asked(&self, what: &str) -> usize {
        self.shared.roles.asked(what)
    }

    /// How many bookmarks were sent.
    pub fn bookmarks(&self) -> usize {
        self.shared.bookmarks.load(Ordering::Relaxed)
    }

    /// The files of a game's volume.
    pub fn volume(&self, claim: &str) -> PathBuf {
        self.shared.volume(claim)
    }
}

impl Drop for KubeApi {
    fn drop(&mut self) {
        self.server.abort();
        for pod in self.all("pods") {
            self.shared.stop_process(pod["metadata"]["name"].as_str().unwrap_or_default());
        }
    }
}
