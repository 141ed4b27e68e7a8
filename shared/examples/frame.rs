//! The smallest process: the service frame and nothing in it. The frame's own tests run it, and it shows what a `main`
//! looks like.

use std::process::ExitCode;

use anyhow::bail;
use shared::service::{
    config::{Group, Reader, parse},
    run::{self, Service},
};

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
    let soft = service.lifecycle.soft();
    service.lifecycle.spawn("only task", async move {
        match service.config.behaviour.as_str() {
            "hang" => std::future::pending::<()>().await,
            "fail" => bail!("asked to fail"),
            "panic" => std::panic::panic_any("asked to panic"),
            _ => soft.cancelled().await,
        }
        Ok(())
    });
    Ok(())
}
