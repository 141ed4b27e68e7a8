//! The pods and what belongs to them, as they are asked for: hardened, and nothing left for the image to decide (SPEC §8). No field is
//! used that Kubernetes 1.20 does not have.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, LocalObjectReference,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource, Pod, PodDNSConfig,
    PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, Secret, SecretKeySelector, SecurityContext,
    Service, ServicePort, ServiceSpec, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use shared::ids::GameId;

use super::super::{ENGINE_PORT, ENGINE_UID, EngineSpec, LABEL_FINGERPRINT, container_name};
use super::cluster::{Cluster, Role};
use super::words::{ANNOTATION_DEED, CONTAINER, Deed, VOLUME};
use crate::config::PullPolicy;

/// A program that no image has: a pod that is to run it has its image pulled, and runs nothing of it.
const NOTHING: &str = "/.galaxy-pulls-only";
/// Key of the engine's token in its Secret.
const TOKEN: &str = "token";
/// Sizes of `/tmp` and `/dev/shm`.
const TMP: &str = "64Mi";
const SHM: &str = "1Mi";
/// What an engine's log and nothing else may take of its node's disk.
const LOGS: &str = "256Mi";
/// What is kept free for an engine on its node. It may use more, up to its limits.
const USUAL: (&str, &str) = ("50m", "64Mi");
/// The limits of pods that pull or copy.
const HELPER: (&str, &str) = ("500m", "256Mi");

/// Fingerprint of a pod made with this configuration.
pub(super) fn fingerprint(cluster: &Cluster, spec: &EngineSpec) -> String {
    let config = &cluster.container;
    let limits = format!("{} {} {}", config.cpus, config.memory, config.state_mount.display());
    let own = format!("{} {} {:?}", cluster.own.namespace, cluster.instance_id, cluster.stop_grace);
    spec.fingerprint(&format!("kubernetes {limits} {own}"))
}

