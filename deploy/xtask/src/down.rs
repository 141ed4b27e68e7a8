//! `cargo xtask down`: ends what `up` started, also after `up` itself was killed.

use std::time::Duration;

use anyhow::Result;
use testkit::stack::{Docker, Driver, StackConfig, clean_engines, instance_of};

use crate::up;

/// Runs it.
///
/// # Errors
/// When `up` does not end within its time.
pub fn down() -> Result<()> {
    let local = crate::local();
    let pid = std::fs::read_to_string(local.join("up.pid")).ok().and_then(|text| text.trim().parse::<i32>().ok());
    match pid {
        Some(pid) if up::command_line(pid).contains("xtask") => {
            println!("Ending the stack (process {pid})");
            up::end(pid, Duration::from_secs(90))?;
        }
        _ => println!("No stack of this checkout is up"),
    }
    // Processes and database die with `up`, however it died; engines outlive a controller on purpose.
    let driver = Docker::answering().map_or(Driver::Process, Driver::Docker);
    for driver in [driver, Driver::Process] {
        clean_engines(&StackConfig {
            dir: local.clone(),
            replicas: 0,
            driver,
            instance: instance_of(&local),
            usual_ports: false,
            durable: true,
            own_roles: false,
            behind_proxy: false,
            settings: Vec::new(),
        });
    }
    Ok(())
}
