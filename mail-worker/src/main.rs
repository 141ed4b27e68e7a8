//! The mail worker's process.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::service::run::main(
        "mail-worker",
        "Delivers the mail outbox over SMTP",
        shared::SCHEMA_VERSION,
        mail_worker::run,
    )
}
