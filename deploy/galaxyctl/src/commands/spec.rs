//! What a command is, and what it makes of what was typed.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::Fault;
use crate::settings;

/// One command. Paths, query parameters and members of bodies are those of `api-server/openapi.json`, and a test holds them
/// against it.
#[derive(Debug)]
pub struct Spec {
    /// What it is about, then what is done.
    pub words: [&'static str; 2],
    /// What `--help` says.
    pub about: &'static str,
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// Below `/api/v1/admin`; what stands in braces is an argument.
    pub path: &'static str,
    /// Query parameters, each a flag. A list that has pages has `limit` and `cursor` besides.
    pub query: &'static [&'static str],
    /// Members of the body, each a flag that is required.
    pub body: &'static [&'static str],
    /// Members of the body that are secrets: the flag with the path of a file, which is required, and the member.
    pub secrets: &'static [(&'static str, &'static str)],
    /// Members of the body's `filter`, each a flag; where there are any, `limit` is a member of the body.
    pub filter: &'static [&'static str],
    /// Further members of the body, each a flag.
    pub further: &'static [&'static str],
    /// Whether a key makes a repetition answer what the first one made (`Idempotency-Key`).
    pub keyed: bool,
    /// The columns of the table of a list; empty: the answer is one object.
    pub columns: &'static [&'static str],
    /// Whether a list has pages; one without is answered whole.
    pub paged: bool,
    /// Whether a list is there as a file of CSV, too: at its path with `/export` behind it, by the same filters.
    pub csv: bool,
}

/// What reads one object.
pub const fn get(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec {
        words,
        about,
        method: "GET",
        path,
        query: &[],
        body: &[],
        secrets: &[],
        filter: &[],
        further: &[],
        keyed: false,
        columns: &[],
        paged: false,
        csv: false,
    }
}

/// What reads a list page by page, with its filters and the columns of its table.
pub const fn list(
    words: [&'static str; 2],
    path: &'static str,
    query: &'static [&'static str],
    columns: &'static [&'static str],
    about: &'static str,
) -> Spec {
    Spec { query, columns, paged: true, ..get(words, path, about) }
}

/// What reads a list that is there as a file of CSV, too.
pub const fn list_and_csv(
    words: [&'static str; 2],
    path: &'static str,
    query: &'static [&'static str],
    columns: &'static [&'static str],
    about: &'static str,
) -> Spec {
    Spec { csv: true, ..list(words, path, query, columns, about) }
}

/// What changes something.
pub const fn post(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec { method: "POST", ..get(words, path, about) }
}

/// Which piece of a set.
pub const PIECE: &[&str] = &["as_of", "cursor"];

/// Members of bodies that are no text: what is typed is read as JSON.
const JSON: &[&str] = &[
    "enabled",
    "expires_in_days",
    "limit",
    "max_players",
    "memberships",
    "min_players",
    "private_games",
    "race_names",
    "settings",
    "turn",
];

/// Members of bodies that are lists of words, typed with commas between them.
const WORDS: &[&str] = &["roles"];

/// Members of bodies that nobody can have as an empty text: an empty one takes them away.
const TAKEN_AWAY: &[&str] = &["title"];

/// A member of a body as the API wants it.
fn member(name: &str, text: &str) -> Value {
    if JSON.contains(&name) {
        // What is no JSON goes as it is: the API says what it wants there.
        return serde_json::from_str(text).unwrap_or_else(|_| text.into());
    }
    if WORDS.contains(&name) {
        return text.split(',').map(str::trim).collect();
    }
    if TAKEN_AWAY.contains(&name) && text.is_empty() { Value::Null } else { text.into() }
}

impl Spec {
    /// Whether it answers a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The arguments in the path.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Query parameters of every write but to one's own way in: why, and what it is a part of. A reason that the body has stands
    /// there.
    #[must_use]
    pub fn told(&self) -> &'static [&'static str] {
        match (self.method, self.body.contains(&"reason")) {
            ("GET", _) => &[],
            _ if self.path.starts_with("/auth/") => &[],
            (_, true) => &["operation_id"],
            (_, false) => &["reason", "operation_id"],
        }
    }

    fn flags(&self) -> impl Iterator<Item = &'static str> {
        self.query
            .iter()
            .chain(self.told())
            .chain(self.filter)
            .chain(self.further)
            .copied()
            .chain((self.paged || !self.filter.is_empty()).then_some("limit"))
    }

    /// It, for the command line.
    pub(super) fn command(&self) -> Command {
        let flag =
            |name: &'static str, value: &'static str| Arg::new(name).long(name.replace('_', "-")).value_name(value);
        let mut command = Command::new(self.words[1]).about(self.about);
        for name in self.arguments() {
            command = command.arg(Arg::new(name).required(true).value_name(name.to_uppercase()));
        }
        command = command.args(self.flags().map(|name| flag(name, "VALUE")));
        command = command.args(self.body.iter().copied().map(|name| flag(name, "VALUE").required(true)));
        for &(name, secret) in self.secrets {
            let help = format!("File that holds the {}", secret.replace('_', " "));
            command = command.arg(flag(name, "PATH").required(true).help(help));
        }
        if self.keyed {
            let help = "A repetition with the same one makes nothing, and answers what the first call made";
            command = command.arg(flag("idempotency_key", "VALUE").help(help));
        }
        if self.paged {
            command = command
                .arg(flag("cursor", "VALUE").help("next_cursor of the page before"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every page, one after the other"));
        }
        if self.csv {
            command =
                command.arg(flag("to", "PATH").help("With --output csv: the file, in place of the standard output"));
        }
        command
    }

    /// The query of a call.
    #[must_use]
    pub fn query(&self, given: &ArgMatches) -> Vec<(&'static str, String)> {
        let paging: &[&str] = if self.paged { &["limit", "cursor"] } else { &[] };
        let names = self.query.iter().chain(self.told()).chain(paging).copied();
        names.filter_map(|name| Some((name, given.get_one::<String>(name)?.clone()))).collect()
    }

    /// The body of a call, where the operation has one.
    ///
    /// # Errors
    /// [`Fault::Usage`]: a file with a secret cannot be read, or everybody may read it.
    pub fn body(&self, given: &ArgMatches) -> Result<Option<Value>, Fault> {
        let value = |name: &str| given.get_one::<String>(name);
        let mut body = Map::new();
        for name in self.body.iter().chain(self.further) {
            body.extend(value(name).map(|text| ((*name).to_owned(), member(name, text))));
        }
        for (flag, name) in self.secrets {
            if let Some(path) = value(flag) {
                body.insert((*name).to_owned(), settings::secret(path)?.into());
            }
        }
        if !self.filter.is_empty() {
            let chosen =
                self.filter.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(value(name)?.clone()))));
            body.insert("filter".to_owned(), Value::Object(chosen.collect()));
            body.extend(value("limit").map(|limit| ("limit".to_owned(), member("limit", limit))));
        }
        // One that may have members and has none is an empty one: so all limits of an account are taken away.
        let has_body = !(body.is_empty() && self.further.is_empty());
        Ok(has_body.then_some(Value::Object(body)))
    }

    /// The key of a call that may be repeated.
    #[must_use]
    pub fn key<'a>(&self, given: &'a ArgMatches) -> Option<&'a str> {
        self.keyed.then(|| given.get_one::<String>("idempotency_key"))?.map(String::as_str)
    }
}
