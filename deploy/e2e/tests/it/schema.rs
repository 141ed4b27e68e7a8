//! A process whose schema does not fit stays up, is not ready, and looks again (SPEC §16).

use std::time::Duration;

use serde_json::Value;
use testkit::eventually;
use testkit::process::{Proc, ProcConfig};
use testkit::stack::Stack;

use crate::world::{stack, stop};

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_does_not_fit_makes_every_process_unready_and_nothing_else() {
    let mut stack = stack("schema", 1).await;
    // One step back: the applied version is below the one that this build wants.
    let newest = newest_migration();
    migrate(&stack, &["down", "--to", &(newest - 1).to_string()]).await;
    for ops in ops(&mut stack) {
        eventually(Duration::from_secs(60), format!("{ops} is not ready for its schema"), || async {
            let (status, body) = ready(&ops).await;
            if status == 503 && body.to_string().contains("schema") { Ok(()) } else { Err(format!("{status} {body}")) }
        })
        .await;
        let live = reqwest::get(format!("{ops}/healthz")).await.unwrap();
        assert_eq!(live.status(), 200, "{ops} is alive all the same");
    }
    assert_eq!(stack.fallen(), None);
    migrate(&stack, &["up"]).await;
    for ops in ops(&mut stack) {
        eventually(Duration::from_secs(60), format!("{ops} is ready again"), || async {
            let (status, body) = ready(&ops).await;
            if status == 200 { Ok(()) } else { Err(format!("{status} {body}")) }
        })
        .await;
    }
    stop(stack).await;
}

fn ops(stack: &mut Stack) -> Vec<String> {
    stack.members().iter().map(|member| member.ops().to_owned()).collect()
}

async fn ready(ops: &str) -> (u16, Value) {
    let Ok(response) = reqwest::get(format!("{ops}/readyz")).await else { return (0, Value::Null) };
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_default())
}

async fn migrate(stack: &Stack, arguments: &[&str]) {
    let dsn = &stack.summary().postgres_dsn;
    let mut config = ProcConfig::bin("migrate").env("BACKEND_POSTGRES_DSN", dsn);
    for argument in arguments {
        config = config.arg(argument);
    }
    let mut migrate = Proc::start(config).unwrap();
    let status = migrate.wait_exit(Duration::from_secs(60)).await.unwrap();
    assert!(status.success(), "migrate {arguments:?}: {}", migrate.tail(20));
}

fn newest_migration() -> u32 {
    let files = std::fs::read_dir(testkit::workspace_root().join("migrations/sql")).unwrap().flatten();
    files.filter_map(|file| file.file_name().to_str()?.get(..4)?.parse().ok()).max().unwrap()
}
