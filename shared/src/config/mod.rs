//! Configuration: one definition of each setting gives its flag, its environment variable, `--help`, the reference in
//! `docs/configuration.md`, and the value (SPEC §16).
//!
//! A process's settings are types that implement [`Group`]: their `read` names each setting once, and is run twice. The
//! first run *describes* (no values are looked up) and gives the command line and the documentation; the second *reads*.
//! So `read` must ask for every setting unconditionally, and may use the values it gets only for building `Self` and for
//! cross-field checks through [`Reader::fault`].
//!
//! A value comes from the flag, else the environment variable, else (secrets) the file that `NAME_FILE` names, else the
//! default. An empty value counts as absent. All faults are gathered and reported at once.

mod cli;
pub mod credentials;
#[cfg(test)]
mod fuzz;
mod groups;
mod listen;
mod load;
pub mod parse;
mod postgres;
mod reader;
mod reference;
mod source;
mod telemetry;

pub use self::cli::flags;
pub use self::{
    cli::command,
    credentials::Certificate,
    groups::{DriverKind, EngineLimits, EngineSource, GameRules, LifecycleConfig, OpsConfig},
    listen::ListenAddr,
    load::{Loaded, load},
    postgres::{PostgresConfig, connect_options},
    reader::{Fault, Kind, Reader, Setting},
    reference::{Process, Row, contradictions, reference, rows},
    source::Source,
    telemetry::{MetricsExporter, OtlpProtocol, TelemetryConfig, TracesExporter},
};

/// A set of settings that belong together, or a process's whole configuration made of such sets.
pub trait Group: Sized {
    /// Asks the reader for each setting, in the order in which they are documented.
    fn read(r: &mut Reader) -> Self;
}

/// No settings.
impl Group for () {
    fn read(_: &mut Reader) -> Self {}
}
