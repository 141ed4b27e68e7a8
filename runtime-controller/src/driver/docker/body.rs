//! The container as it is asked for: hardened by default, and nothing left for the image to decide (SPEC §8).

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
};

use super::super::{ENGINE_UID, EngineSpec};
use super::{LABEL_BACKEND, LABEL_FINGERPRINT, LABEL_GAME, LABEL_INSTANCE};
use crate::config::DockerConfig;

/// Size of `/dev/shm`: enough for what libraries put there, nothing to keep data in.
const SHM: i64 = 1 << 20;
/// Open files and sockets of one process.
const OPEN_FILES: i64 = 4096;
/// Microseconds over which the processor's quota is counted: the kernel's own default.
const CPU_PERIOD: i64 = 100_000;
/// Engines go before anything of the platform where the host runs out of memory; their own limit hits first anyway.
const OOM_SCORE: i64 = 500;

/// What all containers of this driver have in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) docker: DockerConfig,
    pub(super) instance_id: String,
    /// `BACKEND_RUNTIME_STATE_LIMIT`: no single file grows past it, however fast it is written.
    pub(super) state_limit: u64,
    pub(super) stop_grace: Duration,
}

/// `image` is the id to make it from, `image_labels` are the names of the labels that come with it.
pub(super) fn container<'a>(
    shape: &Shape,
    spec: &EngineSpec,
    image: &str,
    image_labels: impl Iterator<Item = &'a String>,
    state_dir: &Path,
) -> ContainerCreateBody {
    let config = &shape.docker;
    let mount = config.state_mount.to_string_lossy().into_owned();
    // Labels are what proxies, updaters and Compose act upon: an image's own are emptied, as they cannot be left out.
    let mut labels: HashMap<String, String> = image_labels.map(|name| (name.clone(), String::new())).collect();
    labels.extend([
        (LABEL_BACKEND.to_owned(), "1".to_owned()),
        (LABEL_INSTANCE.to_owned(), shape.instance_id.clone()),
        (LABEL_GAME.to_owned(), spec.game_id.to_string()),
        (LABEL_FINGERPRINT.to_owned(), fingerprint(shape, spec, state_dir)),
    ]);
    let env = vec![
        format!("GALAXY_GAME_ID={}", spec.game_id),
        format!("GALAXY_STATE_DIR={mount}"),
        format!("GALAXY_ENGINE_TOKEN={}", spec.token.expose()),
        // Without a value Docker takes the variable away, should the image have set it: an engine listens on the port that is called.
        "GALAXY_LISTEN_ADDR".to_owned(),
    ];
    ContainerCreateBody {
        image: Some(image.to_owned()),
        user: Some(format!("{ENGINE_UID}:{ENGINE_UID}")),
        env: Some(env),
        labels: Some(labels),
        // An image's own check would run as often as it likes.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        stop_signal: Some("SIGTERM".to_owned()),
        stop_timeout: Some(i64::try_from(shape.stop_grace.as_secs()).unwrap_or(i64::MAX)),
        tty: Some(false),
        open_stdin: Some(false),
        host_config: Some(host(shape, mount, state_dir)),
        ..ContainerCreateBody::default()
    }
}