/// The Service that gives a game's engine its name, and to which belongs what is made for one pod.
pub(super) fn service(cluster: &Cluster, game_id: GameId) -> Service {
    let labels = cluster.labels(Some(game_id), Some(Role::Engine));
    let port = ServicePort {
        name: Some("engine".to_owned()),
        port: i32::from(ENGINE_PORT),
        target_port: Some(IntOrString::Int(i32::from(ENGINE_PORT))),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    };
    Service {
        metadata: meta(container_name(game_id), labels.clone()),
        spec: Some(ServiceSpec {
            // Headless: its name is the pod's address.
            cluster_ip: Some("None".to_owned()),
            // An engine is asked whether it is well before anybody could call it ready.
            publish_not_ready_addresses: Some(true),
            selector: Some(labels),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// A game's volume. It stays when its pod goes.
pub(super) fn claim(cluster: &Cluster, game_id: GameId) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: meta(container_name(game_id), cluster.labels(Some(game_id), None)),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: cluster.own.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(quantities([("storage", &cluster.volume.to_string())])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}

/// The name of the Secret with the token of one pod: of this specification, and of the Service that stands now. So a pod never finds
/// another's token, and what was told to go is not taken for what is there.
pub(super) fn secret_name(cluster: &Cluster, spec: &EngineSpec, service: &Service) -> String {
    let uid = service.metadata.uid.as_deref().unwrap_or_default();
    let print = spec.fingerprint(&format!("{} {uid}", fingerprint(cluster, spec)));
    format!("{}-{}", container_name(spec.game_id), print.get(..10).unwrap_or(&print))
}

/// Goes with its Service: nobody has to be able to read, list or remove Secrets.
pub(super) fn secret(cluster: &Cluster, spec: &EngineSpec, service: &Service) -> Secret {
    let name = secret_name(cluster, spec, service);
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        name: service.metadata.name.clone().unwrap_or_default(),
        uid: service.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    };
    let token = ByteString(spec.token.expose().clone().into_bytes());
    Secret {
        metadata: ObjectMeta {
            owner_references: Some(vec![owner]),
            ..meta(name, cluster.labels(Some(spec.game_id), None))
        },
        immutable: Some(true),
        data: Some(BTreeMap::from([(TOKEN.to_owned(), token)])),
        ..Secret::default()
    }
}

/// The engine's pod. `image` is what its kubelet is asked for.
pub(super) fn engine(cluster: &Cluster, spec: &EngineSpec, image: &str, secret: &str) -> Pod {
    let config = &cluster.container;
    let mount = config.state_mount.to_string_lossy().into_owned();
    let (cpus, memory) = (format!("{}m", (config.cpus * 1000.0) as i64), config.memory.to_string());
    // No more may be asked for than is allowed.
    let least_cpu = if config.cpus < 0.05 { cpus.as_str() } else { USUAL.0 };
    let least = (least_cpu, if config.memory < 64 << 20 { memory.as_str() } else { USUAL.1 });
    let token = SecretKeySelector { name: secret.to_owned(), key: TOKEN.to_owned(), optional: Some(false) };
    let token = EnvVarSource { secret_key_ref: Some(token), ..EnvVarSource::default() };
    let env = vec![
        value("GALAXY_GAME_ID", &spec.game_id.to_string()),
        value("GALAXY_STATE_DIR", &mount),
        EnvVar { name: "GALAXY_ENGINE_TOKEN".to_owned(), value_from: Some(token), ..EnvVar::default() },
        // A variable of an image cannot be taken away, only set: an engine listens on the port that is called.
        value("GALAXY_LISTEN_ADDR", &format!("0.0.0.0:{ENGINE_PORT}")),
    ];
    let mounts = vec![
        // Beside it, out of the engine's reach, is the copy of before a patch.
        VolumeMount { sub_path: Some(spec.game_id.to_string()), ..mounted("state", &mount) },
        mounted("tmp", "/tmp"),
        mounted("shm", "/dev/shm"),
    ];
    let container = Container {
        env: Some(env),
        ports: Some(vec![ContainerPort { container_port: i32::from(ENGINE_PORT), ..ContainerPort::default() }]),
        volume_mounts: Some(mounts),
        ..container(image, pull_policy(cluster, false), resources((&cpus, &memory), least))
    };
    let volumes = vec![claimed("state", spec.game_id), in_memory("tmp", TMP), in_memory("shm", SHM)];
    let mut labels = cluster.labels(Some(spec.game_id), Some(Role::Engine));
    labels.insert("app.kubernetes.io/component".to_owned(), "engine".to_owned());
    Pod {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([(LABEL_FINGERPRINT.to_owned(), fingerprint(cluster, spec))])),
            ..meta(container_name(spec.game_id), labels)
        },
        spec: Some(PodSpec { volumes: Some(volumes), ..pod(cluster, container, cluster.stop_grace) }),
        ..Pod::default()
    }
}

/// A pod whose kubelet pulls the image, tells its digest, and cannot start it.
pub(super) fn pull(cluster: &Cluster, name: &str, image: &str, always: bool, limit: Duration) -> Pod {
    let container = Container {
        command: Some(vec![NOTHING.to_owned()]),
        ..container(image, pull_policy(cluster, always), resources(HELPER, USUAL))
    };
    let spec = PodSpec { active_deadline_seconds: Some(seconds(limit)), ..pod(cluster, container, Duration::ZERO) };
    let metadata = meta(name.to_owned(), cluster.labels(None, Some(Role::Pull)));
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// A pod of our own image that does something about a game's copies: on the node of its engine, where that has the volume.
pub(super) fn copy(cluster: &Cluster, game_id: GameId, deed: &Deed, image: &str, node: Option<String>) -> Pod {
    let container = Container {
        args: Some(deed.arguments(game_id)),
        volume_mounts: Some(vec![mounted("state", VOLUME)]),
        // What it writes to its log in the end is why it failed.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..container(image, pull_policy(cluster, false), resources(HELPER, USUAL))
    };
    let spec = PodSpec {
        node_name: node,
        volumes: Some(vec![claimed("state", game_id)]),
        // It is process 1 and minds no SIGTERM: what it leaves half, the next one begins anew.
        ..pod(cluster, container, Duration::from_secs(1))
    };
    let metadata = ObjectMeta {
        annotations: Some(BTreeMap::from([(ANNOTATION_DEED.to_owned(), deed.to_string())])),
        ..meta(copier_name(game_id), cluster.labels(Some(game_id), Some(Role::Copy)))
    };
    Pod { metadata, spec: Some(spec), ..Pod::default() }
}

/// The name of the pod that copies a game's state.
pub(super) fn copier_name(game_id: GameId) -> String {
    format!("galaxy-copy-{game_id}")
}

fn pod(cluster: &Cluster, container: Container, grace: Duration) -> PodSpec {
    let id = i64::from(ENGINE_UID);
    let secrets = cluster.own.pull_secrets.iter().map(|name| LocalObjectReference { name: name.clone() }).collect();
    PodSpec {
        // Who brings an engine back, how often and when not, is the reconciler's to say.
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        // Names are asked of nobody: a resolver is a way out.
        dns_policy: Some("None".to_owned()),
        dns_config: Some(PodDNSConfig { nameservers: Some(vec!["127.0.0.1".to_owned()]), ..PodDNSConfig::default() }),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(id),
            run_as_group: Some(id),
            fs_group: Some(id),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..PodSecurityContext::default()
        }),
        image_pull_secrets: Some(secrets),
        // None at all would be no end, but forgetting the pod: see `Cluster::end`.
        termination_grace_period_seconds: Some(seconds(grace).max(1)),
        containers: vec![container],
        ..PodSpec::default()
    }
}

fn container(image: &str, pull_policy: &str, resources: ResourceRequirements) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some(pull_policy.to_owned()),
        resources: Some(resources),
        security_context: Some(SecurityContext {
            privileged: Some(false),
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

/// An image is resolved once, by the pod that pulls it: whoever starts it later must not meet another.
fn pull_policy(cluster: &Cluster, always: bool) -> &'static str {
    match cluster.container.pull_policy {
        PullPolicy::Never => "Never",
        PullPolicy::Always if always => "Always",
        _ => "IfNotPresent",
    }
}

fn resources((cpus, memory): (&str, &str), (cpu, usual): (&str, &str)) -> ResourceRequirements {
    ResourceRequirements {
        limits: Some(quantities([("cpu", cpus), ("memory", memory), ("ephemeral-storage", LOGS)])),
        requests: Some(quantities([("cpu", cpu), ("memory", usual), ("ephemeral-storage", LOGS)])),
        ..ResourceRequirements::default()
    }
}

fn quantities<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, Quantity> {
    pairs.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into()
}

fn meta(name: String, labels: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta { name: Some(name), labels: Some(labels), ..ObjectMeta::default() }
}

fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}

fn mounted(volume: &str, path: &str) -> VolumeMount {
    VolumeMount { name: volume.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

fn claimed(volume: &str, game_id: GameId) -> Volume {
    let claim = PersistentVolumeClaimVolumeSource { claim_name: container_name(game_id), ..Default::default() };
    Volume { name: volume.to_owned(), persistent_volume_claim: Some(claim), ..Volume::default() }
}

fn in_memory(volume: &str, size: &str) -> Volume {
    let source =
        EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit: Some(Quantity(size.to_owned())) };
    Volume { name: volume.to_owned(), empty_dir: Some(source), ..Volume::default() }
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
