//! The container as it is asked for: hardened by default (SPEC §8).

use std::collections::HashMap;
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType};

use super::super::EngineSpec;
use super::{LABEL_BACKEND, LABEL_FINGERPRINT, LABEL_GAME, LABEL_INSTANCE};
use crate::config::DockerConfig;

/// The user and group that every engine runs as, and that owns its state directory.
pub(super) const ENGINE_UID: u32 = 10_001;

pub(super) fn container(
    config: &DockerConfig,
    instance_id: &str,
    spec: &EngineSpec,
    state_dir: &Path,
) -> ContainerCreateBody {
    let mount = config.state_mount.to_string_lossy().into_owned();
    let labels = HashMap::from([
        (LABEL_BACKEND.to_owned(), "1".to_owned()),
        (LABEL_INSTANCE.to_owned(), instance_id.to_owned()),
        (LABEL_GAME.to_owned(), spec.game_id.to_string()),
        (LABEL_FINGERPRINT.to_owned(), fingerprint(config, spec, state_dir)),
    ]);
    let env = vec![
        format!("GALAXY_GAME_ID={}", spec.game_id),
        format!("GALAXY_STATE_DIR={mount}"),
        format!("GALAXY_ENGINE_TOKEN={}", spec.token.expose()),
    ];
    let memory = i64::try_from(config.memory).unwrap_or(i64::MAX);
    let host_config = HostConfig {
        network_mode: Some(config.network.clone()),
        // A mount, not a bind: a missing source is an error instead of a new directory that belongs to root.
        mounts: Some(vec![Mount {
            typ: Some(MountType::BIND),
            source: Some(state_dir.to_string_lossy().into_owned()),
            target: Some(mount),
            read_only: Some(false),
            ..Mount::default()
        }]),
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), "rw,noexec,nosuid,nodev,size=64m,mode=1777".to_owned())])),
        readonly_rootfs: Some(true),
        privileged: Some(false),
        cap_drop: Some(vec!["ALL".to_owned()]),
        // Saying nothing of seccomp is the daemon's default profile.
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        pids_limit: Some(config.pids),
        memory: Some(memory),
        // Equal to the memory: no swap on top.
        memory_swap: Some(memory),
        #[allow(clippy::cast_possible_truncation, reason = "a number of processors in billionths fits")]
        nano_cpus: Some((config.cpus * 1e9) as i64),
        log_config: Some(log(config)),
        publish_all_ports: Some(false),
        ipc_mode: Some("private".to_owned()),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        user: Some(format!("{ENGINE_UID}:{ENGINE_UID}")),
        env: Some(env),
        labels: Some(labels),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

/// Fingerprint of a container made with this configuration.
pub(super) fn fingerprint(config: &DockerConfig, spec: &EngineSpec, state_dir: &Path) -> String {
    spec.fingerprint(&format!("{config:?} {}", state_dir.display()))
}

fn log(config: &DockerConfig) -> HostConfigLogConfig {
    let mut options: HashMap<String, String> = config.log_opts.iter().cloned().collect();
    // An engine that talks must not fill the host's disk.
    if options.is_empty() && config.log_driver == "json-file" {
        options.insert("max-size".to_owned(), "10m".to_owned());
        options.insert("max-file".to_owned(), "3".to_owned());
    }
    HostConfigLogConfig { typ: Some(config.log_driver.clone()), config: Some(options) }
}
