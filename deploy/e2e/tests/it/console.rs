//! The operator console in a browser, on real processes: the journeys of `deploy/console/journeys`, but for those that need what only
//! their mock has; each says why it is left out. The way back of a game to an earlier turn is not built yet, and has no journey.
//!
//! The scene is made by `stack.mjs` through the public API, once; what it cannot do is done here: a relay that refuses some people for
//! good, and takes their mail when somebody has mended it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use testkit::stack::Driver;
use tokio::process::Command;

use crate::world::{patience_with_postgres, stack_on};

/// How many people the relay refuses: as many as `stack.mjs` has.
const REFUSED: usize = 6;
/// For all journeys; each wait in them has its own limit.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn operators_do_their_work_in_a_browser() {
    let relay = MailCatcher::start(MailCatcherConfig { tls: TlsMode::StartTls, ..MailCatcherConfig::default() });
    let relay = relay.await.unwrap();
    for person in 1..=REFUSED {
        relay.faults().reject_recipient(&format!("refused-{person}@console.example"), 550);
    }
    let roots = testkit::state_dir().join("console-relay.pem");
    std::fs::write(&roots, relay.ca_pem()).unwrap();
    let settings = vec![
        ("BACKEND_SMTP_PORT".to_owned(), relay.smtp_addr().port().to_string()),
        ("BACKEND_SMTP_TLS_CA_FILE".to_owned(), roots.display().to_string()),
        patience_with_postgres(),
    ];
    // Engines as plain processes: the scene takes the program of one away, which a container's image would keep.
    let mut stack = stack_on("console", 1, Driver::Process, settings).await;
    let (summary, scene) = (stack.config().dir.join("stack.json"), stack.config().dir.join("scene.json"));

    node("stack.mjs", &[&summary, &scene], None).await;
    relay.faults().clear();
    node("run.mjs", &[], Some(&scene)).await;

    assert_eq!(stack.fallen(), None);
    stack.stop(|_| {}).await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// Runs a script of the journeys; what it says is on the terminal, and in the message where it fails.
async fn node(script: &str, arguments: &[&Path], scene: Option<&Path>) {
    let console = testkit::workspace_root().join("deploy/console");
    assert!(
        testkit::workspace_root().join("deploy/node_modules/playwright-core").is_dir(),
        "the packages of the front ends are missing: `cargo xtask tools` installs them"
    );
    let mut node = Command::new("node");
    node.current_dir(&console).arg(console.join("journeys").join(script)).args(arguments);
    node.stdin(Stdio::null()).kill_on_drop(true);
    if let Some(scene) = scene {
        node.env("CONSOLE_SCENE", scene);
    }
    let ended = tokio::time::timeout(PATIENCE, node.output()).await;
    let said = ended.unwrap_or_else(|_| panic!("{script} has not ended within {PATIENCE:?}"));
    let said = said.unwrap_or_else(|error| panic!("node does not start: {error}"));
    let text = [String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)].concat();
    println!("{text}");
    assert!(said.status.success(), "{script} failed ({}):\n{text}", said.status);
}
