//! What a command is, and what it makes of what was typed.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

/// One command. Paths, query parameters and members of bodies are those of `api-server/openapi.json`, and a test holds them
/// against it.
#[derive(Debug)]
pub struct Spec {
    /// What it is about, then what is done.
    pub words: [&'static str; 2],
    /// What `--help` says.
    pub about: &'static str,
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Below `/api/v1/admin`; what stands in braces is an argument.
    pub path: &'static str,
    /// Query parameters, each a flag. A list has `limit` and `cursor` besides.
    pub query: &'static [&'static str],
    /// Members of the body, each a flag that is required.
    pub body: &'static [&'static str],
    /// Members of the body's `filter`, each a flag; where there are any, `limit` is a member of the body.
    pub filter: &'static [&'static str],
    /// Further members of the body, each a flag.
    pub piece: &'static [&'static str],
    /// The columns of the table of a list; empty: the answer is one object.
    pub columns: &'static [&'static str],
}

/// What reads one object.
pub const fn get(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec { words, about, method: "GET", path, query: &[], body: &[], filter: &[], piece: &[], columns: &[] }
}

/// What reads a list, with its filters and the columns of its table.
pub const fn list(
    words: [&'static str; 2],
    path: &'static str,
    query: &'static [&'static str],
    columns: &'static [&'static str],
    about: &'static str,
) -> Spec {
    Spec { query, columns, ..get(words, path, about) }
}

/// What changes something.
pub const fn post(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec { method: "POST", ..get(words, path, about) }
}

/// Which piece of a set.
pub const PIECE: &[&str] = &["as_of", "cursor"];

impl Spec {
    /// Whether it answers a list, page by page.
    #[must_use]
    pub fn is_list(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The arguments in the path.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Query parameters of every write: why, and what it is a part of. A reason that the body has stands there.
    #[must_use]
    pub fn told(&self) -> &'static [&'static str] {
        match (self.method, self.body.contains(&"reason")) {
            ("GET", _) => &[],
            (_, true) => &["operation_id"],
            (_, false) => &["reason", "operation_id"],
        }
    }

    fn flags(&self) -> impl Iterator<Item = &'static str> {
        self.query
            .iter()
            .chain(self.told())
            .chain(self.filter)
            .chain(self.piece)
            .copied()
            .chain((self.is_list() || !self.filter.is_empty()).then_some("limit"))
    }

    /// It, for the command line.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(self.words[1]).about(self.about);
        for name in self.arguments() {
            command = command.arg(Arg::new(name).required(true).value_name(name.to_uppercase()));
        }
        for name in self.flags() {
            command = command.arg(Arg::new(name).long(name.replace('_', "-")).value_name("VALUE"));
        }
        for name in self.body {
            command = command.arg(Arg::new(*name).long(*name).required(true).value_name("VALUE"));
        }
        if self.is_list() {
            command = command
                .arg(Arg::new("cursor").long("cursor").value_name("VALUE").help("next_cursor of the page before"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every page, one after the other"));
        }
        command
    }

    /// The query of a call.
    #[must_use]
    pub fn query(&self, given: &ArgMatches) -> Vec<(&'static str, String)> {
        let paging: &[&str] = if self.is_list() { &["limit", "cursor"] } else { &[] };
        let names = self.query.iter().chain(self.told()).chain(paging).copied();
        names.filter_map(|name| Some((name, given.get_one::<String>(name)?.clone()))).collect()
    }

    /// The body of a call, where the operation has one. What reads as a whole number is one where the member is a number.
    #[must_use]
    pub fn body(&self, given: &ArgMatches) -> Option<Value> {
        let value = |name: &str| given.get_one::<String>(name).cloned();
        let number = |text: String| text.parse::<i64>().map_or(Value::String(text), Value::from);
        let mut body = Map::new();
        for name in self.body {
            let text = value(name).unwrap_or_default();
            body.insert((*name).to_owned(), if *name == "turn" { number(text) } else { Value::String(text) });
        }
        if !self.filter.is_empty() {
            let chosen = self.filter.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(value(name)?))));
            body.insert("filter".to_owned(), Value::Object(chosen.collect()));
            body.extend(self.piece.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(value(name)?)))));
            body.extend(value("limit").map(|limit| ("limit".to_owned(), number(limit))));
        }
        (!body.is_empty()).then_some(Value::Object(body))
    }
}
