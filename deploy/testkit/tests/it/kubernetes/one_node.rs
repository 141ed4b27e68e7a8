//! What `cargo xtask test --kubernetes` applies beside the overlays, and what it makes of them.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::kubernetes::{Engines, Manifests, OneNode, ROLES_JOB, STORAGE_CLASS, label, text};

use super::schema::judge;
use super::settings::{settings, told};
use super::{DEPLOYMENTS, GAMES, container, namespace, of_kind, workloads};

fn of(engines: Engines) -> OneNode {
    OneNode {
        engines,
        tag: "7".to_owned(),
        docker_group: 998,
        volumes: vec![PathBuf::from("/a/0"), PathBuf::from("/a/1")],
        mail_catcher: Ipv4Addr::new(172, 17, 0, 1),
        mail_ca: "ca".to_owned(),
        dsn: "postgres://owner".to_owned(),
        gateway_token: "gateway".to_owned(),
        worker_token: "worker".to_owned(),
        code_pepper: "pepper".to_owned(),
        secrets_key: "key".to_owned(),
        admin_password: "password".to_owned(),
    }
}

fn logins() -> HashMap<&'static str, String> {
    DEPLOYMENTS.map(|process| (process, format!("postgres://{process}"))).into()
}

/// Everything, in the order in which it is applied.
fn all(engines: Engines) -> Vec<Value> {
    let settings = of(engines);
    let Manifests { migration, roles, rest } = settings.manifests(&testkit::workspace_root()).unwrap();
    let ground = settings.ground(&logins()).unwrap();
    [settings.first(), migration, vec![roles], ground, settings.volumes(), rest].concat()
}

#[test]
fn every_document_that_is_made_is_what_its_kind_says() {
    for engines in [Engines::Docker, Engines::Pods] {
        for mut document in all(engines) {
            if text(&document, "/apiVersion") == "policy/v1beta1" {
                document["apiVersion"] = "policy/v1".into();
            }
            judge(&document).unwrap_or_else(|why| panic!("{engines:?}: {}: {why}", label(&document)));
        }
    }
}

#[test]
fn every_image_gets_the_tag_and_is_pulled_by_nobody() {
    for engines in [Engines::Docker, Engines::Pods] {
        let all = all(engines);
        for workload in workloads(&all) {
            let container = container(workload);
            assert_eq!(text(container, "/image"), format!("galaxy/{}:7", text(container, "/name")), "{engines:?}");
            assert_eq!(text(container, "/imagePullPolicy"), "Never", "{engines:?}");
        }
        let controller = workloads(&all).into_iter().find(|one| text(one, "/metadata/name") == "runtime-controller");
        let controller = controller.unwrap();
        let told = told(&all, controller);
        let copies = told.get("BACKEND_KUBERNETES_COPY_IMAGE").copied();
        let own = text(container(controller), "/image");
        assert_eq!(copies, (engines == Engines::Pods).then_some(own), "{engines:?}");
        assert_eq!(told.get("BACKEND_RUNTIME_IMAGE_PULL_POLICY"), Some(&"never"), "{engines:?}");
        assert_eq!(namespace(controller), engines.of_controller());
    }
}

#[test]
fn every_process_has_a_secret_with_a_way_of_its_own_to_the_database() {
    for engines in [Engines::Docker, Engines::Pods] {
        let all = all(engines);
        for workload in workloads(&all) {
            let process = text(container(workload), "/name");
            let name = format!("galaxy-{process}");
            let mut near = of_kind(&all, "Secret").into_iter().filter(|one| namespace(one) == namespace(workload));
            let secret = near.find(|one| text(one, "/metadata/name") == name);
            let secret = secret.unwrap_or_else(|| panic!("{engines:?}: {} has no Secret", label(workload)));
            let dsn = if process == "migrate" { "owner" } else { process };
            assert_eq!(text(secret, "/stringData/postgres-dsn"), format!("postgres://{dsn}"), "{engines:?}");
            for file in told(&all, workload).values().filter_map(|value| value.strip_prefix("/run/secrets/galaxy/")) {
                assert!(secret["stringData"].get(file).is_some(), "{engines:?}: {process} finds no {file}");
            }
        }
    }
    let mut fewer = logins();
    fewer.remove("mail-worker");
    assert!(of(Engines::Pods).ground(&fewer).is_err(), "no process is left with another's role");
}

#[test]
fn roles_are_made_by_the_image_that_migrates() {
    let all = all(Engines::Pods);
    let jobs = of_kind(&all, "Job");
    let [migration, roles] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!(text(roles, "/metadata/name"), ROLES_JOB);
    assert_eq!(container(roles)["args"], json!(["roles"]));
    assert_eq!((container(migration).get("args"), &container(migration)["image"]), (None, &container(roles)["image"]));
}

#[test]
fn a_claim_of_an_engine_finds_a_volume() {
    let all = all(Engines::Pods);
    let class = of_kind(&all, "StorageClass");
    assert_eq!(class.iter().map(|class| text(class, "/metadata/name")).collect::<Vec<_>>(), [STORAGE_CLASS]);
    let told = of_kind(&all, "ConfigMap").into_iter().find(|map| text(map, "/metadata/name") == "runtime-controller");
    let told = told.unwrap();
    assert_eq!(text(told, "/data/BACKEND_KUBERNETES_STORAGE_CLASS"), STORAGE_CLASS);
    assert_eq!(text(told, "/data/BACKEND_KUBERNETES_NAMESPACE"), GAMES);
    assert_eq!(GAMES, testkit::kubernetes::GAMES);
    // Three times that is asked for.
    assert_eq!(settings("runtime-controller")["BACKEND_RUNTIME_STATE_LIMIT"].default, "1GiB");
    let volumes = of_kind(&all, "PersistentVolume");
    assert_eq!(volumes.len(), 2);
    for volume in volumes {
        assert_eq!(text(volume, "/spec/storageClassName"), STORAGE_CLASS);
        assert_eq!(text(volume, "/spec/capacity/storage"), "4Gi");
        assert!(text(volume, "/spec/hostPath/path").starts_with("/a/"));
    }
    assert!(of_kind(&super::rendered("overlays/one-node"), "StorageClass").is_empty());
}
