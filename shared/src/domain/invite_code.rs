//! Shareable invite codes (SPEC §7): 80 random bits in Crockford's base32, written in groups of four, and read however people
//! write them down.

use super::crockford;

/// Characters of a code, without the hyphens between its groups.
const LENGTH: usize = 16;

/// The code of 80 random bits, as in `7K3M-0QXW-9ZTB-52HC`.
#[must_use]
pub fn write(bits: [u8; 10]) -> String {
    let all = bits.iter().fold(0_u128, |all, byte| (all << 8) | u128::from(*byte));
    let code: String = (0..LENGTH).rev().map(|place| crockford::symbol(all >> (5 * place))).collect();
    crockford::grouped(&code)
}

/// The codes that what somebody typed can mean, as they are stored: the text without blanks around it, since codes of former
/// versions are told apart by case, and the text read as a code of this version ([`crockford::read`]).
#[must_use]
pub fn read(typed: &str) -> Vec<String> {
    let mut codes = vec![typed.trim().to_owned()];
    let code = crockford::read(typed, LENGTH).filter(|code| code.len() == LENGTH);
    codes.extend(code.map(|code| crockford::grouped(&code)));
    codes
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
