//! Filters of lists, and of what is done to many at once.

use chrono::{DateTime, Datelike as _, Utc};
use shared::db::lists::Span;
use shared::domain::word::Word;

use crate::refusal::Problem;

/// What one request changes at once when the caller does not say. The most stands at the field `limit` of each such operation: a
/// validator takes a literal alone.
pub const BULK_DEFAULT: u16 = 200;

/// A span of time from two parameters, `at` being what they have in common: `/query/created` of `/query/created_after`.
///
/// # Errors
/// `invalid_request` naming the parameter, for years that no clock here shows.
pub fn span(at: &str, after: Option<DateTime<Utc>>, before: Option<DateTime<Utc>>) -> Result<Span, Problem> {
    let bound = |bound: Option<_>, name| bound.map(|given| time(&format!("{at}_{name}"), given)).transpose();
    Ok(Span { after: bound(after, "after")?, before: bound(before, "before")? })
}

/// A time that a clock here may show.
///
/// # Errors
/// `invalid_request` naming the parameter or the member.
pub fn time(pointer: &str, given: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    if (1..=9999).contains(&given.year()) {
        return Ok(given);
    }
    Err(Problem::field(pointer, "range", "must lie in the years 1 to 9999"))
}

/// A word that must be one of these, of a closed set.
///
/// # Errors
/// `invalid_request` naming the parameter.
pub fn among<W: Word>(pointer: &str, given: Option<&str>, known: &[W]) -> Result<Option<W>, Problem> {
    let texts: Vec<&str> = known.iter().map(|word| (*word).into()).collect();
    let given = word(pointer, given, &texts)?;
    Ok(known.iter().copied().zip(texts).find(|(_, text)| given.as_deref() == Some(*text)).map(|(word, _)| word))
}

/// A text that must be one of these.
///
/// # Errors
/// `invalid_request` naming the parameter.
pub fn word(pointer: &str, given: Option<&str>, known: &[&str]) -> Result<Option<String>, Problem> {
    match given {
        Some(word) if !known.contains(&word) => {
            Err(Problem::field(pointer, "value", format!("must be one of {}", known.join(", "))))
        }
        word => Ok(word.map(str::to_owned)),
    }
}
