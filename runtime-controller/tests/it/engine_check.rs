//! The conformance test over images (docs/engine-contract.md), with the daemon of the other Docker tests: in the hardened profile.

use std::process::{Command, Stdio};

use testkit::process::bin_path;

fn host() -> String {
    std::env::var("GALAXY_TEST_DOCKER_HOST").expect("GALAXY_TEST_DOCKER_HOST, as for the other Docker tests")
}

/// The `engine-check` program against an image; its exit code and what it said.
fn engine_check(image: &str) -> (Option<i32>, String) {
    let output = Command::new(bin_path("engine-check"))
        .args(["--image", image])
        .env("DOCKER_HOST", host())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn reference() -> String {
    std::env::var("GALAXY_TEST_ENGINE_IMAGE").expect("GALAXY_TEST_ENGINE_IMAGE, as for the other Docker tests")
}

fn docker(arguments: &[&str]) {
    let mut command = Command::new("docker");
    command.env("DOCKER_HOST", host()).env("DOCKER_BUILDKIT", "0").args(arguments).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The reference image with something more in its Dockerfile, tested and removed.
fn engine_check_with(name: &str, line: &str) -> (Option<i32>, String) {
    let context = tempfile::tempdir().unwrap();
    std::fs::write(context.path().join("Dockerfile"), format!("FROM {}\n{line}\n", reference())).unwrap();
    let tag = format!("engine-check-{name}:{}", std::process::id());
    docker(&["build", "--quiet", "--tag", &tag, context.path().to_str().unwrap()]);
    let told = engine_check(&tag);
    docker(&["rmi", "--force", &tag]);
    told
}

#[test]
fn the_reference_image_keeps_the_contract_in_the_hardened_profile() {
    let (code, said) = engine_check(&reference());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("ok    image-volumes") && said.contains("ok    kill-mid-turn"), "{said}");
    assert!(said.contains(" 0 broken, 1 left out"), "{said}");
}

#[test]
fn an_image_with_a_volume_is_found_out() {
    let (code, said) = engine_check_with("volume", "VOLUME /data");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAIL  image-volumes") && said.contains("VOLUME /data"), "{said}");
    assert!(said.contains(" 1 broken,"), "nothing else of it is wrong: {said}");
}

#[test]
fn a_container_that_ends_at_once_is_told_with_its_exit_code_and_last_words() {
    let (code, said) = engine_check_with("ended", r#"CMD ["no-such-subcommand"]"#);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("FAIL  starts") && said.contains("the engine ended: exit code 2"), "{said}");
    assert!(said.contains("Its last words:") && said.contains("no-such-subcommand"), "{said}");
}
