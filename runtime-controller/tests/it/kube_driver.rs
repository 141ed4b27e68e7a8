//! The Kubernetes driver against an API that refuses, is away, forgets, and has other people's objects in it.

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use runtime_controller::driver::kubernetes::KubernetesDriver;
use runtime_controller::driver::{Doing, Driver as _, DriverError, EngineSpec, Silent, container_name};
use serde_json::{Value, json};
use shared::ids::GameId;
use tempfile::TempDir;
use testkit::eventually;
use testkit::process::bin_path;

use crate::drivers::{kube_config, spec, up};
use crate::kube_api::{CLUSTER_UID, Fate, KubeApi, Manner, NAMESPACE};
use crate::world::SOON;

const IMAGE: &str = "registry.test/engine:1";

struct Bench {
    root: TempDir,
    api: KubeApi,
    driver: KubernetesDriver,
}

async fn bench() -> Bench {
    let root = tempfile::tempdir().unwrap();
    let api = KubeApi::start(root.path()).await;
    api.image(IMAGE, Fate::Runs(engine()));
    let mut config = kube_config(&api, root.path());
    config.stop_grace = Duration::from_secs(1);
    config.tuning.pull_silence = Duration::from_millis(500);
    let driver = KubernetesDriver::new(&config);
    Bench { root, api, driver }
}

fn engine() -> PathBuf {
    std::path::absolute(bin_path("galaxy-engine")).unwrap()
}

impl Bench {
    /// A specification whose image has been met.
    async fn met(&self) -> EngineSpec {
        let mut spec = spec(GameId::new(), IMAGE);
        spec.pinned = self.driver.fetch(IMAGE, None, &Silent).await.unwrap();
        spec
    }
}

#[tokio::test]
async fn a_pod_is_hardened_and_made_by_digest() {
    let bench = bench().await;
    let daemon = bench.driver.daemon_id().await.unwrap();
    assert_eq!(daemon, format!("kubernetes:{CLUSTER_UID}/{NAMESPACE}"));
    let spec = bench.met().await;
    up(&bench.driver, &spec).await;
    let name = container_name(spec.game_id);
    let pod = bench.api.get("pods", &name).unwrap();
    let (all, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    let digest = spec.pinned.as_ref().unwrap().digest.clone().unwrap();
    assert!(digest.starts_with("registry.test/engine@sha256:"), "{digest}");
    assert_eq!(container["image"], digest.as_str());
    assert_eq!(pod["metadata"]["annotations"]["galaxy.fingerprint"], bench.driver.fingerprint(&spec).as_str());
    assert_eq!((&all["restartPolicy"], &all["automountServiceAccountToken"]), (&json!("Never"), &json!(false)));
    assert_eq!((&all["enableServiceLinks"], &all["terminationGracePeriodSeconds"]), (&json!(false), &json!(1)));
    let context = json!({
        "runAsNonRoot": true, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(all["securityContext"], context);
    let hardened = json!({
        "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(container["securityContext"], hardened);
    let limits = json!({ "cpu": "2000m", "memory": "536870912", "ephemeral-storage": "256Mi" });
    assert_eq!(container["resources"]["limits"], limits);
    for name in ["hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "nodeName", "initContainers"] {
        assert!(all.get(name).is_none_or(|there| name == "nodeName" && there == "node-1"), "{name}");
    }
    let memory = |size: &str| json!({ "medium": "Memory", "sizeLimit": size });
    assert_eq!((&all["volumes"][1]["emptyDir"], &all["volumes"][2]["emptyDir"]), (&memory("64Mi"), &memory("1Mi")));
    assert_eq!(container["volumeMounts"][0]["subPath"], spec.game_id.to_string());
    assert!(!pod.to_string().contains(spec.token.expose().as_str()), "the token stands in a Secret alone");
    let service = bench.api.get("services", &name).unwrap();
    assert_eq!(service["spec"]["clusterIP"], "None");
    let policy = bench.api.get("networkpolicies", "galaxy-engines").unwrap();
    for selector in [&service["spec"]["selector"], &policy["spec"]["podSelector"]["matchLabels"]] {
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(&pod["metadata"]["labels"][label], value, "{label}");
        }
    }
    let secret = &bench.api.all("secrets")[0];
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], service["metadata"]["uid"]);
    let claim = bench.api.get("persistentvolumeclaims", &name).unwrap();
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], (3_u64 << 30).to_string());
    bench.driver.remove(spec.game_id).await.unwrap();
    // Loaded on the nodes, it has no digest to be asked for by: it is proven after the start.
    let loaded = "galaxy-engine:1.0.0";
    bench.api.loaded(&format!("docker.io/library/{loaded}"), Fate::Runs(engine()));
    let pinned = bench.driver.fetch(loaded, None, &Silent).await.unwrap();
    let spec = EngineSpec { image: loaded.to_owned(), pinned, ..spec };
    up(&bench.driver, &spec).await;
    bench.driver.remove(spec.game_id).await.unwrap();
    bench.api.loaded(&format!("docker.io/library/{loaded}"), Fate::Runs(engine()));
    bench.driver.create(&spec).await.unwrap();
    let error = bench.driver.start(&spec).await.unwrap_err();
    assert!(
        matches!(&error, DriverError::Image { passing: false, reason } if reason.contains("another one")),
        "{error}"
    );
    assert!(bench.api.get("pods", &name).is_none(), "an engine of another image does not stay");
}

