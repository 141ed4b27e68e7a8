//! The one definition of a setting, and its two uses: describing and reading.

use std::fmt;

use super::source::{PREFIX, Source};
use crate::secret::Secret;

/// What is said about one setting: enough for its flag, its help and its line in the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Older names that are read where the name itself is absent.
    pub aliases: Vec<&'static str>,
    /// OpenTelemetry's own variable, which counts where the name itself and its aliases are absent.
    pub standard: Option<&'static str>,
    /// The heading under which it is documented.
    pub section: &'static str,
    /// Whether it must be given, and what holds when it is not.
    pub kind: Kind,
    /// Whether its value is never shown, and may come from a file that `<name>_FILE` names.
    pub secret: bool,
    /// One or two sentences on what it does, in Markdown.
    pub doc: &'static str,
    /// The path of the function that reads its text, as the compiler names it; empty where no function does.
    pub parser: &'static str,
}

/// What happens when a setting is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The default, as text that the setting's own parser reads.
    Default(&'static str),
    /// The process does not start. The text is an example of a value.
    Required(&'static str),
    /// What it would switch on is off. The text is an example of a value.
    Maybe(&'static str),
    /// Nothing: it is accepted for compatibility, and not used.
    Unused,
}

impl Setting {
    /// The flag: the variable without `BACKEND_`, lower case, with dashes (`postgres-dsn`).
    #[must_use]
    pub fn flag(&self) -> String {
        flag_of(self.name)
    }
}

/// The flag that belongs to a variable.
pub(super) fn flag_of(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase().replace('_', "-")
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The setting.
    pub name: String,
    /// What is wrong; never the value of a secret.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// Hands a [`Group`](super::Group) the values of its settings, and notes what was asked for.
#[derive(Debug)]
pub struct Reader {
    process: &'static str,
    source: Option<Source>,
    section: &'static str,
    aliases: Vec<(&'static str, &'static str)>,
    standards: Vec<(&'static str, &'static str)>,
    pub(super) settings: Vec<Setting>,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<String>,
}

impl Reader {
    /// A reader that looks nothing up: every setting has its default, or a placeholder.
    #[must_use]
    pub fn describe(process: &'static str) -> Self {
        Self {
            process,
            source: None,
            section: "General",
            aliases: Vec::new(),
            standards: Vec::new(),
            settings: Vec::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A reader of the values in `source`.
    #[must_use]
    pub fn read(process: &'static str, source: Source) -> Self {
        Self { source: Some(source), ..Self::describe(process) }
    }

    /// The name of the binary that is being configured.
    #[must_use]
    pub fn process(&self) -> &'static str {
        self.process
    }

    /// What was asked for so far, in order.
    #[must_use]
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Starts a heading of the documentation: the settings asked for from here on stand under it.
    pub fn section(&mut self, title: &'static str) {
        self.section = title;
    }

    /// Reads a group, and returns to the present heading afterwards.
    pub fn group<G: super::Group>(&mut self) -> G {
        let section = self.section;
        let group = G::read(self);
        self.section = section;
        group
    }

    /// A setting with a default. The default is given as text and read by the same parser, so the documented default is
    /// the default.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        default: &'static str,
        doc: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        self.note(name, Kind::Default(default), false, doc, path_of(&parse));
        match self.value(name) {
            Some((by, value)) => self.parsed(by, &value, &parse).unwrap_or_else(|| placeholder(name, default, &parse)),
            None => placeholder(name, default, &parse),
        }
    }

    /// A setting without which the process does not start. While it is missing, `example` stands in, so that the rest
    /// can still be checked.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        example: &'static str,
        doc: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        self.note(name, Kind::Required(example), false, doc, path_of(&parse));
        match self.value(name) {
            Some((by, value)) => self.parsed(by, &value, &parse).unwrap_or_else(|| placeholder(name, example, &parse)),
            None => {
                self.missing(name);
                placeholder(name, example, &parse)
            }
        }
    }

    /// A setting that may be absent; empty is absent.
    pub fn maybe<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        example: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.note(name, Kind::Maybe(example), false, doc, path_of(&parse));
        let (by, value) = self.value(name)?;
        self.parsed(by, &value, &parse)
    }

    /// A secret that may be absent. `NAME_FILE` may name a file that holds it instead; its trailing newline is dropped.
    /// Giving both is a fault.
    pub fn secret(&mut self, name: &'static str, doc: &'static str) -> Option<Secret<String>> {
        self.note(name, Kind::Maybe(""), true, doc, "");
        self.secret_value(name)
    }

    /// A secret without which the process does not start. While it is missing, the empty text stands in.
    pub fn required_secret(&mut self, name: &'static str, doc: &'static str) -> Secret<String> {
        self.note(name, Kind::Required(""), true, doc, "");
        match self.secret_value(name) {
            Some(secret) => secret,
            None => {
                self.missing(name);
                Secret::new(String::new())
            }
        }
    }

    /// Lets `old_name` stand in where `name` is absent. To be called before `name` is asked for.
    pub fn alias(&mut self, name: &'static str, old_name: &'static str) {
        if !self.aliases.contains(&(name, old_name)) {
            self.aliases.push((name, old_name));
        }
    }

    /// Lets a variable of OpenTelemetry's stand in where `name` is absent. To be called before `name` is asked for.
    pub fn standard(&mut self, name: &'static str, standard: &'static str) {
        if !self.standards.contains(&(name, standard)) {
            self.standards.push((name, standard));
        }
    }

    /// The text of a variable of OpenTelemetry's that is no setting of ours.
    #[must_use]
    pub fn outside(&self, standard: &str) -> Option<String> {
        self.source.as_ref()?.get(standard)
    }

    /// A setting that is accepted so that old environments keep working, and is not used: giving it is a warning.
    pub fn unused(&mut self, name: &'static str, doc: &'static str) {
        self.note(name, Kind::Unused, false, doc, "");
        if self.value(name).is_some() {
            self.warn(format!("{name} is accepted for compatibility and not used: {doc}"));
        }
    }

    /// Notes that a setting is wrong, after a check that involves others. Only the first fault of a setting is kept, so
    /// checks need not care whether a value is a placeholder.
    pub fn fault(&mut self, name: &str, message: impl Into<String>) {
        if self.source.is_some() && !self.faults.iter().any(|fault| fault.name == name) {
            self.faults.push(Fault { name: name.to_owned(), message: message.into() });
        }
    }

    /// Notes something that is worth a line in the log once logging is up, and does not stop the process.
    pub fn warn(&mut self, message: impl Into<String>) {
        if self.source.is_some() {
            self.warnings.push(message.into());
        }
    }

    fn note(&mut self, name: &'static str, kind: Kind, secret: bool, doc: &'static str, parser: &'static str) {
        debug_assert!(name.starts_with(PREFIX), "{name}");
        if self.settings.iter().any(|known| known.name == name) {
            return;
        }
        let aliases = self.aliases.iter().filter(|(of, _)| *of == name).map(|(_, old)| *old).collect();
        let standard = self.standards.iter().find(|(of, _)| *of == name).map(|(_, standard)| *standard);
        self.settings.push(Setting { name, aliases, standard, section: self.section, kind, secret, doc, parser });
    }

    fn missing(&mut self, name: &str) {
        let secret = self.settings.iter().any(|s| s.name == name && s.secret);
        self.fault(name, if secret { format!("required (or {name}_FILE)") } else { "required".to_owned() });
    }

    fn parsed<T>(&mut self, name: &str, value: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        parse(value).map_err(|message| self.fault(name, message)).ok()
    }

    /// The text given for a name, one of its aliases or its standard variable, and which of them a fault is to name.
    fn value(&mut self, name: &'static str) -> Option<(&'static str, String)> {
        let source = self.source.as_ref()?;
        let mut given = source.get(name);
        for (_, old) in self.aliases.iter().filter(|(of, _)| *of == name) {
            let Some(older) = source.get(old) else { continue };
            match &given {
                Some(new) if *new != older => {
                    self.warnings.push(format!("{old} is an older name of {name}; both are set, and {name} counts"));
                }
                Some(_) => {}
                None => given = Some(older),
            }
        }
        let standard = self.standards.iter().find(|(of, _)| *of == name).map(|(_, standard)| *standard);
        match (given, standard) {
            (Some(given), _) => Some((name, given)),
            (None, Some(standard)) => Some((standard, source.get(standard)?)),
            (None, None) => None,
        }
    }

    fn secret_value(&mut self, name: &'static str) -> Option<Secret<String>> {
        let source = self.source.as_ref()?;
        match source.secret(name) {
            Ok(secret) => secret,
            Err(message) => {
                self.fault(name, message);
                // A fault is noted already: a value that stands in keeps "required" from being said as well.
                Some(Secret::new(String::new()))
            }
        }
    }
}

/// By what name the compiler knows a function: two settings with one path are read alike.
fn path_of<F>(_: &F) -> &'static str {
    std::any::type_name::<F>()
}

