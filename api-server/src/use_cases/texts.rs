//! Texts that people write, held to the rules: every fault by its field.

use shared::domain::fault::Fault;
use shared::domain::{name, text};

use crate::refusal::{FieldError, Problem};

/// Applies the rules for names and descriptions and gathers their faults.
///
/// # Errors
/// `invalid_request` naming each field.
pub fn check_texts(name: Option<&str>, description: Option<&str>) -> Result<(Option<String>, Option<String>), Problem> {
    check_words("name", name, description)
}

/// As [`check_texts`], where the field of the name is called otherwise.
///
/// # Errors
/// `invalid_request` naming each field.
pub fn check_words(
    field: &str,
    name: Option<&str>,
    description: Option<&str>,
) -> Result<(Option<String>, Option<String>), Problem> {
    let mut faults = Vec::new();
    let mut check = |field: &str, text: Option<&str>, rule: fn(&str) -> Result<String, Fault>| {
        text.and_then(|text| rule(text).map_err(|fault| faults.push(FieldError::of(field, fault))).ok())
    };
    let checked = (check(field, name, name::game_name), check("description", description, name::game_description));
    if faults.is_empty() { Ok(checked) } else { Err(Problem::fields(faults)) }
}

/// One line about an account, checked.
///
/// # Errors
/// `invalid_request` naming the field.
pub fn remark(field: &str, what: &str, given: &str, max: usize) -> Result<String, Problem> {
    text::remark(what, given, max).map_err(|detail| {
        Problem::fields(vec![FieldError { pointer: format!("/{field}"), code: "value".into(), detail }])
    })
}
