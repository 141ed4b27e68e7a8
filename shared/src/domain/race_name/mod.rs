//! Race names: what may be one, and the canonical key by which two are the same (SPEC §7).
//!
//! A name is shown as it was written; what is unique is its key ([`key`]). Characters are those that UTS 39 allows in
//! identifiers or knows in limited use (living scripts such as Cherokee and Tifinagh), separators, and joiners where a
//! script needs them, which do not count. Scripts may not be mixed within a name (UTS 39 §5.1, with the augmented sets that
//! let Japanese and Korean stand), nor systems of digits (§5.3), and marks may not be piled up (§5.4). What a whole script
//! offers for imitation, say `НОТ` in Cyrillic for `HOT`, is allowed and has the same key.
//!
//! `shared/tests/tables/race_names.tsv` holds some hundred names that people play with, and what becomes of each. A change
//! of the rules, or of the crates' Unicode version, changes keys: the directory's rows then need theirs written anew.

mod key;
#[cfg(test)]
mod tests;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::general_security_profile::IdentifierType;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _};

use super::fault::Fault;
use super::text::{self, link, place};

/// The most characters of a race name, after normalisation.
pub const MAX_LENGTH: usize = 32;
/// The most marks on one letter (UTS 39 §5.4).
const MAX_MARKS: usize = 4;

/// A race name that may stand, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaceName {
    /// As shown: NFC, trimmed, inner white space folded to single spaces.
    pub name: String,
    /// What is unique.
    pub canonical_key: String,
}

/// Reads a race name.
///
/// # Errors
/// Why it may not stand, under one of the codes `blank`, `length`, `character`, `marks`, `mixed_scripts`, `mixed_digits`,
/// `link`, and those of [`text::name`] for characters that show nothing.
pub fn parse(text: &str) -> Result<RaceName, Fault> {
    let name = read(text)?;
    if link::reads_as_link(&name.name.nfkc().collect::<String>()) {
        return Err(Fault::new("link", "a race name does not read as a link; put a space after a dot"));
    }
    Ok(name)
}

/// As [`parse`], for names that may read as links.
pub(super) fn read(text: &str) -> Result<RaceName, Fault> {
    let long = || Fault::new("length", format!("a race name has at most {MAX_LENGTH} code points"));
    let name = text::fold(text);
    // Room for what may yet be dropped, and no more: what is looked at below looks around itself.
    if name.chars().count() > 2 * MAX_LENGTH {
        return Err(long());
    }
    let name = place::settle(&name, place::Mode::Refuse).map_err(|c| text::unseen("a race name", c))?;
    let name: String = name.nfc().collect();
    // Full-width and other compatibility forms are folded before the checks: they are spellings, not attacks by themselves.
    let folded: String = name.nfkc().collect();
    if name.is_empty() {
        return Err(Fault::new("blank", "a race name is not blank"));
    }
    // One character can stand for many, such as a whole phrase in Arabic: written out, too, it must be a name's length.
    if name.chars().count() > MAX_LENGTH || folded.chars().count() > 2 * MAX_LENGTH {
        return Err(long());
    }
    if let Some(odd) = folded.chars().find(|c| !is_separator(*c) && !is_joiner(*c) && !is_of_a_name(*c)) {
        let detail = format!("the character U+{:04X} cannot be used in a race name", u32::from(odd));
        return Err(Fault::new("character", detail));
    }
    check_marks(&folded)?;
    let letters: String = folded.chars().filter(|c| !is_separator(*c) && !is_joiner(*c)).collect();
    if !letters.as_str().is_single_script() {
        return Err(Fault::new("mixed_scripts", "a race name does not mix scripts"));
    }
    let mut systems = letters.chars().filter_map(digit_system);
    let first = systems.next();
    if systems.any(|system| Some(system) != first) {
        return Err(Fault::new("mixed_digits", "a race name does not mix systems of digits"));
    }
    let canonical_key = key::of(&letters);
    if !canonical_key.chars().any(char::is_alphanumeric) {
        return Err(Fault::new("blank", "a race name has at least one letter or digit"));
    }
    Ok(RaceName { canonical_key, name })
}

/// Letters, digits and marks of every script in use.
fn is_of_a_name(c: char) -> bool {
    c.identifier_allowed() || c.identifier_type() == Some(IdentifierType::Limited_Use)
}

/// What [`place`] left standing because a letter needs it, and what picks a letter's variant.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}') || place::is_selector(c)
}

/// What may part the words of a name; it does not count towards identity. More characters than these do not count: see [`key`].
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | '-' | '_' | '\'' | '.' | '\u{2019}' | '\u{00B7}')
}

/// Marks stand on letters, no more than a few, none twice: what else they do cannot be seen, or covers what stands around.
fn check_marks(folded: &str) -> Result<(), Fault> {
    let (mut bare, mut marks) = (true, Vec::new());
    for c in folded.nfd() {
        if !is_combining_mark(c) {
            bare = is_separator(c);
            marks.clear();
            continue;
        }
        if bare {
            return Err(Fault::new("marks", "a mark in a race name stands on a letter"));
        }
        if marks.contains(&c) || marks.len() == MAX_MARKS {
            return Err(Fault::new("marks", "a letter of a race name has a few different marks at most"));
        }
        marks.push(c);
    }
    Ok(())
}

/// Which system a decimal digit belongs to. Unicode puts the ten digits of each into one row of sixteen.
fn digit_system(c: char) -> Option<u32> {
    // Han numerals are letters here, and the ideographic zero goes with them.
    (c.is_numeric() && c < '\u{3000}').then(|| u32::from(c) >> 4)
}
