//! The Compose file (`deploy/compose/compose.yaml`): brought up for a newcomer, and tried as a whole (`docs/compose.md`).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use testkit::stack::Docker;

use crate::{images, prerequisites, run, up};

/// What the stack may use while it is idle, without Prometheus and Grafana (issue 10).
const IDLE_LIMIT: f64 = 600.0;

/// How long it may take until everything is healthy; only a hang reaches it.
const HEALTHY_WITHIN: Duration = Duration::from_secs(120);

/// What the command line says.
pub struct Options {
    /// Binaries of the dev profile.
    pub dev: bool,
    /// Postgres and Prometheus from this machine's packages.
    pub packaged: bool,
    /// Play the demo game.
    pub demo: bool,
}

/// Images, settings and secrets, the whole platform, and a game: for whoever sees it for the first time.
///
/// # Errors
/// What failed.
pub fn up(options: &Options) -> Result<()> {
    prerequisites::compose()?;
    let docker = Docker::answering().context(
        "no Docker daemon answers here: start the system's (`systemctl start docker`), or name one in DOCKER_HOST",
    )?;
    let socket = socket(&docker)?;
    let tag = images(&docker, options.dev, options.packaged)?;
    let here = directory();
    run::step("Settings and secrets", run::program(here.join("prepare.sh")).arg(&here))?;
    let mut environment = vec![("GALAXY_TAG".into(), tag), ("DOCKER_SOCKET".into(), socket)];
    if options.demo {
        // It makes a turn a second.
        environment.push(("BACKEND_RUNTIME_MIN_TURN_INTERVAL".into(), "1s".into()));
    }
    let project = Project { environment, ..Project::of_checkout(&docker, options.packaged) };
    run::step("Start the platform", &mut project.command(&["up", "--detach"]))?;
    project.healthy()?;
    if options.demo {
        run::step("A game, played through the public API", &mut project.demo())?;
    }
    println!("\n── The platform is up; `cargo xtask compose --down` ends it\n");
    println!("   REST         http://{}/docs", project.published("api-server", 8080)?);
    println!("   Console      http://{}/console", project.published("api-server", 8080)?);
    println!("   Push hub     http://{}", project.published("api-server", 8081)?);
    println!("   Mails        http://{}", project.published("mail-catcher", 8025)?);
    println!("   Prometheus   http://{}", project.published("prometheus", 9090)?);
    println!("   Settings     {}", project.settings.display());
    println!("   Credentials  {}", here.join("secrets").display());
    Ok(())
}

/// Ends what [`up()`] started. Database, mails and settings stay.
///
/// # Errors
/// What Compose says.
pub fn down() -> Result<()> {
    let docker = Docker::answering().context("no Docker daemon answers here")?;
    let project = Project::of_checkout(&docker, false);
    let instance = project.setting("BACKEND_INSTANCE_ID", "galaxy");
    project.end(&docker, &instance, &["--profile", "grafana", "down"])
}

/// Tries it as a whole, in a project of its own, with nothing but what this machine has: idle memory, who reaches what, and a game
/// to its end.
///
/// # Errors
/// The first thing that is not as it must be, with the end of the logs.
pub fn test() -> Result<()> {
    const NAME: &str = "galaxy-compose-test";
    prerequisites::compose()?;
    let dir = testkit::target_dir().join("compose");
    let docker = up::docker(&testkit::target_dir().join("docker"))?;
    let socket = socket(&docker)?;
    let tag = images(&docker, true, true)?;
    let _ = testkit::remove_dir(&dir);
    std::fs::create_dir_all(&dir)?;
    run::step("Settings and secrets", run::program(directory().join("prepare.sh")).arg(&dir))?;
    let text = |path: PathBuf| path.display().to_string();
    let mut environment = vec![
        ("GALAXY_TAG".into(), tag),
        ("GALAXY_ENV_FILE".into(), text(dir.join(".env"))),
        ("GALAXY_SECRETS".into(), text(dir.join("secrets"))),
        ("DOCKER_SOCKET".into(), socket),
        ("BACKEND_GAME_STATE_ROOT".into(), text(dir.join("games"))),
        ("BACKEND_DOCKER_NETWORK".into(), format!("{NAME}-engines")),
        ("BACKEND_INSTANCE_ID".into(), NAME.into()),
        ("BACKEND_RUNTIME_MIN_TURN_INTERVAL".into(), "1s".into()),
    ];
    // Any free port.
    for port in ["REST", "GRPC", "MAIL", "PROMETHEUS"] {
        environment.push((format!("GALAXY_{port}_PORT"), "0".into()));
    }
    let project = Project {
        files: files(true),
        host: docker.host().to_owned(),
        settings: dir.join(".env"),
        name: NAME.into(),
        environment,
    };
    let outcome = project.tried();
    if outcome.is_err() {
        let _ = run::step("The end of the logs", &mut project.command(&["logs", "--tail=40"]));
    }
    let ended = project.end(&docker, NAME, &["down", "--volumes"]);
    let _ = testkit::remove_dir(&dir);
    outcome.and(ended)
}

