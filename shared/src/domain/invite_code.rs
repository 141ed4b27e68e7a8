//! Shareable invite codes (SPEC §7): 80 random bits in Crockford's base32, written in groups of four, and read however people
//! write them down.

/// Digits and letters without I, L, O and U (Crockford's base32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a code, without the hyphens between its groups.
const LENGTH: usize = 16;

/// Characters of a group.
const GROUP: usize = 4;

/// The code of 80 random bits, as in `7K3M-0QXW-9ZTB-52HC`.
#[must_use]
pub fn write(bits: [u8; 10]) -> String {
    let mut rest = bits.iter().fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
    let mut digits = [b'0'; LENGTH];
    for digit in digits.iter_mut().rev() {
        // Five bits are less than 32.
        *digit = usize::try_from(rest & 31).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    grouped(digits.iter().map(|digit| char::from(*digit)))
}

/// The codes that what somebody typed can mean, as they are stored: the text without blanks around it, since codes of former
/// versions are told apart by case, and the text read as a code of this version. That is read in any case, without blanks and
/// dashes, O as 0, I and L as 1.
#[must_use]
pub fn read(typed: &str) -> Vec<String> {
    let typed = typed.trim();
    let digits: Option<Vec<char>> = typed.chars().filter(|c| !separates(*c)).map(digit).collect();
    let mut codes = vec![typed.to_owned()];
    codes.extend(digits.filter(|digits| digits.len() == LENGTH).map(|digits| grouped(digits.into_iter())));
    codes
}

fn grouped(digits: impl Iterator<Item = char>) -> String {
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (at, digit) in digits.enumerate() {
        if at > 0 && at % GROUP == 0 {
            code.push('-');
        }
        code.push(digit);
    }
    code
}

/// Blanks and every dash that a keyboard or a word processor makes of a hyphen.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '_' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
}

fn digit(c: char) -> Option<char> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.contains(&u8::try_from(c).ok()?).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bits_are_in_the_code() {
        assert_eq!(write([0; 10]), "0000-0000-0000-0000");
        assert_eq!(write([255; 10]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
        assert_eq!(write([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "0000-0000-0000-0001");
        assert_eq!(write([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "G000-0000-0000-0000");
        assert_eq!(write([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "0410-6105-0R3G-G28A");
    }

    #[test]
    fn a_code_is_read_however_it_is_written() {
        let code = write([0x00, 0x42, 0x10, 0xff, 0xee, 0x31, 0x84, 0x00, 0x10, 0x20]);
        for typed in [
            code.clone(),
            code.to_lowercase(),
            code.replace('-', ""),
            code.replace('-', " "),
            code.replace('-', "–"),
            format!("  {code}\n"),
            code.replace('0', "O").replace('1', "l"),
            code.replace('0', "o").replace('1', "I"),
        ] {
            assert!(read(&typed).contains(&code), "{typed}");
        }
    }

    #[test]
    fn a_code_of_a_former_version_is_read_as_it_was_written() {
        assert_eq!(read(" wQb5v0Yx1kD2Lg "), ["wQb5v0Yx1kD2Lg"]);
        assert_eq!(read("-_-_-_-_-_-_-_"), ["-_-_-_-_-_-_-_"]);
    }

    #[test]
    fn what_is_no_code_is_read_as_nothing_else() {
        for typed in ["", "U000-0000-0000-0000", "0000-0000-0000-000", "0000-0000-0000-00000", "äöüß-äöüß-äöüß-äöüß"]
        {
            assert_eq!(read(typed), [typed]);
        }
    }
}
