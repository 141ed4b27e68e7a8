//! Files of lines for spreadsheets and programs (RFC 4180): CRLF, UTF-8 without a mark, and a first line that names the columns.

use std::borrow::Cow;
use std::io;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

/// What makes a spreadsheet take a text for a formula, at its beginning or behind blanks; as wide letters, too (OWASP "CSV Injection").
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];
/// What some of them pass over at the beginning of a cell.
const PASSED_OVER: [char; 3] = ['\t', '\r', '\n'];

/// The columns of a file: the members of an object in their order, and `a.b` for what stands in an object within.
pub struct Columns(Vec<Column>);

struct Column {
    path: Vec<&'static str>,
    number: bool,
}

impl Columns {
    /// Those of an object, by its schema: they are the same whatever is in a file.
    pub fn of<T: Type>() -> Self {
        let mut registry = Registry::new();
        T::register(&mut registry);
        let mut columns = Vec::new();
        gather(&registry, &T::schema_ref(), &[], &mut columns);
        Self(columns)
    }

    /// The first line.
    ///
    /// # Errors
    /// None but of memory.
    pub fn head(&self) -> io::Result<Vec<u8>> {
        written([self.0.iter().map(|column| column.path.join(".").into())])
    }

    /// The lines of these objects.
    ///
    /// # Errors
    /// None but of memory.
    pub fn lines<'v>(&self, objects: impl IntoIterator<Item = &'v Value>) -> io::Result<Vec<u8>> {
        written(objects.into_iter().map(|object| self.0.iter().map(|column| column.cell(object))))
    }

    /// A line that is no object, with this in its first cell.
    ///
    /// # Errors
    /// None but of memory.
    pub fn note(&self, text: &str) -> io::Result<Vec<u8>> {
        written([self.0.iter().enumerate().map(|(n, _)| if n == 0 { inert(text.into()) } else { "".into() })])
    }
}

/// The columns of a schema. What has no members of its own is one: an array, or an object of anything, as its JSON.
fn gather(registry: &Registry, schema: &MetaSchemaRef, path: &[&'static str], columns: &mut Vec<Column>) {
    let Some(schema) = followed(registry, schema) else { return };
    for (name, property) in &schema.properties {
        gather(registry, property, &[path, &[*name]].concat(), columns);
    }
    if schema.properties.is_empty() {
        columns.push(Column { path: path.to_vec(), number: matches!(schema.ty, "integer" | "number") });
    }
}

/// What a reference leads to, beside which words may stand; or the schema itself.
fn followed<'r>(registry: &'r Registry, schema: &'r MetaSchemaRef) -> Option<&'r MetaSchema> {
    match schema {
        MetaSchemaRef::Reference(name) => registry.schemas.get(name),
        MetaSchemaRef::Inline(schema) => {
            let target = schema.all_of.iter().find(|part| matches!(part, MetaSchemaRef::Reference(_)));
            target.map_or(Some(schema), |target| followed(registry, target))
        }
    }
}

impl Column {
    /// What an object has here; nothing is an empty cell.
    fn cell<'v>(&self, object: &'v Value) -> Cow<'v, str> {
        let value = self.path.iter().try_fold(object, |value, name| value.get(*name));
        match value {
            None | Some(Value::Null) => "".into(),
            // By the schema, not by its looks: a number may begin with a sign.
            Some(Value::Number(number)) if self.number => number.to_string().into(),
            Some(Value::String(text)) => inert(text.into()),
            Some(other) => inert(other.to_string().into()),
        }
    }
}

/// A text that no spreadsheet takes for a formula.
fn inert(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.starts_with(PASSED_OVER) || text.trim_start().starts_with(FORMULA) {
        true => format!("'{text}").into(),
        false => text,
    }
}

