//! `cargo xtask test --kubernetes DIR`: the manifests on a real one-node cluster, and a game during which every Deployment is rolled.
//!
//! Postgres and the mail catcher run on this machine, beside the cluster, as they would be somewhere else in an installation. So does
//! the demo: it calls the Services' addresses.

mod beside;
mod end;
mod figures;
mod game;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use testkit::PostgresServer;
use testkit::kubernetes::{Cluster, Engines, GAMES, Manifests, OneNode, ROLES_JOB, STORAGE_CLASS};
use testkit::stack::{self, Docker, ENGINE_IMAGE, ENGINE_VERSION, Summary};
use tokio::runtime::Runtime;

use crate::{build, run, tools};
use end::Installation;
use figures::Figures;

/// Pods of the cluster, which has no network plugin: Docker's own bridge.
const PODS: &str = "172.17.0.0/16";

/// Whose containers the engines are, and where they keep their games.
const INSTANCE: &str = "galaxy";
const STATES: &str = "/var/lib/galaxy/games";

/// Games that need a volume: two of the demo, one of the driver's own test, and some to spare.
const VOLUMES: usize = 8;

/// The login roles that processes are to be connected under, in their order.
const LOGINS: [&str; 4] = ["api_login", "mail_login", "notify_login", "runtime_login"];

/// The cluster, and what is told apart by what runs the engines.
#[derive(Clone)]
struct Place {
    cluster: Cluster,
    node: String,
    engines: Engines,
    docker: Docker,
}

impl Place {
    /// Where each Deployment is.
    fn deployments(&self) -> [(&'static str, &'static str); 4] {
        [
            ("galaxy", "api-server"),
            ("galaxy", "mail-worker"),
            ("galaxy", "notify-worker"),
            (self.engines.of_controller(), "runtime-controller"),
        ]
    }

    /// How many engines run.
    fn running(&self) -> Result<usize> {
        if self.engines == Engines::Docker {
            return Ok(self.docker.containers(INSTANCE)?.len());
        }
        let selector = ["--selector=galaxy.role=engine", "--field-selector=status.phase=Running", "--output=name"];
        let pods = self.cluster.kubectl(&[&["get", "pods", "--namespace", GAMES][..], &selector[..]].concat())?;
        Ok(pods.lines().count())
    }

    /// Waits until a Deployment is as it is to be.
    fn rolled(&self, namespace: &str, name: &str) -> Result<()> {
        let deployment = format!("deployment/{name}");
        let status = ["rollout", "status", "--namespace", namespace, &deployment, "--timeout=240s"];
        self.cluster.kubectl(&status).map(drop)
    }
}

/// Installs, plays, rolls, judges, and takes down. `tag` is that of the images, which the node's Docker Engine must have.
///
/// # Errors
/// What did not hold.
pub fn test(dir: &Path, tag: &str, engines: Engines) -> Result<()> {
    build::binaries()?;
    let nextest = tools::cargo_nextest()?;
    if engines == Engines::Pods {
        run::step("Build the test that asks the cluster", ask(&nextest).arg("--no-run"))?;
    }
    let cluster = Cluster::of(dir)?;
    let node = cluster.node()?;
    end::nothing_is_there(&cluster)?;
    println!("\n── Cluster at {}, node {node}", cluster.address());
    let docker = Docker::answering().context("the node's Docker Engine does not answer")?;
    let ours = ["migrate", "api-server", "mail-worker", "notify-worker", "runtime-controller"];
    let names = ours.iter().map(|image| format!("galaxy/{image}:{tag}")).chain([ENGINE_IMAGE.to_owned()]);
    for name in names {
        run::output(&mut run::docker(Some(docker.host()), &["image", "inspect", "--format", "{{.Id}}", &name]))
            .with_context(|| format!("the node's Docker Engine has no {name}: `cargo xtask images` on it"))?;
    }
    let work = std::path::absolute(dir.join("run/galaxy"))?;
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work)?;
    let theirs = engines == Engines::Docker && Path::new(STATES).exists();
    ensure!(!theirs, "{STATES} is there already, and may be somebody's");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let postgres = beside::postgres(&cluster)?;
    runtime.block_on(stack::create_database(&postgres))?;
    let ca = work.join("relay-ca.pem");
    let _catcher = beside::catcher(&cluster, &work, &ca)?;
    let place = Place { cluster, node, engines, docker };
    let settings = settings(&place, tag, &postgres, &ca, &work)?;
    // Dropped before what the pods stand on.
    let installation = Installation::new(place.clone(), work.clone());
    let result = tried(&place, &settings, &runtime, &work, &nextest).and_then(|()| under_roles(&postgres));
    if result.is_err() {
        end::keep(&place, &work);
    }
    let ended = installation.take_down();
    result.and(ended)
}

