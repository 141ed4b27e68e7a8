//! What people write and others read: names that show what they are, and longer texts that do not change how the rest of a
//! page is read.
//!
//! A name shows everything that is in it: no control, format, filler or unassigned characters, no heaps of combining marks,
//! and no word that mixes scripts (UTS 39 §5.1, with the augmented sets that let Japanese and Korean stand), so that a Latin
//! word has no Cyrillic letter in it. Different words may be of different scripts: people write their names twice.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _};

/// The most combining marks on one letter. Written languages need up to three where NFC has no composed form.
const MARKS: usize = 3;

/// A name of one line: NFC, trimmed, white space folded to single spaces, 1 to `max` characters, and nothing that deceives.
/// `what` begins the explanation: `a display name`.
///
/// # Errors
/// What is wrong, for people.
pub fn name(what: &str, text: &str, max: usize) -> Result<String, String> {
    // Line ends are white space too, but nobody means them in a name.
    if text.trim().contains(['\n', '\r', '\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(format!("{what} is one line"));
    }
    let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
    if !(1..=max).contains(&name.chars().count()) {
        return Err(format!("{what} has 1 to {max} characters"));
    }
    // As it will be read: full-width and other compatibility forms are spellings, not attacks by themselves.
    let folded: String = name.nfkc().collect();
    let mut marks = 0;
    for c in folded.chars() {
        if hides(c) {
            return Err(format!("{what} has no control or invisible characters (U+{:04X})", u32::from(c)));
        }
        if (c.is_alphanumeric() || is_combining_mark(c)) && !c.identifier_allowed() {
            return Err(format!(
                "{what} has no letters that are out of use or stand for others (U+{:04X})",
                u32::from(c)
            ));
        }
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS {
            return Err(format!("{what} has at most {MARKS} combining marks on a letter"));
        }
    }
    if folded.chars().next().is_some_and(is_combining_mark) {
        return Err(format!("{what} does not begin with a combining mark"));
    }
    if !folded.chars().any(|c| c.is_alphanumeric() || is_symbol(c)) {
        return Err(format!("{what} has at least one letter, digit or symbol"));
    }
    if words(&folded).any(|word| !word.is_single_script()) {
        return Err(format!("{what} does not mix scripts within a word"));
    }
    Ok(name)
}

/// A text of perhaps many lines: NFC, trimmed, at most `max` characters, perhaps empty. Emoji and scripts that join letters
/// need some invisible characters; those that turn the direction of what follows, and tags, nobody needs.
///
/// # Errors
/// What is wrong, for people.
pub fn lines(what: &str, text: &str, max: usize) -> Result<String, String> {
    let text: String = text.trim().nfc().collect();
    if text.chars().count() > max {
        return Err(format!("{what} has at most {max} characters"));
    }
    let joins = |c: char| matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
    match text.chars().find(|c| !matches!(c, '\n' | '\t') && !joins(*c) && hides(*c)) {
        None => Ok(text),
        Some(c) if c.is_control() => Err(format!("{what} has no control characters but line ends and tabs")),
        Some(c) => Err(format!("{what} has no invisible characters (U+{:04X})", u32::from(c))),
    }
}

/// A reason or remark: as [`lines`], of one line, and not empty.
///
/// # Errors
/// What is wrong, for people.
pub fn remark(what: &str, text: &str, max: usize) -> Result<String, String> {
    let text = lines(what, text, max)?;
    if text.is_empty() {
        return Err(format!("{what} has 1 to {max} characters"));
    }
    if text.contains(['\n', '\t']) { Err(format!("{what} is one line")) } else { Ok(text) }
}

/// Runs of letters, digits and their marks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c))).filter(|word| !word.is_empty())
}

/// Whether a character shows nothing of itself, or changes how others are shown: what is read would not be what is there.
pub(super) fn hides(c: char) -> bool {
    let category = match c.general_category() {
        Category::Control
        | Category::Format
        | Category::Surrogate
        | Category::PrivateUse
        | Category::Unassigned
        | Category::LineSeparator
        | Category::ParagraphSeparator
        | Category::EnclosingMark => true,
        Category::SpaceSeparator => c != ' ',
        _ => false,
    };
    category || is_filler(c)
}

/// Letters, marks and symbols by category that are blank or ignored when drawn (Default_Ignorable_Code_Point, and the empty
/// Braille pattern).
fn is_filler(c: char) -> bool {
    matches!(c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2800}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{FFFC}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_symbol(c: char) -> bool {
    matches!(
        c.general_category(),
        Category::MathSymbol | Category::CurrencySymbol | Category::ModifierSymbol | Category::OtherSymbol
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        name("a name", text, 64)
    }

    #[test]
    fn names_of_people_stand() {
        for (given, kept) in [
            (" Ada Lovelace ", "Ada Lovelace"),
            ("Ada\u{A0}\u{2003}Lovelace", "Ada Lovelace"),
            ("Ада Лавлейс", "Ада Лавлейс"),
            ("Иван (Ivan)", "Иван (Ivan)"),
            ("O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."),
            ("漢字かな カタカナ", "漢字かな カタカナ"),
            ("김철수", "김철수"),
            ("עברית שם", "עברית שם"),
            ("नमस्ते", "नमस्ते"),
            ("Nguye\u{302}\u{303}n", "Nguyễn"),
            ("★ Ada 2 🚀", "★ Ada 2 🚀"),
            ("Ａｄａ", "Ａｄａ"),
        ] {
            assert_eq!(check(given).as_deref(), Ok(kept), "{given:?}");
        }
    }

    #[test]
    fn tricks_are_refused() {
        let zalgo = format!("a{}", "\u{0301}\u{0316}\u{0332}\u{0347}\u{0353}");
        for bad in [
            "",
            " \u{A0} ",
            "a\nb",
            "a\u{2028}b",
            "a\u{200B}b",       // zero-width space
            "a\u{200D}b",       // zero-width joiner
            "a\u{2060}b",       // word joiner
            "a\u{00AD}b",       // soft hyphen
            "a\u{034F}b",       // combining grapheme joiner
            "a\u{061C}b",       // Arabic letter mark
            "a\u{202E}b",       // right-to-left override
            "a\u{2067}b",       // right-to-left isolate
            "a\u{FEFF}b",       // byte order mark
            "a\u{FE0F}b",       // variation selector
            "a\u{E0041}b",      // tag
            "a\u{3164}b",       // Hangul filler
            "\u{2800}\u{2800}", // Braille blank
            "a\u{E000}b",       // private use
            "a\u{0378}b",       // unassigned
            "a\u{20DD}b",       // enclosing circle
            "\u{0301}a",        // begins with a mark
            &zalgo,
            "pаypal",  // Cyrillic а
            "Αdmin",   // Greek Α
            "Ωmega",   // Greek Ω
            "аdmin 1", // in one of its words
            "---",
            &"x".repeat(65),
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn longer_texts_keep_their_lines_and_emoji() {
        assert_eq!(
            lines("it", " one\ntwo\t❤\u{FE0F} 👩\u{200D}🚀 ", 99).as_deref(),
            Ok("one\ntwo\t❤\u{FE0F} 👩\u{200D}🚀")
        );
        assert_eq!(lines("it", "", 99).as_deref(), Ok(""));
        for bad in ["a\u{0}b", "a\u{202E}b", "a\u{E0041}b", "a\u{200B}b", &"x".repeat(100)] {
            assert!(lines("it", bad, 99).is_err(), "{bad:?}");
        }
        assert!(remark("it", "spam, twice", 99).is_ok());
        assert!(remark("it", " ", 99).is_err() && remark("it", "a\nb", 99).is_err());
    }
}
