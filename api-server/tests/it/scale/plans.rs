//! What Postgres really did: the plans that `auto_explain` writes into the log of the test's own server, statement by
//! statement, with the rows and buffers of this very execution.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

/// Settings of a role whose statements are to be seen.
pub const EXPLAINED: &[(&str, &str)] = &[
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_format", "json"),
];

/// The log, read on from where the last reading ended.
pub struct Log {
    path: PathBuf,
    offset: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        let offset = std::fs::metadata(&path).unwrap().len();
        Self { path, offset }
    }

    /// The statements since the last call, but those with which a replica follows the push log, watches the schema and wakes
    /// others: they come between, at any time, and belong to no request.
    pub fn statements(&mut self) -> Vec<Statement> {
        let mut file = std::fs::File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let mut found = Vec::new();
        let (mut read, mut lines) = (0, text.split_inclusive('\n').peekable());
        while let Some(line) = lines.next() {
            let mut block = line.len();
            if line.ends_with(" plan:\n") {
                let mut json = String::new();
                while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                    block += more.len();
                    json.push_str(more.trim_end_matches('\n'));
                }
                match serde_json::from_str(&json) {
                    Ok(plan) => found.push(Statement(plan)),
                    // A background statement's plan is being written just now: it is read with the next ones.
                    Err(error) if error.is_eof() && lines.peek().is_none() => break,
                    Err(error) => panic!("{error} in {json}"),
                }
            } else if !line.ends_with('\n') {
                break;
            }
            read += block;
        }
        self.offset += u64::try_from(read).unwrap();
        found.retain(|statement| !statement.is_background());
        found
    }
}

/// One executed statement.
pub struct Statement(Value);

/// What a statement may cost.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// Rows that one scan may look at, whether it gives them on or not.
    pub rows: u64,
    /// Pages that the whole statement may touch.
    pub buffers: u64,
}

impl Bound {
    /// A few looks at each row of a page, from several sides, each of them down an index.
    pub fn of_page(limit: u64) -> Self {
        Self { rows: 3 * (limit + 1) + 50, buffers: 30 * (limit + 1) + 150 }
    }
}

impl Statement {
    pub fn text(&self) -> String {
        let text = self.0["Query Text"].as_str().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What is wrong with the plan; `big` are the tables that are not to be read from end to end.
    pub fn faults(&self, big: &BTreeSet<String>, bound: Bound) -> Vec<String> {
        let mut faults = Vec::new();
        let root = &self.0["Plan"];
        visit(root, &mut |node| {
            let loops = node["Actual Loops"].as_u64().unwrap_or(0);
            let Some(table) = node["Relation Name"].as_str().filter(|_| loops > 0) else { return };
            let kind = node["Node Type"].as_str().unwrap_or_default();
            if kind == "Seq Scan" && big.contains(table) {
                faults.push(format!("a sequential scan of {table}"));
            }
            let seen = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck"]
                .iter()
                .map(|name| node[*name].as_u64().unwrap_or(0))
                .sum::<u64>();
            if seen * loops > bound.rows && big.contains(table) {
                faults.push(format!("{kind} of {table} looked at {} rows, {} allowed", seen * loops, bound.rows));
            }
        });
        let buffers = ["Shared Hit Blocks", "Shared Read Blocks"].iter().filter_map(|name| root[*name].as_u64()).sum();
        if bound.buffers < buffers {
            faults.push(format!("{buffers} pages touched, {} allowed", bound.buffers));
        }
        faults
    }

    /// The plan, for people.
    pub fn shown(&self) -> String {
        let mut text = format!("{}\n", self.text());
        show(&self.0["Plan"], 1, &mut text);
        text
    }

    fn is_background(&self) -> bool {
        let mut tables = BTreeSet::new();
        visit(&self.0["Plan"], &mut |node| tables.extend(node["Relation Name"].as_str().map(str::to_owned)));
        !tables.is_empty()
            && tables.iter().all(|table| {
                ["push_", "pg_"].iter().any(|prefix| table.starts_with(prefix)) || table == "schema_versions"
            })
            || tables.is_empty() && (!self.text().contains(" FROM ") || self.text().contains("pg_notify"))
    }
}

fn visit(node: &Value, see: &mut impl FnMut(&Value)) {
    see(node);
    for child in node["Plans"].as_array().into_iter().flatten() {
        visit(child, see);
    }
}

fn show(node: &Value, depth: usize, text: &mut String) {
    use std::fmt::Write as _;
    let word = |name: &str| node[name].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let number = |name: &str| node[name].as_u64().unwrap_or(0);
    let (kind, table, index) = (word("Node Type"), word("Relation Name"), word("Index Name"));
    let removed = number("Rows Removed by Filter");
    let (rows, loops) = (number("Actual Rows"), number("Actual Loops"));
    writeln!(text, "{:width$}{kind}{table}{index}: {rows} rows × {loops}, {removed} removed", "", width = 2 * depth)
        .unwrap();
    for condition in ["Index Cond", "Filter", "Join Filter", "Hash Cond", "Merge Cond", "One-Time Filter"] {
        if let Some(what) = node[condition].as_str() {
            writeln!(text, "{:width$}   {condition}: {what}", "", width = 2 * depth).unwrap();
        }
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        show(child, depth + 1, text);
    }
}