/// Everything between what is beside the cluster and what is taken down.
fn tried(place: &Place, settings: &OneNode, runtime: &Runtime, work: &Path, nextest: &Path) -> Result<()> {
    if place.engines == Engines::Docker {
        run::step("Prepare the node", &mut end::engine_node("up"))?;
        place.cluster.kubectl(&["label", "node", &place.node, "galaxy/engines=docker", "--overwrite"])?;
    }
    let Manifests { migration, roles, rest } = settings.manifests(&crate::root())?;
    println!("\n── Install");
    let began = Instant::now();
    let cluster = &place.cluster;
    // In the order of docs/kubernetes.md.
    cluster.apply(&testkit::kubernetes::render(&crate::root().join("deploy/kubernetes/namespaces"))?)?;
    cluster.apply(&settings.first())?;
    for (documents, job) in [(migration, "migrate"), (vec![roles], ROLES_JOB)] {
        cluster.apply(&documents)?;
        let job = format!("job/{job}");
        cluster.kubectl(&["wait", "--namespace", "galaxy", "--for=condition=complete", &job, "--timeout=180s"])?;
        println!("   {job} is through after {:.1} s", began.elapsed().as_secs_f64());
    }
    let dsns = runtime.block_on(stack::roles::make(&settings.dsn))?;
    cluster.apply(&settings.ground(&dsns)?)?;
    cluster.apply(&settings.volumes())?;
    cluster.apply(&rest)?;
    for (namespace, name) in place.deployments() {
        place.rolled(namespace, name)?;
        println!("   {name} is there after {:.1} s", began.elapsed().as_secs_f64());
    }
    if place.engines == Engines::Pods {
        let mut asked = ask(nextest);
        asked
            .env("GALAXY_TEST_KUBECONFIG", cluster.kubeconfig())
            .env("GALAXY_TEST_KUBE_NAMESPACE", GAMES)
            .env("GALAXY_TEST_KUBE_STORAGE_CLASS", STORAGE_CLASS)
            .env("GALAXY_TEST_KUBE_COPY_IMAGE", format!("galaxy/runtime-controller:{}", settings.tag))
            .env("GALAXY_TEST_ENGINE_IMAGE", ENGINE_IMAGE);
        run::step("The cluster does what every driver does", &mut asked)?;
    }
    let stack = work.join("stack.json");
    summary(place, settings)?.write(&stack)?;
    let mut figures = Figures::of(&rest);
    let played = game::play(place, &stack, &mut figures);
    println!("\n{figures}");
    played?;
    let connected = runtime.block_on(stack::roles::connected(&settings.dsn))?;
    ensure!(connected == LOGINS, "expected processes under {LOGINS:?}, and {connected:?} are connected");
    Ok(())
}

/// The test that asks a real cluster, which no other run has.
fn ask(nextest: &Path) -> Command {
    let mut command = run::program(nextest);
    command.args(["nextest", "run", "--locked", "--workspace", "--ignore-default-filter"]);
    command.args(["--filterset", "test(/^real_cluster::/)"]);
    command
}

/// No process asked for what its role does not give: work in the background tries again and says little, but the server has every
/// refusal.
fn under_roles(postgres: &PostgresServer) -> Result<()> {
    let log = std::fs::read_to_string(postgres.log_file()).context("Postgres' log")?;
    let refused: Vec<&str> = log.lines().filter(|line| line.contains("permission denied")).collect();
    ensure!(refused.is_empty(), "a process wants what its role does not give: {refused:#?}");
    Ok(())
}

fn settings(place: &Place, tag: &str, postgres: &PostgresServer, ca: &Path, work: &Path) -> Result<OneNode> {
    use std::os::unix::fs::MetadataExt as _;
    let address = place.cluster.address();
    let dsn = postgres.dsn("galaxy").replace("127.0.0.1", &address.to_string());
    Ok(OneNode {
        engines: place.engines,
        tag: tag.to_owned(),
        docker_group: std::fs::metadata("/run/docker.sock").context("/run/docker.sock")?.gid(),
        volumes: if place.engines == Engines::Pods { volumes(&work.join("volumes"))? } else { Vec::new() },
        mail_catcher: address,
        mail_ca: std::fs::read_to_string(ca)?,
        dsn: format!("{dsn}?search_path=backend&sslmode=disable"),
        gateway_token: stack::fresh_secret(),
        worker_token: stack::fresh_secret(),
        code_pepper: stack::fresh_secret(),
        secrets_key: stack::fresh_secret(),
        admin_password: stack::fresh_secret(),
    })
}

/// Directories that are volumes: a kubelet minds no `fsGroup` of a directory of its node, so all may write to them.
fn volumes(dir: &Path) -> Result<Vec<PathBuf>> {
    use std::os::unix::fs::PermissionsExt as _;
    let make = |at: usize| -> Result<PathBuf> {
        let volume = dir.join(at.to_string());
        std::fs::create_dir_all(&volume)?;
        std::fs::set_permissions(&volume, std::fs::Permissions::from_mode(0o777))?;
        Ok(volume)
    };
    (0..VOLUMES).map(make).collect()
}

/// Where the demo finds everything: the Services, from the node itself.
fn summary(place: &Place, settings: &OneNode) -> Result<Summary> {
    let cluster = &place.cluster;
    let address = |service: &str, port: u16| -> Result<String> {
        let path = "jsonpath={.spec.clusterIP}";
        let ip = cluster.kubectl(&["get", "service", service, "--namespace", "galaxy", "--output", path])?;
        Ok(format!("http://{}:{port}", ip.trim()))
    };
    // The demo's word for an engine: both are containers.
    let driver = "docker";
    Ok(Summary {
        rest: vec![address("api-server", 8080)?],
        grpc: vec![address("push-hub", 8081)?],
        ops: Vec::new(),
        mail_page: format!("http://{}", beside::MAIL_PAGE),
        smtp: format!("{}:1025", cluster.address()),
        postgres_dsn: settings.dsn.clone(),
        gateway_token: settings.gateway_token.clone(),
        worker_token: settings.worker_token.clone(),
        admin_user: "root".into(),
        admin_password: settings.admin_password.clone(),
        admin_email: "ops@galaxy.example".into(),
        driver: driver.into(),
        docker_host: Some(place.docker.host().to_owned()),
        instance: INSTANCE.into(),
        engine_version: ENGINE_VERSION.into(),
        engine_image: ENGINE_IMAGE.into(),
    })
}