#[tokio::test]
async fn what_is_not_ours_is_never_touched() {
    let bench = bench().await;
    let spec = bench.met().await;
    let name = container_name(spec.game_id);
    for resource in ["persistentvolumeclaims", "services", "pods"] {
        // Somebody else's, who has some of our labels.
        let labels = json!({ "galaxy.backend": "1", "galaxy.instance": "other", "galaxy.game_id": spec.game_id, "galaxy.role": "engine" });
        bench
            .api
            .put(resource, json!({ "metadata": { "name": name, "labels": labels }, "spec": { "containers": [] } }));
        let before = bench.api.get(resource, &name);
        for error in [
            bench.driver.create(&spec).await.map(drop).unwrap_err(),
            if resource == "persistentvolumeclaims" {
                bench.driver.snapshots().take(spec.game_id, "a").await.unwrap_err()
            } else {
                bench.driver.remove(spec.game_id).await.unwrap_err()
            },
        ] {
            assert!(matches!(&error, DriverError::Foreign(why) if why.contains("not ours")), "{resource}: {error}");
        }
        assert_eq!(bench.api.get(resource, &name), before, "{resource}");
        bench.api.put(resource, before.map(|object| object_of_ours(object, spec.game_id)).unwrap());
    }
    let pod = json!({ "name": name, "labels": { "galaxy.backend": "1", "galaxy.instance": "other" } });
    bench.api.put("pods", json!({ "metadata": pod, "spec": { "containers": [] } }));
    for error in [bench.driver.inspect(spec.game_id).await.map(drop), bench.driver.start(&spec).await] {
        assert!(matches!(error.unwrap_err(), DriverError::Foreign(_)));
    }
    // A look-alike by its labels is nobody's engine either.
    let labels = json!({ "galaxy.backend": "1", "galaxy.instance": "galaxy", "galaxy.game_id": GameId::new(), "galaxy.role": "engine" });
    bench
        .api
        .put("pods", json!({ "metadata": { "name": "look-alike", "labels": labels }, "spec": { "containers": [] } }));
    assert_eq!(bench.driver.list().await.unwrap(), []);
}

fn object_of_ours(mut object: Value, game_id: GameId) -> Value {
    object["metadata"]["labels"] = json!({
        "app.kubernetes.io/name": "galaxy-engine", "galaxy.backend": "1", "galaxy.instance": "galaxy", "galaxy.game_id": game_id,
    });
    object
}

#[tokio::test]
async fn what_keeps_a_pod_from_starting_is_told_apart() {
    let bench = bench().await;
    let fetch = async |image: &str| bench.driver.fetch(image, None, &Silent).await.unwrap_err();
    let missing = fetch("registry.test/nobody:9").await;
    assert!(matches!(missing, DriverError::Image { passing: false, .. }), "{missing}");
    bench.api.image("registry.test/slow:1", Fate::Waits("ErrImagePull", "dial tcp: i/o timeout"));
    let slow = fetch("registry.test/slow:1").await;
    assert!(matches!(slow, DriverError::Image { passing: true, .. }), "{slow}");
    bench.api.image("registry.test/huge:1", Fate::NoNode);
    let huge = fetch("registry.test/huge:1").await;
    assert!(
        matches!(&huge, DriverError::Image { passing: true, reason } if reason.contains("Insufficient memory")),
        "{huge}"
    );
    assert!(matches!(fetch("UPPER/case").await, DriverError::Config(_)));
    // A node is lost between the pull and the start.
    let spec = bench.met().await;
    assert_eq!(bench.api.all("pods"), Vec::<Value>::new(), "nothing is left behind");
    let digest = spec.pinned.as_ref().unwrap().digest.clone().unwrap();
    bench.api.image_by(&digest, Fate::NoNode);
    bench.driver.create(&spec).await.unwrap();
    assert!(bench.driver.begin_start(&spec).await.unwrap(), "its pod is made, and nobody has waited");
    let homeless = bench.driver.start(&spec).await.unwrap_err();
    assert!(matches!(&homeless, DriverError::Failed(why) if why.contains("0/3 nodes")), "{homeless}");
    let waits = &bench.driver.list().await.unwrap()[0];
    assert_eq!((waits.doing, waits.endpoint.clone()), (Doing::Waits, None));
    let observed = bench.driver.inspect(spec.game_id).await.unwrap().unwrap();
    assert!(observed.ended.unwrap().contains("no node takes it"));
    bench.driver.remove(spec.game_id).await.unwrap();
    // The next one finds a node, and the pod that waited is not in its way.
    bench.api.image_by(&digest, Fate::Runs(engine()));
    up(&bench.driver, &spec).await;
}