fn images(docker: &Docker, dev: bool, packaged: bool) -> Result<String> {
    images::images(&images::Options { dev, test: packaged, docker_host: Some(docker.host().to_owned()) })
}

/// What the controller is given of the daemon.
fn socket(docker: &Docker) -> Result<String> {
    let path = docker.host().strip_prefix("unix://");
    let path =
        path.with_context(|| format!("the daemon at {} is on another machine, or has no socket", docker.host()))?;
    Ok(path.to_owned())
}

fn directory() -> PathBuf {
    crate::root().join("deploy/compose")
}

fn files(packaged: bool) -> Vec<PathBuf> {
    let names: &[&str] = if packaged { &["compose.yaml", "compose.test.yaml"] } else { &["compose.yaml"] };
    names.iter().map(|name| directory().join(name)).collect()
}

/// A Compose project.
struct Project {
    files: Vec<PathBuf>,
    host: String,
    settings: PathBuf,
    name: String,
    environment: Vec<(String, String)>,
}

impl Project {
    /// The one whose settings and secrets are beside the Compose file.
    fn of_checkout(docker: &Docker, packaged: bool) -> Project {
        let settings = directory().join(".env");
        let mut project = Project {
            files: files(packaged),
            host: docker.host().to_owned(),
            settings,
            name: String::new(),
            environment: Vec::new(),
        };
        project.name = project.setting("COMPOSE_PROJECT_NAME", "galaxy");
        project
    }

