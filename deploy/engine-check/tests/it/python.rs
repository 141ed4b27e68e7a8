//! `deploy/engine-python/engine.py`, as it is and with something broken in it.

use std::ffi::OsString;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use galaxy_engine_check::{Options, Report, Subject, check, own_address};
use tempfile::TempDir;

pub const TOKEN: &str = "a-token-of-the-test";
pub const GAME: &str = "0192f0c1-7b1e-7000-8000-000000000009";

pub fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-python/engine.py")
}

/// The engine with some of its text in another's place; each must be there once.
pub fn broken(dir: &TempDir, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(source()).unwrap();
    for (old, new) in changes {
        assert_eq!(text.matches(old).count(), 1, "deploy/engine-python/engine.py has this once: {old}");
        text = text.replace(old, new);
    }
    let path = dir.path().join("engine.py");
    std::fs::write(&path, text).unwrap();
    path
}

fn run(subject: Subject, options: &Options) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(check(subject, options, &mut |_| ())).unwrap()
}

/// Started, ended and killed by the check.
pub fn exec(script: &Path, options: &Options) -> Report {
    let command = vec![OsString::from("python3"), script.into()];
    run(Subject::exec(command, None).unwrap(), options)
}

/// One that runs already.
pub struct Running {
    child: Child,
    pub url: String,
    _state: TempDir,
}

impl Running {
    pub fn start(script: &Path) -> Self {
        let state = tempfile::tempdir().unwrap();
        let address = own_address().unwrap();
        let child = Command::new("python3")
            .arg(script)
            .env("GALAXY_GAME_ID", GAME)
            .env("GALAXY_ENGINE_TOKEN", TOKEN)
            .env("GALAXY_STATE_DIR", state.path())
            .env("GALAXY_LISTEN_ADDR", address.to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 is needed: apt-get install -y python3");
        let mut running = Self { child, url: format!("http://{address}"), _state: state };
        let deadline = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(address).is_err() {
            assert_eq!(running.child.try_wait().unwrap(), None, "{} ended", script.display());
            assert!(Instant::now() < deadline, "{} does not listen", script.display());
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    pub fn check(&self, options: &Options) -> Report {
        run(Subject::address(&self.url, TOKEN, GAME), options)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example passes the whole check, as an author would run it.
#[test]
fn the_engine_in_python_keeps_the_contract() {
    let orders = serde_json::json!([{"kind": "step"}, {"kind": "step"}]);
    let reads = Duration::from_secs(60);
    let report = exec(&source(), &Options { orders: Some(orders), reads, ..Options::default() });
    assert!(report.passed(), "{}", report.text());
    let left_out: Vec<&str> = report.left_out().map(|(rule, _)| rule.id).collect();
    assert_eq!(left_out, ["image-volumes"]);
}

/// It says that it is a hundred lines: what is neither blank, nor a comment, nor its description.
#[test]
fn the_engine_in_python_stays_as_short_as_it_says() {
    let text = std::fs::read_to_string(source()).unwrap();
    let code = text.splitn(3, "\"\"\"").nth(2).unwrap();
    let lines = code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!((80..=100).contains(&lines), "{lines} lines");
}