#[tokio::test]
async fn a_pod_that_was_evicted_or_deleted_is_made_anew_on_its_state() {
    let bench = bench().await;
    let spec = bench.met().await;
    let name = container_name(spec.game_id);
    let (first, _) = up(&bench.driver, &spec).await;
    bench.api.evict(&name, "The node was low on resource: memory.");
    let observed = bench.driver.inspect(spec.game_id).await.unwrap().unwrap();
    assert_eq!((observed.running, observed.endpoint), (false, None));
    assert_eq!(observed.ended.as_deref(), Some("Evicted: The node was low on resource: memory."));
    assert_eq!(bench.driver.list().await.unwrap()[0].doing, Doing::Ended);
    assert!(matches!(bench.driver.start(&spec).await.unwrap_err(), DriverError::Gone(_)));
    bench.driver.remove(spec.game_id).await.unwrap();
    let (second, _) = up(&bench.driver, &spec).await;
    assert_ne!(first.container_id, second.container_id);
    bench.api.delete_pod(&name);
    assert_eq!(bench.driver.inspect(spec.game_id).await.unwrap(), None);
    up(&bench.driver, &spec).await;
    assert!(bench.api.volume(&name).join(spec.game_id.to_string()).is_dir());
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_nobodys_fault() {
    let bench = bench().await;
    let spec = bench.met().await;
    bench.api.behave(Manner { slow: Duration::from_millis(50), ..Manner::default() });
    up(&bench.driver, &spec).await;
    bench.api.behave(Manner { down: true, ..Manner::default() });
    for error in [
        bench.driver.daemon_id().await.map(drop),
        bench.driver.inspect(spec.game_id).await.map(drop),
        bench.driver.list().await.map(drop),
        bench.driver.remove(spec.game_id).await,
        bench.driver.changes(None).await.map(drop),
    ] {
        assert!(matches!(error.unwrap_err(), DriverError::Unavailable(_)));
    }
    bench.api.behave(Manner { slow: Duration::from_secs(600), ..Manner::default() });
    let silent = bench.driver.inspect(spec.game_id).await.unwrap_err();
    assert!(matches!(&silent, DriverError::Unavailable(why) if why.contains("no answer in time")), "{silent}");
    bench.api.behave(Manner::default());
    assert!(bench.driver.inspect(spec.game_id).await.unwrap().unwrap().running, "nothing was done to it");
}

#[tokio::test]
async fn what_the_role_does_not_give_is_named() {
    let bench = bench().await;
    let spec = bench.met().await;
    bench.api.forbid("create", "secrets");
    let error = bench.driver.create(&spec).await.unwrap_err();
    assert!(matches!(&error, DriverError::Config(why) if why.contains("secrets") && why.contains("Role")), "{error}");
    bench.api.forbid("list", "pods");
    assert!(matches!(bench.driver.list().await.unwrap_err(), DriverError::Config(_)));
    bench.api.forbid("get", "pods");
    // Nobody knows what is there: it is not a stranger's, beside which the game would have no engine.
    assert!(matches!(bench.driver.inspect(spec.game_id).await.unwrap_err(), DriverError::Config(_)));
}

#[tokio::test]
async fn a_watch_goes_on_where_it_ended_and_begins_anew_where_that_is_forgotten() {
    let bench = bench().await;
    let spec = bench.met().await;
    bench.driver.create(&spec).await.unwrap();
    let lists = || bench.api.asked("list pods");
    let mut heard = bench.driver.changes(None).await.unwrap().unwrap();
    assert_eq!(lists(), 1);
    assert!(heard.next().await.unwrap().is_ok(), "somebody has to look at what was before");
    bench.driver.start(&spec).await.unwrap();
    assert!(tokio::time::timeout(SOON, heard.next()).await.unwrap().unwrap().is_ok());
    // The connection breaks; what happens meanwhile is told by the next watch, without a list.
    drop(heard);
    bench.driver.remove(spec.game_id).await.unwrap();
    let mut heard = bench.driver.changes(Some(0)).await.unwrap().unwrap();
    assert!(tokio::time::timeout(SOON, heard.next()).await.unwrap().unwrap().is_ok());
    assert_eq!(lists(), 1);
    // 410: the server has forgotten.
    bench.api.forget_history();
    let error = async {
        loop {
            if let Err(error) = heard.next().await.unwrap() {
                break error;
            }
        }
    };
    let error = tokio::time::timeout(SOON, error).await.unwrap();
    assert!(matches!(error, DriverError::Unavailable(_)), "{error}");
    assert!(heard.next().await.is_none());
    let mut heard = bench.driver.changes(Some(0)).await.unwrap().unwrap();
    assert!(heard.next().await.unwrap().is_ok(), "and that somebody looks");
    assert_eq!(lists(), 2);
}

#[tokio::test]
async fn bookmarks_keep_a_quiet_watch_from_being_forgotten() {
    let bench = bench().await;
    let mut heard = bench.driver.changes(None).await.unwrap().unwrap();
    heard.next().await.unwrap().unwrap();
    // Changes of other kinds, which this watch does not see.
    bench.api.put("configmaps", json!({ "metadata": { "name": "noise" } }));
    let marks = bench.api.bookmarks() + 3;
    tokio::select! {
        change = heard.next() => panic!("a bookmark is no change: {change:?}"),
        () = eventually(SOON, "bookmarks", || async { bench.api.bookmarks() >= marks }) => {}
    }
    drop(heard);
    let lists = bench.api.asked("list pods");
    bench.api.forget_before_now();
    let mut heard = bench.driver.changes(Some(0)).await.unwrap().unwrap();
    let spec = bench.met().await;
    up(&bench.driver, &spec).await;
    assert!(tokio::time::timeout(SOON, heard.next()).await.unwrap().unwrap().is_ok());
    assert_eq!(bench.api.asked("list pods"), lists);
}

#[tokio::test]
async fn a_pod_on_a_lost_node_is_not_taken_to_have_ended() {
    let bench = bench().await;
    let spec = bench.met().await;
    up(&bench.driver, &spec).await;
    bench.api.behave(Manner { nodes_lost: true, ..Manner::default() });
    let error = bench.driver.remove(spec.game_id).await.unwrap_err();
    assert!(matches!(&error, DriverError::Failed(why) if why.contains("node-1") && why.contains("--force")), "{error}");
    assert_eq!(bench.driver.list().await.unwrap()[0].doing, Doing::Ended);
    assert!(matches!(bench.driver.start(&spec).await.unwrap_err(), DriverError::Gone(_)));
    // Somebody has made sure.
    bench.api.behave(Manner::default());
    bench.api.delete_pod(&container_name(spec.game_id));
    up(&bench.driver, &spec).await;
}

#[tokio::test]
async fn without_a_policy_or_an_image_to_copy_with_it_says_what_is_missing() {
    let bench = bench().await;
    let spec = bench.met().await;
    bench.api.drop_policies();
    let error = bench.driver.create(&spec).await.unwrap_err();
    assert!(matches!(&error, DriverError::Config(why) if why.contains("NetworkPolicy galaxy-engines")), "{error}");
    let mut config = kube_config(&bench.api, bench.root.path());
    config.kubernetes.copy_image = None;
    let copies = KubernetesDriver::new(&config).snapshots();
    let error = copies.fits(spec.game_id).await.unwrap_err();
    assert!(matches!(&error, DriverError::Config(why) if why.contains("BACKEND_KUBERNETES_COPY_IMAGE")), "{error}");
}

#[tokio::test]
async fn no_engine_starts_on_a_state_that_is_being_put_back() {
    let bench = bench().await;
    let spec = bench.met().await;
    bench.driver.create(&spec).await.unwrap();
    let left = format!("galaxy-copy-{}", spec.game_id);
    let mut pod = object_of_ours(json!({ "metadata": { "name": left }, "spec": { "containers": [] } }), spec.game_id);
    pod["metadata"]["annotations"] = json!({ "galaxy.copy": "restore a" });
    bench.api.put("pods", pod);
    let error = bench.driver.start(&spec).await.unwrap_err();
    assert!(matches!(&error, DriverError::Failed(why) if why.contains("being put back")), "{error}");
    eventually(SOON, "what a dead controller left is gone", || async { bench.api.get("pods", &left).is_none() }).await;
    up(&bench.driver, &spec).await;
}
