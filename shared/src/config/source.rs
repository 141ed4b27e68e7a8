//! Where values come from.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::secret::Secret;

/// What every environment variable of ours begins with.
pub(super) const PREFIX: &str = "BACKEND_";

/// What OpenTelemetry's own environment variables begin with.
pub(super) const STANDARD: &str = "OTEL_";

/// The values that were given: on the command line and in the environment, both keyed by variable name.
#[derive(Clone, Default)]
pub struct Source {
    flags: BTreeMap<String, String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) unreadable: Vec<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source { .. }") // it holds secrets
    }
}

impl Source {
    /// Takes values from maps.
    #[must_use]
    pub fn new(flags: BTreeMap<String, String>, env: BTreeMap<String, String>) -> Self {
        Self { flags, env, unreadable: Vec::new() }
    }

    /// Takes the process's own environment, of which only `BACKEND_*` and OpenTelemetry's `OTEL_*` matter.
    #[must_use]
    pub fn from_env(flags: BTreeMap<String, String>) -> Self {
        Self::from_vars(flags, std::env::vars_os())
    }

    pub(super) fn from_vars(flags: BTreeMap<String, String>, vars: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut source = Self { flags, ..Self::default() };
        for (name, value) in vars {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(PREFIX) && !name.starts_with(STANDARD) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(source.env.insert(name, value)),
                Err(_) if name.starts_with(PREFIX) => source.unreadable.push(name),
                Err(_) => {}
            }
        }
        source
    }

    /// The text given for a setting; an empty one counts as not given.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        [&self.flags, &self.env]
            .into_iter()
            .filter_map(|map| map.get(name))
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A secret: as it stands, or from the file that `NAME_FILE` names, at each level (flags, then environment).
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret<String>>, String> {
        let file_name = format!("{name}_FILE");
        for map in [&self.flags, &self.env] {
            let value = map.get(name).filter(|value| !value.is_empty());
            let file = map.get(&file_name).filter(|value| !value.is_empty());
            match (value, file) {
                (Some(_), Some(_)) => return Err(format!("given both as it is and as {file_name}: give one")),
                (Some(value), None) => return Ok(Some(Secret::new(value.clone()))),
                (None, Some(path)) => {
                    let mut text =
                        std::fs::read_to_string(path).map_err(|e| format!("{file_name}: cannot read {path:?}: {e}"))?;
                    text.truncate(text.trim_end_matches(['\r', '\n']).len());
                    if text.is_empty() {
                        return Err(format!("{file_name}: the file {path:?} is empty"));
                    }
                    return Ok(Some(Secret::new(text)));
                }
                (None, None) => {}
            }
        }
        Ok(None)
    }
}