fn host(shape: &Shape, mount: String, state_dir: &Path) -> HostConfig {
    let config = &shape.docker;
    let memory = i64::try_from(config.memory).unwrap_or(i64::MAX);
    HostConfig {
        network_mode: Some(config.network.clone()),
        // Docker's resolver passes on what it does not know, from an internal network too (CVE-2024-29018): that would be a way out.
        // With this it asks the container itself.
        dns: Some(vec!["127.0.0.1".to_owned()]),
        dns_search: Some(vec![".".to_owned()]),
        // A mount, not a bind: a missing source is an error instead of a new directory that belongs to root.
        mounts: Some(vec![Mount {
            typ: Some(MountType::BIND),
            source: Some(state_dir.to_string_lossy().into_owned()),
            target: Some(mount),
            read_only: Some(false),
            ..Mount::default()
        }]),
        // With an owner: a mode alone is lost at the second start, when runc finds the directory that it made for the first one
        // and gives its mode to the mount.
        tmpfs: Some(HashMap::from([(
            "/tmp".to_owned(),
            format!("rw,noexec,nosuid,nodev,size=64m,nr_inodes=16k,mode=1777,uid={ENGINE_UID},gid={ENGINE_UID}"),
        )])),
        shm_size: Some(SHM),
        readonly_rootfs: Some(true),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        // Saying nothing of seccomp is the daemon's default profile.
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        // An engine need neither reap children nor handle SIGTERM to be stopped in good time.
        init: Some(true),
        pids_limit: Some(config.pids),
        // Not `nproc`: that counts the processes of a user in all containers, so that games would take them from each other.
        ulimits: Some(vec![
            ulimit("nofile", OPEN_FILES),
            ulimit("core", 0),
            ulimit("fsize", i64::try_from(shape.state_limit).unwrap_or(i64::MAX)),
        ]),
        memory: Some(memory),
        // Equal to the memory: no swap on top.
        memory_swap: Some(memory),
        oom_score_adj: Some(OOM_SCORE),
        // Not `nano_cpus`: of that Docker refuses more than the machine has, and no engine would start on a machine of one core.
        cpu_period: Some(CPU_PERIOD),
        cpu_quota: Some((config.cpus * CPU_PERIOD as f64) as i64),
        log_config: Some(log(config)),
        publish_all_ports: Some(false),
        ipc_mode: Some("private".to_owned()),
        ..HostConfig::default()
    }
}

fn ulimit(name: &str, limit: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(limit), hard: Some(limit) }
}

/// Fingerprint of a container made with this configuration.
pub(super) fn fingerprint(shape: &Shape, spec: &EngineSpec, state_dir: &Path) -> String {
    // How the daemon is reached and where images come from are no part of a container.
    let DockerConfig { network, log_driver, log_opts, cpus, memory, pids, state_mount, .. } = &shape.docker;
    let docker = format!("{network} {log_driver} {log_opts:?} {cpus} {memory} {pids} {}", state_mount.display());
    let Shape { instance_id, state_limit, stop_grace, docker: _ } = shape;
    spec.fingerprint(&format!("{docker} {instance_id} {state_limit} {stop_grace:?} {}", state_dir.display()))
}

/// An engine that talks must not fill the host's disk: the limits hold unless they are themselves replaced.
fn log(config: &DockerConfig) -> HostConfigLogConfig {
    let mut options = HashMap::new();
    if ["json-file", "local"].contains(&config.log_driver.as_str()) {
        options.insert("max-size".to_owned(), "10m".to_owned());
        options.insert("max-file".to_owned(), "3".to_owned());
    }
    options.extend(config.log_opts.iter().cloned());
    HostConfigLogConfig { typ: Some(config.log_driver.clone()), config: Some(options) }
}

#[cfg(test)]
mod tests {
    use shared::config::{Group as _, Reader};

    use super::*;
    use crate::config::Config;

    #[test]
    fn log_options_are_added_to_the_limits_and_do_not_take_their_place() {
        let mut config = Config::read(&mut Reader::describe("runtime-controller")).docker;
        let options = |config: &DockerConfig| {
            let mut options: Vec<_> = log(config).config.unwrap().into_iter().collect();
            options.sort();
            options.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
        };
        assert_eq!(options(&config), "max-file=3,max-size=10m");
        config.log_opts = vec![("tag".to_owned(), "x".to_owned())];
        assert_eq!(options(&config), "max-file=3,max-size=10m,tag=x");
        config.log_opts = vec![("max-size".to_owned(), "1m".to_owned())];
        assert_eq!(options(&config), "max-file=3,max-size=1m");
        config.log_driver = "local".to_owned();
        assert_eq!(options(&config), "max-file=3,max-size=1m");
        config.log_driver = "journald".to_owned();
        assert_eq!(options(&config), "max-size=1m", "other drivers know other options");
    }
}
