//! The world with real Docker: a network and an instance of its own for each test.

use std::process::Command;

use serde_json::Value;
use shared::ids::GameId;

use crate::world::World;

pub struct DockerWorld {
    pub world: World,
    pub instance: String,
    pub network: String,
    host: String,
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `cargo xtask test`, or start a Docker daemon (`apt-get install -y docker.io iptables`), \
             build the engine's image (head of deploy/engine/Dockerfile), and set GALAXY_TEST_DOCKER_HOST=unix:///var/run/docker.sock \
             and GALAXY_TEST_ENGINE_IMAGE=galaxy-engine:1.0.0"
        )
    })
}

impl DockerWorld {
    pub async fn new() -> Self {
        let host = required("GALAXY_TEST_DOCKER_HOST");
        let image = required("GALAXY_TEST_ENGINE_IMAGE");
        let instance = format!("test-{}", GameId::new());
        let network = format!("galaxy-{instance}");
        docker(&host, &["network", "create", "--internal", &network]);
        let env = [
            ("BACKEND_RUNTIME_DRIVER", "docker"),
            ("BACKEND_DOCKER_HOST", &host),
            ("BACKEND_DOCKER_NETWORK", &network),
            ("BACKEND_ENGINE_ADDRESSING", "ip"),
            ("BACKEND_INSTANCE_ID", &instance),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let world = World::new(image, env).await;
        Self { world, instance, network, host }
    }

    pub fn docker(&self, args: &[&str]) -> String {
        docker(&self.host, args)
    }

    /// Ids of this test's containers, running or not.
    pub fn containers(&self) -> Vec<String> {
        let filter = format!("label=galaxy.instance={}", self.instance);
        self.docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]).lines().map(str::to_owned).collect()
    }

    pub fn inspect(&self, container: &str) -> Value {
        let found: Value = serde_json::from_str(&self.docker(&["inspect", container])).unwrap();
        found[0].clone()
    }
}

impl Drop for DockerWorld {
    fn drop(&mut self) {
        for container in self.containers() {
            self.docker(&["rm", "--force", "--volumes", &container]);
        }
        self.docker(&["network", "rm", &self.network]);
    }
}

fn docker(host: &str, args: &[&str]) -> String {
    let done = Command::new("docker")
        .arg("--host")
        .arg(host)
        .args(args)
        .output()
        .expect("the docker command: apt-get install -y docker.io");
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !done.status.success() && !std::thread::panicking() {
        panic!("docker {args:?}: {error}");
    }
    out.trim().to_owned()
}
