//! `shared/src/postgres/statement/generated.rs`: which function each SQL statement stands in, read off the sources.
//!
//! The statements that sqlx checks are those of `shared/.sqlx`, whole. In the sources many are put together by a macro of their
//! module, or of one that it imports, of a list of columns and what a function adds to it: so a function has a statement where
//! literals of it, and of the macros that it calls, give the text one behind the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use shared::postgres::statement::{OF_TRANSACTIONS, key, summary};
use syn::visit::{self, Visit};

/// Where SQL stands, below `shared/src` (docs/architecture.md, Layers).
const FOLDERS: [&str; 3] = ["db", "postgres", "queue"];

/// The table, as a source file.
///
/// # Errors
/// A source that cannot be read, a statement that stands in no function, or two with one key.
pub fn table(root: &Path) -> Result<String> {
    let sources = root.join("shared/src");
    let mut found = Found::default();
    for folder in FOLDERS {
        for file in files(&sources.join(folder))? {
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            let parsed = syn::parse_file(&text).with_context(|| file.display().to_string())?;
            found.module = module(file.strip_prefix(&sources)?);
            found.visit_file(&parsed);
        }
    }
    found.call_macros();
    let mut statements = std::mem::take(&mut found.unchecked);
    for text in checked(&root.join("shared/.sqlx"))? {
        let Some(function) = found.functions.iter().find(|function| function.has(&text)) else {
            bail!("no function is found that says {text:?}");
        };
        statements.entry(text).or_insert_with(|| function.name.clone());
    }
    let mut keys: BTreeMap<u64, (&str, &str)> = BTreeMap::new();
    for (text, name) in &statements {
        if let Some((other, _)) = keys.insert(key(text), (text, name)) {
            bail!("two statements share a key:\n{text}\n{other}");
        }
    }
    let mut out = String::from(
        "//! Written by `cargo xtask gen`: the key of each statement's text, the function that it stands in, and what it does to\n\
         //! which table.\n\n",
    );
    out.push_str("pub(super) static NAMES: &[(u64, &str, &str)] = &[\n");
    for (key, (text, name)) in keys {
        let _ = writeln!(out, "    ({key:#018x}, {name:?}, {:?}),", summary(text));
    }
    out.push_str("];\n");
    Ok(out)
}

/// The texts of all statements that sqlx has checked, in their order.
fn checked(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let described: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let text = described.get("query").and_then(serde_json::Value::as_str);
        found.insert(text.with_context(|| format!("{} has no query", path.display()))?.to_owned());
    }
    Ok(found)
}

