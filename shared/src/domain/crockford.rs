//! Crockford's base 32: codes that people read aloud, type and paste. No `I`, `L`, `O` or `U`, so that nothing is taken for
//! something else, and no word comes out.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The symbols, by their value.
const ALPHABET: [char; 32] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P',
    'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
];

/// Symbols that stand together.
const GROUP: usize = 4;

/// The symbol of the last five bits.
#[must_use]
pub fn symbol(bits: u128) -> char {
    usize::try_from(bits & 31).ok().and_then(|value| ALPHABET.get(value)).copied().unwrap_or('0')
}

/// What a person typed, pasted or dictated: blanks, dashes and invisible characters are passed over, letters may be in any case and
/// of any width, and the letters that look like digits are those digits. `None` where it has other characters, or more than
/// `most` symbols.
#[must_use]
pub fn read(typed: &str, most: usize) -> Option<String> {
    let mut code = String::with_capacity(most);
    for c in typed.nfkc().filter(|c| !is_passed_over(*c)) {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        };
        if !ALPHABET.contains(&c) || code.len() == most {
            return None;
        }
        code.push(c);
    }
    Some(code)
}

/// Symbols in groups of four, `7KQ4-9XNM-2RTD`.
#[must_use]
pub fn grouped(code: &str) -> String {
    code.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

fn is_passed_over(c: char) -> bool {
    c.is_whitespace()
        || c == '\u{2212}' // minus: what some keyboards write for a dash
        || matches!(c.general_category(), GeneralCategory::DashPunctuation | GeneralCategory::Format)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn five_bits_are_one_of_thirty_two_symbols() {
        assert_eq!((0..64).map(symbol).collect::<BTreeSet<_>>().len(), 32);
        assert_eq!((symbol(0), symbol(31), symbol(32)), ('0', 'Z', '0'));
    }
}
