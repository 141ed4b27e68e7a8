//! The canonical key: NFKC, full case folding, the confusables skeleton of UTS 39 §4, letters, digits and marks only.
//!
//! Equality of keys is transitive, so a key that honours both case and looks must put together whatever a chain of the two
//! connects. Skeletons are not stable under folding, nor folding under skeletons: both are applied until nothing changes. And
//! what looks alike in capitals only (`Н` and `H`, but `н` and `h` not) is alike, as a name is the same in any case.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Rounds after which it is certain that something goes in a circle; in fact two or three are enough.
const ROUNDS: usize = 8;

/// The key of a name's letters, normalised by NFKC.
pub(super) fn of(letters: &str) -> String {
    canonical(&as_seen(letters))
}

/// Applies folding and skeleton until nothing changes.
pub(super) fn canonical(text: &str) -> String {
    let mut key = text.to_owned();
    for _ in 0..ROUNDS {
        let next = round(&key);
        if next == key {
            break;
        }
        key = next;
    }
    key
}

fn round(text: &str) -> String {
    let folded = caseless::default_case_fold_str(&text.nfkc().collect::<String>());
    let looks: String = folded.nfd().map(prototype).collect();
    let mut next = String::with_capacity(looks.len());
    for c in looks.nfkd().filter(|c| c.is_alphanumeric() || is_combining_mark(*c)) {
        match (c, next.chars().next_back()) {
            // "I" is the same letter as "i", and looks like "l" and "1": for a key that honours both, all four are one.
            ('i', _) => next.push('l'),
            // A dot above a letter that has one already is not seen.
            ('\u{307}', Some('l' | 'j')) => {}
            _ => next.push(c),
        }
    }
    next.nfkc().collect()
}

/// What a character, folded and decomposed, looks like: to an ASCII letter as it is, else to one as a capital, else
/// whatever UTS 39 says of it. Where it looks like two different ones (`ν` as it is like `v`, as a capital like `N`) the small
/// form counts: else `v` and `n` would be one letter for everybody.
fn prototype(c: char) -> String {
    let small = skeleton(c.encode_utf8(&mut [0; 4]));
    if small.is_ascii() {
        return small;
    }
    let capital: String = c.to_uppercase().collect();
    if capital.chars().eq([c]) {
        return small;
    }
    Some(skeleton(&capital)).filter(|capital| capital.is_ascii()).unwrap_or(small)
}

fn skeleton(text: &str) -> String {
    unicode_security::skeleton(text).collect()
}

/// The letters from left to right as they are seen (UTS 39 §4, bidiSkeleton): a name in a script that runs from right to
/// left is turned round, letter by letter with its marks; its numbers are not, they run from left to right everywhere.
fn as_seen(letters: &str) -> String {
    if !letters.chars().any(runs_left) {
        return letters.to_owned();
    }
    let mut clusters: Vec<String> = Vec::new();
    let mut in_number = false;
    for c in letters.chars() {
        match clusters.last_mut() {
            Some(last) if is_combining_mark(c) || (in_number && c.is_numeric()) => last.push(c),
            _ => clusters.push(c.into()),
        }
        in_number = c.is_numeric();
    }
    clusters.into_iter().rev().collect()
}

/// Hebrew, Arabic, Thaana and their neighbours, Hanifi Rohingya and Adlam; presentation forms are gone with NFKC.
fn runs_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{10D00}'..='\u{10D3F}' | '\u{1E900}'..='\u{1E95F}') && c.is_alphabetic()
}
