//! The world with real Docker: a network and an instance of its own for each test.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use parking_lot::Mutex;
use serde_json::Value;
use shared::ids::GameId;

use crate::world::World;

pub struct DockerWorld {
    pub world: World,
    pub instance: String,
    pub network: String,
    pub host: String,
    /// Tags that this test made.
    tags: Mutex<Vec<String>>,
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
        Self::on(required("GALAXY_TEST_DOCKER_HOST"), required("GALAXY_TEST_ENGINE_IMAGE")).await
    }

    /// On a daemon that has this image.
    pub async fn on(host: String, image: String) -> Self {
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
        Self { world, instance, network, host, tags: Mutex::default() }
    }

    pub fn docker(&self, args: &[&str]) -> String {
        docker(&self.host, args)
    }

    /// Builds an image of the hostile engine with these lines in its Dockerfile, and files beside it. Answers its reference.
    pub fn hostile(&self, lines: &[&str], files: &[(&str, &str)]) -> String {
        let context = tempfile::tempdir().unwrap();
        let at = |name: &str| context.path().join(name);
        let binary = testkit::stack::static_binary("galaxy-hostile").unwrap();
        std::fs::copy(&binary, at("galaxy-hostile")).unwrap();
        // The same program with root's setuid bit.
        std::fs::copy(&binary, at("setuid")).unwrap();
        std::fs::set_permissions(at("setuid"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        for (name, text) in files {
            std::fs::write(at(name), text).unwrap();
        }
        let from = ["FROM scratch", "COPY galaxy-hostile setuid /"];
        std::fs::write(at("Dockerfile"), [&from, lines].concat().join("\n")).unwrap();
        let tag = format!("galaxy-hostile-{}:{}", self.instance, GameId::new());
        self.docker(&["build", "--quiet", "--tag", &tag, context.path().to_str().unwrap()]);
        self.own(&tag);
        tag
    }

    /// The reference engine, in an image that says that its games go on for ever.
    pub fn endless(&self) -> String {
        let context = tempfile::tempdir().unwrap();
        let text = format!("FROM {}\nENV GALAXY_TURN_LIMIT=1000\n", self.world.image);
        std::fs::write(context.path().join("Dockerfile"), text).unwrap();
        let tag = format!("galaxy-endless-{}:1.0.0", self.instance);
        self.docker(&["build", "--quiet", "--tag", &tag, context.path().to_str().unwrap()]);
        self.own(&tag);
        tag
    }

    /// A tag that goes with this test.
    pub fn own(&self, tag: &str) {
        self.tags.lock().push(tag.to_owned());
    }

    /// The id of an image; empty where there is none.
    pub fn image_id(&self, image: &str) -> String {
        self.docker(&["images", "--no-trunc", "--quiet", image])
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
        for tag in std::mem::take(&mut *self.tags.lock()) {
            let _ = command(&self.host, &["rmi", "--force", &tag]);
        }
    }
}

fn command(host: &str, args: &[&str]) -> std::process::Output {
    // The daemon's own builder: an image from scratch needs no other.
    let mut command = Command::new("docker");
    command.env("DOCKER_BUILDKIT", "0").arg("--host").arg(host).args(args);
    command.output().expect("the docker command: apt-get install -y docker.io")
}

fn docker(host: &str, args: &[&str]) -> String {
    let done = command(host, args);
    let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !done.status.success() && !std::thread::panicking() {
        panic!("docker {args:?}: {error}");
    }
    out.trim().to_owned()
}
