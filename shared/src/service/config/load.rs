//! Where values come from, and the reading of a whole configuration.

use std::{collections::BTreeMap, ffi::OsString};

use super::{
    Fault, Group, Reader,
    reader::{PREFIX, flag_of},
};
use crate::secret::Secret;

/// The values that were given: on the command line and in the environment, both keyed by variable name.
#[derive(Clone, Default)]
pub struct Source {
    flags: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    unreadable: Vec<String>,
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

    /// Takes the process's own environment, of which only `BACKEND_*` matters.
    #[must_use]
    pub fn from_env(flags: BTreeMap<String, String>) -> Self {
        Self::from_vars(flags, std::env::vars_os())
    }

    fn from_vars(flags: BTreeMap<String, String>, vars: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut source = Self { flags, ..Self::default() };
        for (name, value) in vars {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(PREFIX) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(source.env.insert(name, value)),
                Err(_) => source.unreadable.push(name),
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

/// A configuration, and what there is to say about it once logging is up.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The configuration.
    pub config: C,
    /// Lines for the log: deprecated or unused settings, likely typing errors.
    pub warnings: Vec<String>,
    /// `BACKEND_*` variables that this process does not read; other processes of ours may.
    pub ignored: Vec<String>,
}

/// Reads a configuration.
///
/// # Errors
/// Every fault that was found, at once.
pub fn load<C: Group>(process: &'static str, source: Source) -> Result<Loaded<C>, Vec<Fault>> {
    let mut reader = Reader::read(process, source.clone());
    for name in &source.unreadable {
        reader.fault(name, "is not valid UTF-8");
    }
    let config = C::read(&mut reader);
    let mut ignored = Vec::new();
    for name in source.env.keys() {
        if is_known(&reader, name) {
            continue;
        }
        match nearest(&reader, name) {
            Some(known) => reader.warn(format!("{name} is not a setting: did you mean {known}?")),
            None => ignored.push(name.clone()),
        }
    }
    if reader.faults.is_empty() {
        Ok(Loaded { config, warnings: reader.warnings, ignored })
    } else {
        Err(reader.faults)
    }
}

fn is_known(reader: &Reader, name: &str) -> bool {
    reader.settings().iter().any(|s| {
        s.name == name || s.aliases.contains(&name) || (s.secret && name.strip_suffix("_FILE") == Some(s.name))
    })
}

/// The setting that an unknown name is probably a misspelling of: one edit in eight characters, three at most. Names of
/// other processes' settings, which a shared environment file holds, are further away than that.
fn nearest(reader: &Reader, name: &str) -> Option<&'static str> {
    let allowed = (flag_of(name).len() / 8 + 1).min(3);
    reader
        .settings()
        .iter()
        .map(|s| (edits(name, s.name), s.name))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for (cb, pair) in b.iter().zip(row.windows(2)) {
            let (diagonal, above) = (pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
            left = (diagonal + usize::from(ca != *cb)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{super::parse, *};

    #[derive(Debug)]
    struct Two {
        dsn: Secret<String>,
        size: u16,
    }

    impl Group for Two {
        fn read(r: &mut Reader) -> Self {
            Self {
                dsn: r.required_secret("BACKEND_POSTGRES_DSN", "where the database is"),
                size: r.optional("BACKEND_POSTGRES_MAX_CONNS", "25", "how many", parse::positive),
            }
        }
    }

    fn env(pairs: &[(&str, &str)]) -> Source {
        Source::from_vars(BTreeMap::new(), pairs.iter().map(|(k, v)| (OsString::from(k), OsString::from(v))))
    }

    #[test]
    fn typing_errors_are_warned_of_and_other_processes_settings_are_not() {
        let loaded = load::<Two>(
            "test",
            env(&[
                ("BACKEND_POSTGRES_DSN", "postgres://x"),
                ("BACKEND_POSTGRES_MAX_CONS", "3"),
                ("BACKEND_SMTP_HOST", "relay"),
                ("PATH", "/bin"),
            ]),
        )
        .unwrap();
        assert_eq!(loaded.config.size, 25);
        assert_eq!(loaded.config.dsn.expose(), "postgres://x");
        assert_eq!(
            loaded.warnings,
            ["BACKEND_POSTGRES_MAX_CONS is not a setting: did you mean BACKEND_POSTGRES_MAX_CONNS?"]
        );
        assert_eq!(loaded.ignored, ["BACKEND_SMTP_HOST"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_text_is_a_fault() {
        use std::os::unix::ffi::OsStringExt as _;
        let vars = [("BACKEND_POSTGRES_DSN".into(), OsString::from_vec(vec![0xff]))];
        let faults = load::<Two>("test", Source::from_vars(BTreeMap::new(), vars.into_iter())).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].to_string(), "BACKEND_POSTGRES_DSN: is not valid UTF-8");
    }

    #[test]
    fn neither_faults_nor_debug_output_show_a_secret() {
        let source = env(&[("BACKEND_POSTGRES_DSN", "hunter2"), ("BACKEND_POSTGRES_MAX_CONNS", "0")]);
        assert!(!format!("{source:?}").contains("hunter2"));
        let faults = load::<Two>("test", source).unwrap_err();
        assert!(!format!("{faults:?}").contains("hunter2"));
        let loaded = load::<Two>("test", env(&[("BACKEND_POSTGRES_DSN", "hunter2")])).unwrap();
        assert!(!format!("{loaded:?}").contains("hunter2"));
    }
}