    /// A setting of `.env`, or what holds without it.
    fn setting(&self, name: &str, default: &str) -> String {
        let text = std::fs::read_to_string(&self.settings).unwrap_or_default();
        let value = text.lines().filter_map(|line| line.split_once('=')).rfind(|(of, _)| *of == name);
        value.map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).unwrap_or(default).to_owned()
    }

    /// Where a service's port is published.
    fn published(&self, service: &str, port: u16) -> Result<String> {
        Ok(run::output(&mut self.command(&["port", service, &port.to_string()]))?.trim().to_owned())
    }

    /// Compose, with these arguments.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = if prerequisites::has_compose_plugin() {
            let mut docker = run::program("docker");
            docker.arg("compose");
            docker
        } else {
            run::program("docker-compose")
        };
        command.env("DOCKER_HOST", &self.host).envs(self.environment.iter().cloned());
        command.args(["--project-name", &self.name, "--env-file"]).arg(&self.settings);
        for file in &self.files {
            command.arg("--file").arg(file);
        }
        command.args(arguments);
        command
    }

    fn demo(&self) -> Command {
        self.command(&["run", "--rm", "-T", "galaxy-demo"])
    }

    /// Ends it. Engines outlive their controller on purpose, and would keep their network: they go after it, and before the rest.
    fn end(&self, docker: &Docker, instance: &str, down: &[&str]) -> Result<()> {
        run::step("Stop the controller", &mut self.command(&["stop", "runtime-controller"]))?;
        docker.clean(instance);
        run::step("Stop the platform", &mut self.command(down))
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        run::docker(Some(&self.host), arguments)
    }

    /// Waits until every container is healthy, or runs where it cannot say.
    fn healthy(&self) -> Result<()> {
        let filter = format!("label=com.docker.compose.project={}", self.name);
        let end = Instant::now() + HEALTHY_WITHIN;
        let started = Instant::now();
        loop {
            let listed = run::output(&mut self.docker(&[
                "ps",
                "--all",
                "--filter",
                &filter,
                "--format={{.Names}}\t{{.Status}}",
            ]))?;
            let waiting: Vec<&str> = listed.lines().filter(|line| !is_well(line)).collect();
            if waiting.is_empty() && !listed.is_empty() {
                println!("   everything is healthy after {:.1} s", started.elapsed().as_secs_f64());
                return Ok(());
            }
            ensure!(Instant::now() < end, "not healthy after {HEALTHY_WITHIN:?}:\n{}", waiting.join("\n"));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn tried(&self) -> Result<()> {
        run::step("Up", &mut self.command(&["up", "--detach"]))?;
        self.healthy()?;
        self.idle_memory()?;
        self.engines_reach_no_listener()?;
        self.an_administrator_signs_in()?;
        self.scraped()?;
        run::step("A game, played through the public API", &mut self.demo())?;
        self.healthy()
    }

    /// What the containers use, Prometheus apart.
    fn idle_memory(&self) -> Result<()> {
        println!("\n── Memory of the idle stack");
        let listed = run::output(&mut self.docker(&["stats", "--no-stream", "--format={{.Name}}\t{{.MemUsage}}"]))?;
        let mut sum = 0.0;
        for line in listed.lines() {
            let (name, usage) = line.split_once('\t').context("a line of docker stats")?;
            let ours = name.starts_with(&self.name) && !name.contains("prometheus");
            if ours {
                let used = mebibytes(usage.split('/').next().unwrap_or_default().trim())?;
                println!("   {name:<44} {used:6.1} MiB");
                sum += used;
            }
        }
        println!("   {:<44} {sum:6.1} MiB of {IDLE_LIMIT}", "together");
        ensure!(sum > 0.0 && sum < IDLE_LIMIT, "the idle stack uses {sum:.1} MiB; {IDLE_LIMIT} is the limit");
        Ok(())
    }

    /// A container in the engines' network finds nobody who listens, by whichever address; one in the platform's does, by the same
    /// question.
    fn engines_reach_no_listener(&self) -> Result<()> {
        println!("\n── What an engine reaches");
        let engines = format!("{}-engines", self.name);
        let platform = format!("{}_platform", self.name);
        let inspect = "--format={{(index .IPAM.Config 0).Gateway}}";
        let host = run::output(&mut self.docker(&["network", "inspect", inspect, &engines]))?.trim().to_owned();
        let published = self.published("api-server", 8080)?;
        let published = published.rsplit(':').next().unwrap_or_default();
        self.answers(&platform, "api-server:8080").context("the platform's network reaches REST")?;
        self.answers(&platform, "runtime-controller:9100").context("the platform's network reaches the probes")?;
        let addresses = [
            "api-server:8080".to_owned(),
            "api-server:8081".to_owned(),
            "api-server:9100".to_owned(),
            "api-server.platform:8080".to_owned(),
            "runtime-controller:9100".to_owned(),
            "postgres:5432".to_owned(),
            format!("{host}:{published}"),
        ];
        for address in addresses {
            match self.answers(&engines, &address) {
                // The command is of no interest; what the asker says is.
                Err(error) => {
                    let said = error.to_string();
                    let said = said.rsplit("mail-worker: ").next().unwrap_or_default();
                    // An answer that is no probe's is an answer all the same.
                    let nobody =
                        ["nothing listens on", "failed to lookup address"].iter().any(|word| said.contains(word));
                    ensure!(nobody, "an engine reaches {address}: {said}");
                    println!("   {said}");
                }
                Ok(()) => bail!("an engine reaches {address}"),
            }
        }
        Ok(())
    }

    /// The console is there, and whoever is on this machine signs in to it, though the published port makes them the gateway of a
    /// network.
    fn an_administrator_signs_in(&self) -> Result<()> {
        println!("\n── The console at the published port");
        let address = self.published("api-server", 8080)?;
        let secret = self.settings.with_file_name("secrets").join("admin-password");
        let password = std::fs::read_to_string(&secret).with_context(|| secret.display().to_string())?;
        let user = self.setting("BACKEND_ADMIN_BOOTSTRAP_USER", "root");
        let page = ask(&address, "GET", "/console/", "")?;
        ensure!(status(&page) == Some("200"), "the console: {page}");
        let body = format!("{{\"user_name\":\"{user}\",\"password\":\"{}\"}}", password.trim());
        let answer = ask(&address, "POST", "/api/v1/admin/auth/sign-in", &body)?;
        ensure!(status(&answer) == Some("200"), "the sign-in: {answer}");
        println!("   {user} is signed in");
        Ok(())
    }

    /// Prometheus reads all four processes.
    fn scraped(&self) -> Result<()> {
        println!("\n── What Prometheus reads");
        let address = self.published("prometheus", 9090)?;
        let end = Instant::now() + HEALTHY_WITHIN;
        loop {
            // `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1764604800.1,"4"]}]}}`
            let answer =
                ask(&address, "GET", "/api/v1/query?query=sum(up)", "").unwrap_or_else(|error| error.to_string());
            if answer.contains(",\"4\"]") {
                println!("   all four processes");
                return Ok(());
            }
            ensure!(Instant::now() < end, "not all four processes after {HEALTHY_WITHIN:?}: {answer}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Asks `/readyz` at an address, from a container of its own in a network.
    fn answers(&self, network: &str, address: &str) -> Result<()> {
        let mut ask = self.docker(&["run", "--rm", "--network", network, "galaxy/mail-worker:latest"]);
        run::output(ask.arg(format!("--ops-listen-addr={address}")).arg("healthcheck")).map(|_| ())
    }
}

/// What is answered to a request, head and all; its body is JSON.
fn ask(address: &str, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let about = match body.len() {
        0 => String::new(),
        length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
    };
    stream.write_all(format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n{about}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The status of an answer.
fn status(answer: &str) -> Option<&str> {
    answer.split(' ').nth(1)
}

/// A line of `docker ps`: its name, and what it says of itself.
fn is_well(line: &str) -> bool {
    let (name, status) = line.split_once('\t').unwrap_or((line, ""));
    if name.contains("migrate") {
        return status.starts_with("Exited (0)");
    }
    status.starts_with("Up") && !status.contains("(health: starting)") && !status.contains("(unhealthy)")
}

/// `12.5MiB` as docker writes it.
fn mebibytes(text: &str) -> Result<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).with_context(|| format!("an amount of memory: {text}"))?;
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "B" => 1.0 / f64::from(1 << 20),
        "KiB" => 1.0 / 1024.0,
        "MiB" => 1.0,
        "GiB" => 1024.0,
        _ => bail!("an amount of memory: {text}"),
    };
    Ok(number.parse::<f64>().with_context(|| format!("an amount of memory: {text}"))? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read() {
        assert!((mebibytes("512KiB").unwrap() - 0.5).abs() < 1e-9);
        assert!((mebibytes("1.5GiB").unwrap() - 1536.0).abs() < 1e-9);
        assert!(mebibytes("12").is_err() && mebibytes("1PB").is_err());
    }

    #[test]
    fn a_container_is_well_when_it_is_healthy_or_has_done_its_work() {
        assert!(is_well("x_api-server_1\tUp 3 seconds (healthy)") && is_well("x_prometheus_1\tUp 3 seconds"));
        assert!(is_well("x_migrate_1\tExited (0) 2 seconds ago"));
        for bad in [
            "x_api-server_1\tUp 3 seconds (health: starting)",
            "x_api-server_1\tRestarting (2) 1 second ago",
            "x_migrate_1\tUp 1 second",
        ] {
            assert!(!is_well(bad), "{bad}");
        }
    }
}
