//! `cargo xtask test --kubernetes DIR`: the manifests on a real one-node cluster, and a game during which every Deployment is rolled.
//!
//! Postgres and the mail catcher run on this machine, beside the cluster, as they would be somewhere else in an installation. So does
//! the demo: it calls the Services' addresses.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use testkit::kubernetes::{Cluster, Manifests, OneNode};
use testkit::stack::{self, Docker, ENGINE_VERSION, Summary};
use testkit::{PostgresConfig, PostgresServer};

use crate::{build, run};

/// Where each Deployment is.
const DEPLOYMENTS: [(&str, &str); 4] = [
    ("galaxy", "api-server"),
    ("galaxy", "mail-worker"),
    ("galaxy", "notify-worker"),
    ("galaxy-engines", "runtime-controller"),
];

/// Pods of the cluster, which has no network plugin: Docker's own bridge.
const PODS: &str = "172.17.0.0/16";

/// Whose containers the engines are, and where they keep their games.
const INSTANCE: &str = "galaxy";
const STATES: &str = "/var/lib/galaxy/games";

/// Turns far enough apart that every Deployment is rolled before the games are over.
const SCHEDULE: &str = "@every 8s";

const MAIL_PAGE: &str = "127.0.0.1:8025";

const ENGINE_IMAGE: &str = "galaxy-engine:1.0.0";

/// Installs, plays, rolls, judges, and takes down. `tag` is that of the images, which the node's Docker Engine must have.
///
/// # Errors
/// What did not hold.
pub fn test(dir: &Path, tag: &str) -> Result<()> {
    build::binaries()?;
    let cluster = Cluster::of(dir)?;
    let node = cluster.node()?;
    // What is there is somebody's, and would be taken down with ours.
    let theirs =
        cluster.kubectl(&["get", "namespace", "galaxy", "galaxy-engines", "--ignore-not-found", "--output", "name"])?;
    ensure!(theirs.trim().is_empty(), "the cluster has an installation already: {}", theirs.trim());
    println!("\n── Cluster at {}, node {node}", cluster.address());
    let docker = Docker::answering().context("the node's Docker Engine does not answer")?;
    for image in ["migrate", "api-server", "mail-worker", "notify-worker", "runtime-controller"] {
        let name = format!("galaxy/{image}:{tag}");
        run::output(run::program("docker").args(["image", "inspect", "--format", "{{.Id}}", &name]))
            .with_context(|| format!("the node's Docker Engine has no {name}"))?;
    }
    let work = std::path::absolute(dir.join("run/galaxy"))?;
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work)?;
    ensure!(!Path::new(STATES).exists(), "{STATES} is there already, and may be somebody's");

    let postgres = postgres(&cluster)?;
    let ca = work.join("relay-ca.pem");
    let _catcher = catcher(&cluster, &work, &ca)?;
    // Dropped before what the pods stand on.
    let _end = Installation { cluster: cluster.clone(), node: node.clone(), docker: docker.clone() };
    run::step("Prepare the node", &mut engine_node("up"))?;
    cluster.kubectl(&["label", "node", &node, "galaxy/engines=docker", "--overwrite"])?;
    let settings = settings(&cluster, tag, &postgres, &ca)?;
    install(&cluster, &settings)?;
    let stack = work.join("stack.json");
    summary(&cluster, &settings, &docker)?.write(&stack)?;
    let result = play(&cluster, &stack).and_then(|()| unharmed(&cluster));
    if result.is_err() {
        keep_logs(&cluster, &work);
    }
    result
}

/// What is taken down in the end, however it ends.
struct Installation {
    cluster: Cluster,
    node: String,
    docker: Docker,
}

impl Drop for Installation {
    fn drop(&mut self) {
        println!("\n── Take it down");
        let namespaces = ["delete", "namespace", "galaxy", "galaxy-engines", "--ignore-not-found", "--timeout=180s"];
        let label = ["label", "node", &self.node, "galaxy/engines-"];
        for arguments in [&namespaces[..], &label[..]] {
            if let Err(error) = self.cluster.kubectl(arguments) {
                eprintln!("   {error:#}");
            }
        }
        self.docker.clean(INSTANCE);
        if let Err(error) = run::step("Take back what the node was prepared with", &mut engine_node("down")) {
            eprintln!("   {error:#}");
        }
        let _ = std::fs::remove_dir_all(STATES);
    }
}