/// The value of a default or an example, which the program itself wrote.
fn placeholder<T>(name: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> T {
    match parse(text) {
        Ok(value) => value,
        #[expect(clippy::panic, reason = "a mistake in the program, found by the test that describes every process")]
        Err(message) => panic!("the default or example of {name} does not parse: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, time::Duration};

    use super::{super::parse, *};

    fn reader(flags: &[(&str, &str)], env: &[(&str, &str)]) -> Reader {
        let own = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Reader::read("test", Source::new(own(flags), own(env)))
    }

    #[test]
    fn the_flag_comes_before_the_environment_and_that_before_the_default() {
        let ask = |mut r: Reader| r.optional("BACKEND_X_TIMEOUT", "5s", "x", parse::duration).as_secs();
        assert_eq!(ask(reader(&[], &[])), 5);
        assert_eq!(ask(reader(&[], &[("BACKEND_X_TIMEOUT", "")])), 5, "empty is absent");
        assert_eq!(ask(reader(&[], &[("BACKEND_X_TIMEOUT", "7s")])), 7);
        assert_eq!(ask(reader(&[("BACKEND_X_TIMEOUT", "9s")], &[("BACKEND_X_TIMEOUT", "7s")])), 9);
    }

    #[test]
    fn every_fault_is_gathered_and_one_setting_complains_once() {
        let mut r = reader(&[], &[("BACKEND_A", "soon"), ("BACKEND_B", "")]);
        assert_eq!(r.optional("BACKEND_A", "1s", "a", parse::duration), Duration::from_secs(1));
        r.required("BACKEND_B", "b", "b", parse::text);
        r.required_secret("BACKEND_C", "c");
        assert_eq!(r.maybe("BACKEND_D", "d", "1", parse::number::<u16>), None);
        r.fault("BACKEND_A", "must be less than B");
        r.fault("BACKEND_D", "needed with B");
        let faults: Vec<String> = r.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "BACKEND_A: \"soon\" is not a duration such as 250ms, 30s, 1h30m or 30d",
                "BACKEND_B: required",
                "BACKEND_C: required (or BACKEND_C_FILE)",
                "BACKEND_D: needed with B",
            ]
        );
    }

    #[test]
    fn secrets_come_from_files_too_but_not_from_both() {
        let mut file = tempfile();
        file.1.write_all(b"hunter2\r\n").unwrap();
        let path = file.0.path().to_str().unwrap().to_owned();

        let mut r = reader(&[], &[("BACKEND_P_FILE", &path)]);
        assert_eq!(r.secret("BACKEND_P", "p").unwrap().expose(), "hunter2");
        assert!(r.faults.is_empty());

        let mut r = reader(&[], &[("BACKEND_P_FILE", &path), ("BACKEND_P", "x")]);
        r.required_secret("BACKEND_P", "p");
        assert_eq!(r.faults.len(), 1);
        assert!(r.faults[0].message.contains("BACKEND_P_FILE"), "{}", r.faults[0]);

        let mut r = reader(&[("BACKEND_P", "flag")], &[("BACKEND_P_FILE", &path)]);
        assert_eq!(r.secret("BACKEND_P", "p").unwrap().expose(), "flag", "a flag beats the environment's file");
        assert!(r.faults.is_empty());

        let mut r = reader(&[], &[("BACKEND_P_FILE", "/nowhere/at/all")]);
        r.required_secret("BACKEND_P", "p");
        assert_eq!(r.faults.len(), 1);
        assert!(r.faults[0].message.contains("/nowhere/at/all"), "{}", r.faults[0]);
    }

    fn tempfile() -> (TempPath, std::fs::File) {
        let path = std::env::temp_dir().join(format!("galaxy-secret-{}", std::process::id()));
        let file = std::fs::File::create(&path).unwrap();
        (TempPath(path), file)
    }

    struct TempPath(std::path::PathBuf);
    impl TempPath {
        fn path(&self) -> &std::path::Path {
            &self.0
        }
    }
    impl Drop for TempPath {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn an_alias_stands_in_and_the_new_name_counts() {
        let ask = |mut r: Reader| {
            r.alias("BACKEND_NEW", "BACKEND_OLD");
            (r.optional("BACKEND_NEW", "none", "n", parse::text), r.warnings.len())
        };
        assert_eq!(ask(reader(&[], &[])), ("none".to_owned(), 0));
        assert_eq!(ask(reader(&[], &[("BACKEND_OLD", "old")])), ("old".to_owned(), 0));
        assert_eq!(ask(reader(&[], &[("BACKEND_OLD", "old"), ("BACKEND_NEW", "new")])), ("new".to_owned(), 1));
    }

    #[test]
    fn a_standard_variable_stands_in_without_a_word_and_a_fault_names_it() {
        let ask = |env: &[(&str, &str)]| {
            let mut r = reader(&[], env);
            r.standard("BACKEND_OURS", "OTEL_THEIRS");
            let got = r.optional("BACKEND_OURS", "5s", "o", parse::duration).as_secs();
            (got, r.warnings.len(), r.faults.iter().map(|fault| fault.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ask(&[]), (5, 0, vec![]));
        assert_eq!(ask(&[("OTEL_THEIRS", "7s")]), (7, 0, vec![]));
        assert_eq!(ask(&[("OTEL_THEIRS", "7s"), ("BACKEND_OURS", "9s")]), (9, 0, vec![]));
        assert_eq!(ask(&[("OTEL_THEIRS", "soon")]), (5, 0, vec!["OTEL_THEIRS".to_owned()]));
    }

    #[test]
    fn an_unused_setting_warns_only_when_given() {
        let mut r = reader(&[], &[("BACKEND_Q", "64")]);
        r.unused("BACKEND_Q", "there is no such queue.");
        r.unused("BACKEND_R", "neither.");
        assert_eq!(r.warnings.len(), 1);
        assert!(r.warnings[0].contains("BACKEND_Q"));
    }

    #[test]
    fn describing_finds_no_fault_and_keeps_the_order() {
        let mut r = Reader::describe("test");
        r.required("BACKEND_B", "b", "b", parse::text);
        r.required_secret("BACKEND_A", "a");
        r.fault("BACKEND_B", "x");
        assert!(r.faults.is_empty());
        let names: Vec<_> = r.settings().iter().map(|s| (s.name, s.flag())).collect();
        assert_eq!(names, [("BACKEND_B", "b".to_owned()), ("BACKEND_A", "a".to_owned())]);
    }
}
