//! The smallest process: the service frame and nothing in it. The frame's own tests run it, and it shows what a `main`
//! looks like.
#![expect(clippy::panic, reason = "to panic is one of the behaviours that can be asked for")]

use std::process::ExitCode;

use anyhow::bail;
use shared::config::{Group, Reader, parse};
use shared::service::run::{self, Service};

/// Its one setting: what its only task does.
struct Config {
    behaviour: String,
}

impl Group for Config {
    fn read(r: &mut Reader) -> Self {
        r.section("Frame");
        Self {
            behaviour: r.optional(
                "BACKEND_FRAME_BEHAVIOUR",
                "obey",
                "`obey` the soft stop, `hang`, `fail` or `panic`.",
                parse::text,
            ),
        }
    }
}

fn main() -> ExitCode {
    run::main("frame", "The service frame and nothing in it", shared::SCHEMA_VERSION, wire)
}

async fn wire(service: Service<Config>) -> anyhow::Result<()> {
    tracing::info_span!("wire", request_id = "none").in_scope(|| tracing::info!("wiring"));
    let soft = service.lifecycle.soft();
    service.lifecycle.spawn("only task", async move {
        match service.config.behaviour.as_str() {
            "hang" => std::future::pending::<()>().await,
            "fail" => bail!("asked to fail"),
            "panic" => panic!("asked to panic"),
            _ => soft.cancelled().await,
        }
        Ok(())
    });
    Ok(())
}
