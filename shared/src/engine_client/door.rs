//! The door: whatever an engine says passes here, and nothing passes uncut (SPEC §8, "the engine decides nothing but its game").
//! `docs/engine-answers.md` has the table of what comes of each kind of answer.

use serde_json::Value;

use super::EngineError;
use crate::domain::excerpt::{SHORT, excerpt};

/// The longest `code`, in characters of `[a-z0-9_]`.
const CODE: usize = 64;
/// The code of a refusal that has none, or none that is a code.
pub(super) const NO_CODE: &str = "engine_error";
/// The longest `detail`, in characters.
const DETAIL: usize = 1_000;
/// The longest `pointer`, in characters.
const POINTER: usize = 512;
/// The most field errors of one refusal.
const FAULTS: usize = 100;
/// The deepest nesting of objects and arrays in an answer: that of the JSON readers of most languages, and below Postgres' own.
const DEPTH: usize = 100;

/// One thing that an engine finds wrong with commands or orders, cut to size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFault {
    /// JSON pointer into the caller's body; may be empty.
    pub pointer: String,
    /// The engine's own word for it: 1 to 64 characters of `[a-z0-9_]`, or `engine_error` where it has none.
    pub code: String,
    /// For people; may be empty.
    pub detail: String,
}

/// What an engine said with an error, cut to size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) errors: Vec<EngineFault>,
}

impl Refusal {
    /// Of an answer that is no problem document, or holds nothing that may be passed on.
    pub(super) fn wordless(detail: &str) -> Self {
        Self { code: NO_CODE.to_owned(), detail: detail.to_owned(), errors: Vec::new() }
    }

    /// Reads an error's body. What it lacks, or has in another type, is taken as not said: an engine that breaks seldom breaks by
    /// the book.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unsound> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::wordless(""));
        }
        sound(body)?;
        let Ok(problem) = serde_json::from_slice::<Value>(body) else {
            // Half a character of a text (a lone surrogate, a byte that is no UTF-8) is enough for that. Whoever mends it reads it so.
            let said = excerpt(&String::from_utf8_lossy(body), SHORT);
            return Ok(Self::wordless(&format!("its error is not JSON: {said}")));
        };
        let faults = problem.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            code: code(&problem),
            detail: text(&problem, "detail", DETAIL),
            errors: faults.iter().filter(|fault| fault.is_object()).take(FAULTS).map(EngineFault::read).collect(),
        })
    }
}

impl EngineFault {
    fn read(fault: &Value) -> Self {
        let (pointer, detail) = (text(fault, "pointer", POINTER), text(fault, "detail", DETAIL));
        Self { pointer, code: code(fault), detail }
    }
}

fn text(of: &Value, member: &str, max: usize) -> String {
    excerpt(of.get(member).and_then(Value::as_str).unwrap_or_default(), max)
}

fn code(of: &Value) -> String {
    let code = of.get("code").and_then(Value::as_str).unwrap_or_default();
    let fits = (1..=CODE).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { code.to_owned() } else { NO_CODE.to_owned() }
}

/// Why JSON that may be valid does not pass all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsound {
    /// No database column and few programs take it.
    #[error("it holds a NUL")]
    Nul,
    /// Readers that recurse, Postgres among them, end on it.
    #[error("it is nested deeper than {DEPTH}")]
    Deep,
}

impl From<Unsound> for EngineError {
    fn from(unsound: Unsound) -> Self {
        Self::bad(&unsound.to_string())
    }
}