/// The one writer of lines.
fn written<'v>(records: impl IntoIterator<Item = impl IntoIterator<Item = Cow<'v, str>>>) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(&mut lines);
    for record in records {
        writer.write_record(record.into_iter().map(|cell| cell.into_owned()))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use serde_json::json;

    use super::*;

    /// Something.
    #[derive(Object)]
    struct Outer {
        /// A text.
        name: String,
        /// A number.
        count: i64,
        /// An object.
        inner: Option<Inner>,
        /// An array.
        all: Vec<Inner>,
        /// Anything.
        rest: Value,
    }

    /// Something within.
    #[derive(Object)]
    struct Inner {
        /// Whether.
        on: bool,
        /// How much.
        share: Option<f64>,
    }

    fn text(bytes: io::Result<Vec<u8>>) -> String {
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    fn line(object: Value) -> String {
        text(Columns::of::<Outer>().lines([&object]))
    }

    #[test]
    fn columns_are_the_members_of_the_schema_and_of_its_objects() {
        let columns = Columns::of::<Outer>();
        assert_eq!(text(columns.head()), "name,count,inner.on,inner.share,all,rest\r\n");
        assert_eq!(text(columns.lines([])), "");
        assert_eq!(text(columns.note("cut; cursor=A")), "cut; cursor=A,,,,,\r\n");
    }

    #[test]
    fn a_cell_is_a_text_a_number_or_json_and_nothing_where_nothing_is() {
        let object = json!({
            "name": "Ada, \"the\"\nfirst", "count": -5, "inner": { "on": true, "share": -0.5 },
            "all": [{ "on": false, "share": null }], "rest": { "a": 1 },
        });
        assert_eq!(
            line(object),
            "\"Ada, \"\"the\"\"\nfirst\",-5,true,-0.5,\"[{\"\"on\"\":false,\"\"share\"\":null}]\",\"{\"\"a\"\":1}\"\r\n"
        );
        assert_eq!(line(json!({ "name": "Ada", "count": 0, "inner": null, "all": [] })), "Ada,0,,,[],\r\n");
    }

    #[test]
    fn a_text_that_begins_like_a_formula_is_inert_and_a_number_is_left_alone() {
        for harmful in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "＋1", "－1", "＠1", "\tAda",
            "\u{A0}=1",
        ] {
            assert_eq!(inert(harmful.into()), format!("'{harmful}"), "{harmful:?}");
        }
        for harmless in ["", "Ada", "a=1", "'=1", "ada@example.org", "2026-03-17T20:14:00Z", "[-1]", "{}", "Ⅱ"] {
            assert_eq!(inert(harmless.into()), harmless);
        }
        // A text may look like a number, and anything may be one.
        let object = json!({ "name": "-1", "count": -1, "inner": null, "all": [], "rest": -1 });
        assert_eq!(line(object), "'-1,-1,,,[],'-1\r\n");
        // The quotes of a cell are no part of it.
        let object =
            json!({ "name": "=HYPERLINK(\"https://evil.example\",\"a\")", "count": 1, "all": [], "rest": "@a" });
        assert_eq!(line(object), "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"a\"\")\",1,,,[],'@a\r\n");
    }

    mod fuzz {
        use testkit::fuzz::Target;

        use super::*;

        #[test]
        fn whatever_is_written_is_read_back_and_begins_no_formula() {
            let words = &["=", "\"", ",", "\r\n", "'", "＝", "\t", " ", "@", ";"];
            Target::new(10_000).samples(["=1+1", "a\"b", "\r\n", ""]).words(words).texts(|given| {
                let cell = inert(given.into());
                // Not at the beginning of the file, where a mark of UTF-8 is none of its text.
                let line = written([["begin".into(), cell.clone(), "end".into()]]).unwrap();
                let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
                let records: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
                assert_eq!(records, [vec!["begin", cell.as_ref(), "end"]]);
                assert!(cell == given || cell.strip_prefix('\'') == Some(given));
                assert!(!cell.trim_start().starts_with(FORMULA) && !cell.starts_with(PASSED_OVER));
            });
        }
    }
}
