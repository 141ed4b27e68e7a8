//! The command line, made from the settings.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Command};

use super::{Kind, Reader};

/// The command line of a process: a flag for every setting, and the `healthcheck` subcommand.
#[must_use]
pub fn command(process: &'static str, about: &'static str, described: &Reader) -> Command {
    let mut command = Command::new(process)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .after_help(
            "Every flag is an environment variable as well, named in [env: …]. A flag counts before the variable, the \
             variable before the file that NAME_FILE names (secrets only), and that before the default. Flags are seen \
             by everyone who may list processes: give secrets by file.",
        )
        .subcommand(
            Command::new("healthcheck")
                .about("Ask the running process on this machine whether it is ready; exit with 0 if it is, else 1"),
        );
    for setting in described.settings() {
        let flag = setting.flag();
        let value = match setting.kind {
            _ if setting.secret => "SECRET",
            Kind::Default(_) | Kind::Unused => "VALUE",
            Kind::Required(example) | Kind::Maybe(example) => example,
        };
        let note = match setting.kind {
            Kind::Default(default) => format!(" [default: {default}]"),
            Kind::Required(_) => " [required]".to_owned(),
            Kind::Maybe(_) => String::new(),
            Kind::Unused => " [unused]".to_owned(),
        };
        let aliases: Vec<String> = setting.aliases.iter().map(|name| super::reader::flag_of(name)).collect();
        let standard = setting.standard.map(|name| format!(", else {name}")).unwrap_or_default();
        command = command.arg(
            Arg::new(setting.name)
                .long(flag.clone())
                .visible_aliases(aliases)
                .value_name(value)
                .help(format!("{}{note} [env: {}{standard}]", setting.doc.replace('`', ""), setting.name))
                .help_heading(setting.section)
                .global(true),
        );
        if setting.secret {
            command = command.arg(
                Arg::new(format!("{}_FILE", setting.name))
                    .long(format!("{flag}-file"))
                    .value_name("PATH")
                    .help(format!("File that holds the value of --{flag} [env: {}_FILE]", setting.name))
                    .help_heading(setting.section)
                    .global(true),
            );
        }
    }
    command
}

/// The values of the flags that were given, keyed by variable name. A flag of another type is a subcommand's own.
pub fn flags(matches: &ArgMatches) -> BTreeMap<String, String> {
    let matches = matches.subcommand().map_or(matches, |(_, of_subcommand)| of_subcommand);
    matches
        .ids()
        .filter_map(|id| Some((id.as_str().to_owned(), matches.try_get_one::<String>(id.as_str()).ok()??.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Source, parse},
        *,
    };

    fn read(r: &mut Reader) -> (String, Option<crate::secret::Secret>) {
        r.alias("BACKEND_OPS_LISTEN_ADDR", "BACKEND_OTEL_PROMETHEUS_LISTEN_ADDR");
        (r.optional("BACKEND_OPS_LISTEN_ADDR", ":9100", "Probes.", parse::text), r.secret("BACKEND_TOKEN", "Secret."))
    }

    fn given(args: &[&str]) -> (String, Option<String>) {
        let mut described = Reader::describe("test");
        read(&mut described);
        let matches = command("test", "about", &described).try_get_matches_from(args).unwrap();
        let (ops, token) = read(&mut Reader::read("test", Source::new(flags(&matches), BTreeMap::new())));
        (ops, token.map(|token| token.expose().clone()))
    }

    #[test]
    fn settings_are_flags_before_and_after_the_subcommand() {
        assert_eq!(given(&["test"]), (":9100".to_owned(), None));
        assert_eq!(given(&["test", "--ops-listen-addr", ":1"]).0, ":1");
        assert_eq!(given(&["test", "--ops-listen-addr=:1", "healthcheck"]).0, ":1");
        assert_eq!(given(&["test", "healthcheck", "--ops-listen-addr=:1"]).0, ":1");
        assert_eq!(given(&["test", "--otel-prometheus-listen-addr=:2"]).0, ":2");
        assert_eq!(given(&["test", "--token", "t"]).1.as_deref(), Some("t"));
    }

    #[test]
    fn help_names_the_variable_and_the_default() {
        let mut described = Reader::describe("test");
        read(&mut described);
        let help = command("test", "about", &described).render_long_help().to_string();
        for part in ["--ops-listen-addr", "[default: :9100]", "[env: BACKEND_OPS_LISTEN_ADDR]", "--token-file"] {
            assert!(help.contains(part), "{part} in {help}");
        }
    }
}
