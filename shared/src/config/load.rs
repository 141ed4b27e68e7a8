//! The reading of a whole configuration.

use super::{
    Fault, Group, Reader,
    reader::flag_of,
    source::{PREFIX, Source},
};

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
    for name in source.env.keys().filter(|name| name.starts_with(PREFIX)) {
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
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::{super::parse, *};
    use crate::secret::Secret;

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