/// What a statement's name begins with: the noun of a module of `db`, else the folder.
fn module(path: &Path) -> String {
    let parts: Vec<String> =
        path.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let at = usize::from(parts.first().is_some_and(|first| first == "db"));
    parts.get(at).cloned().unwrap_or_default()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The texts and the words of a piece of source.
#[derive(Clone, Default)]
struct Words {
    texts: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Words {
    fn of(tokens: TokenStream) -> Self {
        let mut words = Self::default();
        words.read(tokens);
        words
    }

    fn read(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.read(group.stream()),
                TokenTree::Ident(name) => drop(self.names.insert(name.to_string())),
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal)
                        && !text.value().is_empty()
                    {
                        self.texts.insert(text.value());
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
}

struct Function {
    module: String,
    name: String,
    words: Words,
    /// Texts of the macros that it calls.
    called: BTreeSet<String>,
}

impl Function {
    /// Whether its texts, and those that it calls, give this one. One of its own is among them.
    fn has(&self, text: &str) -> bool {
        self.words.texts.iter().any(|own| text.contains(own.as_str())) && self.gives(text, false)
    }

    fn gives(&self, text: &str, owned: bool) -> bool {
        if text.is_empty() {
            return owned;
        }
        let goes_on = |piece: &String, own: bool| {
            text.strip_prefix(piece.as_str()).is_some_and(|rest| self.gives(rest, owned || own))
        };
        self.words.texts.iter().any(|piece| goes_on(piece, true))
            || self.called.iter().any(|piece| goes_on(piece, false))
    }
}

#[derive(Default)]
struct Found {
    module: String,
    function: String,
    functions: Vec<Function>,
    /// By their module and their name.
    macros: BTreeMap<(String, String), Words>,
    /// The module that a name comes from, by the module that imports it and the name.
    imports: BTreeMap<(String, String), String>,
    /// Statements that sqlx does not check.
    unchecked: BTreeMap<String, String>,
}

impl Found {
    fn name(&self) -> String {
        format!("{}.{}", self.module, self.function)
    }

    fn within(&mut self, function: &syn::Signature, body: &syn::Block, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.function, function.ident.to_string());
        let words = Words::of(body.to_token_stream());
        self.functions.push(Function {
            module: self.module.clone(),
            name: self.name(),
            words,
            called: BTreeSet::new(),
        });
        visit(self);
        self.function = outer;
    }

    /// Notes which module each name of a `use` comes from: the last one of its path.
    fn import(&mut self, tree: &syn::UseTree, from: Option<&syn::Ident>) {
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, Some(&path.ident)),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, from)),
            syn::UseTree::Name(name) => {
                if let Some(from) = from {
                    self.imports.insert((self.module.clone(), name.ident.to_string()), from.to_string());
                }
            }
            // No macro is imported so.
            syn::UseTree::Rename(_) | syn::UseTree::Glob(_) => {}
        }
    }

    /// Gives the functions the texts of the macros that their module has or imports, also of those that a macro calls.
    fn call_macros(&mut self) {
        for function in &mut self.functions {
            let (mut names, mut done) = (function.words.names.clone(), BTreeSet::new());
            while let Some(name) = names.pop_first() {
                let own = (function.module.clone(), name);
                let imported = self.imports.get(&own).map(|from| (from.clone(), own.1.clone()));
                let name = if self.macros.contains_key(&own) { Some(own) } else { imported };
                if let Some(name) = name
                    && let Some(called) = self.macros.get(&name)
                    && done.insert(name)
                {
                    function.called.extend(called.texts.iter().cloned());
                    names.extend(called.names.iter().cloned());
                }
            }
        }
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
        self.within(&function.sig, &function.block, |found| visit::visit_item_fn(found, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
        self.within(&function.sig, &function.block, |found| visit::visit_impl_item_fn(found, function));
    }

    fn visit_item_macro(&mut self, made: &'a syn::ItemMacro) {
        if let Some(name) = &made.ident {
            let words = Words::of(made.mac.tokens.clone());
            self.macros.insert((self.module.clone(), name.to_string()), words);
        }
        visit::visit_item_macro(self, made);
    }

    fn visit_item_use(&mut self, import: &'a syn::ItemUse) {
        self.import(&import.tree, None);
    }

    fn visit_expr_call(&mut self, call: &'a syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func
            && path.path.segments.first().is_some_and(|first| first.ident == "sqlx")
            && path.path.segments.last().is_some_and(|last| is_query(&last.ident.to_string()))
            && let Some(syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. })) = call.args.first()
            && !OF_TRANSACTIONS.contains(&text.value().as_str())
        {
            let name = self.name();
            self.unchecked.entry(text.value()).or_insert(name);
        }
        visit::visit_expr_call(self, call);
    }
}

fn is_query(name: &str) -> bool {
    name == "raw_sql" || name.starts_with("query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_what_the_sources_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let committed = std::fs::read_to_string(root.join("shared/src/postgres/statement/generated.rs")).unwrap();
        assert_eq!(committed, table(&root).unwrap(), "run `cargo xtask gen`");
        for name in [
            "\"accounts.",
            "\"postgres.schema_state\", \"SELECT schema_versions\"",
            "\"invites.insert\", \"INSERT invites\"",
        ] {
            assert!(committed.contains(name), "{name}");
        }
    }

    #[test]
    fn a_statement_of_a_macros_columns_stands_in_the_function_that_adds_the_rest() {
        let source = r#"
            macro_rules! people { ($tail:literal) => { sqlx::query_as!(Person, "SELECT name FROM people " + $tail) } }
            fn one() { people!("WHERE id = $1"); }
            fn all() { people!("ORDER BY name"); }
            fn none() { sqlx::query!("SELECT 1"); }
        "#;
        let mut found = Found { module: "people".to_owned(), ..Found::default() };
        found.visit_file(&syn::parse_file(source).unwrap());
        found.call_macros();
        let names = |text: &str| -> Vec<&str> {
            found
                .functions
                .iter()
                .filter(|function| function.has(text))
                .map(|function| function.name.as_str())
                .collect()
        };
        assert_eq!(names("SELECT name FROM people WHERE id = $1"), ["people.one"]);
        assert_eq!(names("SELECT name FROM people ORDER BY name"), ["people.all"]);
        assert_eq!(names("SELECT 1"), ["people.none"]);
        assert!(names("SELECT name FROM people ").is_empty(), "what no function adds to stands in none");
    }

    #[test]
    fn a_macro_of_another_module_counts_where_it_is_imported() {
        let mut found = Found::default();
        for (module, source) in [
            ("names", r#"macro_rules! named { ($table:tt) => { sqlx::query!("SELECT name FROM " + $table) } }"#),
            ("people", r#"use super::names::{Name, named}; fn one() -> Name { named!("people") }"#),
            ("planets", r#"use super::names::Name; fn one() -> Name { named!("people") }"#),
        ] {
            found.module = module.to_owned();
            found.visit_file(&syn::parse_file(source).unwrap());
        }
        found.call_macros();
        let text = "SELECT name FROM people";
        let names = found.functions.iter().filter(|function| function.has(text)).map(|function| function.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["people.one"]);
    }
}