/// The script that prepares a node, or takes that back.
fn engine_node(what: &str) -> Command {
    let mut command = run::program(crate::root().join("deploy/kubernetes/engine-node.sh"));
    command.args([what, PODS]);
    command
}

/// A Postgres that pods reach too.
fn postgres(cluster: &Cluster) -> Result<PostgresServer> {
    println!("\n── Postgres on {}", cluster.address());
    // Where the user that Postgres runs as can read it.
    let rules = std::env::temp_dir().join(format!("galaxy-hba-{}.conf", std::process::id()));
    std::fs::write(&rules, "host all all 0.0.0.0/0 scram-sha-256\n")?;
    let addresses = format!("127.0.0.1,{}", cluster.address());
    let settings = [("listen_addresses", addresses), ("hba_file", rules.display().to_string())];
    let server = PostgresServer::start(PostgresConfig {
        password: Some(stack::fresh_secret()),
        settings: settings.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        ..PostgresConfig::default()
    });
    let _ = std::fs::remove_file(&rules);
    server
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The mail catcher, where pods reach it by the name `mail-catcher`.
fn catcher(cluster: &Cluster, work: &Path, ca: &Path) -> Result<Killed> {
    println!("\n── Mail catcher on {}", cluster.address());
    let log = std::fs::File::create(work.join("mail-catcher.log"))?;
    let child = Command::new(testkit::process::bin_path("mail-catcher"))
        .args(["--tls-mode", "starttls", "--name", "mail-catcher", "--http", MAIL_PAGE, "--smtp"])
        .arg(format!("{}:1025", cluster.address()))
        .arg("--ca-out")
        .arg(ca)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start the mail catcher")?;
    let mut child = Killed(child);
    let end = Instant::now() + Duration::from_secs(90);
    while !std::fs::metadata(ca).is_ok_and(|file| file.len() > 0) {
        let ended = child.0.try_wait()?;
        ensure!(
            ended.is_none() && Instant::now() < end,
            "the mail catcher did not start; its log is in {}",
            work.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(child)
}

fn settings(cluster: &Cluster, tag: &str, postgres: &PostgresServer, ca: &Path) -> Result<OneNode> {
    use std::os::unix::fs::MetadataExt as _;
    let dsn = postgres.dsn("postgres").replace("127.0.0.1", &cluster.address().to_string());
    Ok(OneNode {
        tag: tag.to_owned(),
        docker_group: std::fs::metadata("/run/docker.sock").context("/run/docker.sock")?.gid(),
        mail_catcher: cluster.address(),
        mail_ca: std::fs::read_to_string(ca)?,
        dsn: format!("{dsn}?search_path=backend&sslmode=disable"),
        gateway_token: stack::fresh_secret(),
        worker_token: stack::fresh_secret(),
        code_pepper: stack::fresh_secret(),
        admin_password: stack::fresh_secret(),
    })
}

/// In the order of docs/kubernetes.md.
fn install(cluster: &Cluster, settings: &OneNode) -> Result<()> {
    println!("\n── Install");
    let began = Instant::now();
    let root = crate::root();
    cluster.apply(&testkit::kubernetes::render(&root.join("deploy/kubernetes/namespaces"))?)?;
    cluster.apply(&settings.ground())?;
    let Manifests { migration, rest } = settings.manifests(&root)?;
    cluster.apply(&migration)?;
    cluster.kubectl(&["wait", "--namespace", "galaxy", "--for=condition=complete", "job/migrate", "--timeout=180s"])?;
    println!("   migrated after {:.1} s", began.elapsed().as_secs_f64());
    cluster.apply(&rest)?;
    for (namespace, name) in DEPLOYMENTS {
        rolled(cluster, namespace, name)?;
        println!("   {name} is there after {:.1} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Waits until a Deployment is as it is to be.
fn rolled(cluster: &Cluster, namespace: &str, name: &str) -> Result<()> {
    let deployment = format!("deployment/{name}");
    cluster.kubectl(&["rollout", "status", "--namespace", namespace, &deployment, "--timeout=240s"]).map(drop)
}

/// Where the demo finds everything: the Services, from the node itself.
fn summary(cluster: &Cluster, settings: &OneNode, docker: &Docker) -> Result<Summary> {
    let address = |service: &str, port: u16| -> Result<String> {
        let path = "jsonpath={.spec.clusterIP}";
        let ip = cluster.kubectl(&["get", "service", service, "--namespace", "galaxy", "--output", path])?;
        Ok(format!("http://{}:{port}", ip.trim()))
    };
    Ok(Summary {
        rest: vec![address("api-server", 8080)?],
        grpc: vec![address("push-hub", 8081)?],
        ops: Vec::new(),
        mail_page: format!("http://{MAIL_PAGE}"),
        smtp: format!("{}:1025", cluster.address()),
        postgres_dsn: settings.dsn.clone(),
        gateway_token: settings.gateway_token.clone(),
        worker_token: settings.worker_token.clone(),
        admin_user: "root".into(),
        admin_password: settings.admin_password.clone(),
        admin_email: "ops@galaxy.example".into(),
        driver: "docker".into(),
        docker_host: Some(docker.host().to_owned()),
        instance: INSTANCE.into(),
        engine_version: ENGINE_VERSION.into(),
        engine_image: ENGINE_IMAGE.into(),
    })
}

/// Plays the demo game, and rolls one Deployment after the other until it is over. The demo is as strict as on a platform that nobody
/// touches: no event and no mail is lost, and none comes twice.
fn play(cluster: &Cluster, stack: &Path) -> Result<()> {
    println!("\n── A game, during which every Deployment is rolled\n");
    let demo = Command::new(testkit::process::bin_path("galaxy-demo"))
        .arg("--stack")
        .arg(stack)
        .args(["--schedule", SCHEDULE])
        .stdin(Stdio::null())
        .spawn()
        .context("start galaxy-demo")?;
    let mut demo = Killed(demo);
    let mut rolls = 0;
    for (namespace, name) in DEPLOYMENTS.into_iter().cycle() {
        let deployment = format!("deployment/{name}");
        cluster.kubectl(&["rollout", "restart", "--namespace", namespace, &deployment])?;
        rolled(cluster, namespace, name)?;
        if let Some(status) = demo.0.try_wait()? {
            ensure!(status.success(), "the demo game failed ({status})");
            break;
        }
        rolls += 1;
        println!("   >> {name} has been rolled");
    }
    ensure!(rolls >= DEPLOYMENTS.len(), "the game was over before every Deployment had been rolled: {rolls}");
    println!("\n   {rolls} rolls while the game was played");
    Ok(())
}

/// No container ended but those that were asked to.
fn unharmed(cluster: &Cluster) -> Result<()> {
    let each = "{range .items[*]}{.metadata.name} {.status.containerStatuses[0].restartCount}{\"\\n\"}{end}";
    let output = format!("jsonpath={each}");
    let selector = "--selector=app.kubernetes.io/part-of=galaxy";
    let pods = cluster.kubectl(&["get", "pods", "--all-namespaces", selector, "--output", &output])?;
    let fallen: Vec<&str> = pods.lines().filter(|line| !line.ends_with(" 0")).collect();
    ensure!(fallen.is_empty(), "containers ended by themselves: {fallen:?}");
    Ok(())
}

/// The ends of all logs, before the pods go.
fn keep_logs(cluster: &Cluster, work: &Path) {
    for (namespace, name) in DEPLOYMENTS {
        let selector = format!("--selector=app.kubernetes.io/name={name}");
        let log = cluster.kubectl(&["logs", "--namespace", namespace, &selector, "--tail=200", "--prefix"]);
        let _ = std::fs::write(work.join(format!("{name}.log")), log.unwrap_or_else(|error| format!("{error:#}")));
    }
    eprintln!("   the ends of the logs are in {}", work.display());
}