/// One walk over an answer's bytes: no NUL, written out or escaped, in texts or names, and no bottomless nesting. Whether it is
/// JSON at all is the reader's to say.
pub(super) fn sound(body: &[u8]) -> Result<(), Unsound> {
    let (mut depth, mut within) = (0_usize, false);
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match (byte, within) {
            (0, _) => return Err(Unsound::Nul),
            (b'"', _) => within = !within,
            (b'\\', true) if bytes.next() == Some(&b'u') && bytes.as_slice().starts_with(b"0000") => {
                return Err(Unsound::Nul);
            }
            (b'{' | b'[', false) => {
                depth += 1;
                if depth > DEPTH {
                    return Err(Unsound::Deep);
                }
            }
            (b'}' | b']', false) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_hides_and_nothing_else_is() {
        for bad in [r#"{"a":"\u0000"}"#, r#"{"a\u0000":1}"#, "{\"a\":\"\0\"}", r#"["\\\u0000"]"#, "\0"] {
            assert_eq!(sound(bad.as_bytes()), Err(Unsound::Nul), "{bad}");
        }
        for good in [r#"["\\u0000"]"#, r#"["\"", "\u0001", "\u00e4", "u0000"]"#, r#"["\\\\u0000"]"#, "[]", "\\u0000"] {
            assert_eq!(sound(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_texts_are_not_nesting() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(sound(nested(DEPTH).as_bytes()), Ok(()));
        assert_eq!(sound(nested(DEPTH + 1).as_bytes()), Err(Unsound::Deep));
        assert_eq!(sound(format!("[\"{}\"]", "[".repeat(1_000)).as_bytes()), Ok(()));
        assert_eq!(sound("[],".repeat(1_000).as_bytes()), Ok(()));
    }

    #[test]
    fn what_an_engine_says_with_an_error_is_cut_to_size() {
        let long = "x".repeat(1 << 16);
        let faults: Vec<_> =
            (0..20_000).map(|_| serde_json::json!({ "pointer": "/p", "code": "c", "detail": "d" })).collect();
        let body = serde_json::json!({ "code": long, "detail": format!("a\u{1}\n{long}"), "errors": faults });
        let refusal = Refusal::read(&serde_json::to_vec(&body).unwrap()).unwrap();
        assert_eq!(refusal.code, NO_CODE);
        assert_eq!(refusal.detail.chars().count(), DETAIL);
        assert!(refusal.detail.starts_with("a x"), "{}", refusal.detail);
        assert_eq!(refusal.errors.len(), FAULTS);

        let body = serde_json::json!({ "code": "bad_order", "errors": [
            { "pointer": long, "code": "Not A Code", "detail": long }, { "pointer": 7, "code": ["x"] }, "no object", { "code": "a_1" },
        ] });
        let refusal = Refusal::read(&serde_json::to_vec(&body).unwrap()).unwrap();
        assert_eq!((refusal.code.as_str(), refusal.detail.as_str()), ("bad_order", ""));
        let codes: Vec<_> = refusal.errors.iter().map(|fault| fault.code.as_str()).collect();
        assert_eq!(codes, [NO_CODE, NO_CODE, "a_1"]);
        assert_eq!(refusal.errors[0].pointer.chars().count(), POINTER);
        assert_eq!(refusal.errors[0].detail.chars().count(), DETAIL);
    }

    #[test]
    fn an_error_that_is_no_problem_document_has_no_code_and_is_shown_as_it_came_where_it_is_no_json() {
        for body in ["", " \r\n", "<html>502</html>", "[1]", "null", r#"{"code":7,"detail":{},"errors":{}}"#] {
            let refusal = Refusal::read(body.as_bytes()).unwrap();
            assert_eq!((refusal.code.as_str(), refusal.errors.len()), (NO_CODE, 0), "{body}");
        }
        assert_eq!(Refusal::read(br#"{"code":"a\u0000"}"#), Err(Unsound::Nul));
        for (body, said) in [
            ("<html>\n502</html>".as_bytes(), "<html> 502</html>"),
            (br#"{"detail":"no \ud83d"}"#, r#"{"detail":"no \ud83d"}"#),
            (b"{\"detail\":\"no \xff\"}", "{\"detail\":\"no \u{fffd}\"}"),
        ] {
            assert_eq!(Refusal::read(body).unwrap().detail, format!("its error is not JSON: {said}"));
        }
        let long = Refusal::read("x".repeat(1 << 16).as_bytes()).unwrap().detail;
        assert!(long.chars().count() < 400 && long.ends_with('…'), "{long}");
    }
}
