//! Names and passwords of administrators (SPEC §5 admin, §16).

/// Longest name, in characters.
pub const NAME_MAX: usize = 64;
/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// Longest password, in octets: bcrypt reads no more.
pub const PASSWORD_MAX: usize = 72;

/// A name for HTTP Basic, which ends it at a colon, and for a path: ASCII letters, digits and `. _ - @ +`.
///
/// # Errors
/// What is wrong, for people.
pub fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > NAME_MAX {
        return Err(format!("an administrator's name has 1 to {NAME_MAX} characters"));
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@+".contains(&b)) || text.bytes().all(|b| b == b'.') {
        return Err("an administrator's name has ASCII letters, digits and . _ - @ + only".into());
    }
    Ok(text.to_owned())
}

/// A password: long enough, short enough for bcrypt, and without control characters.
///
/// # Errors
/// What is wrong, for people.
pub fn password(text: &str) -> Result<(), String> {
    if text.chars().count() < PASSWORD_MIN {
        return Err(format!("a password has at least {PASSWORD_MIN} characters"));
    }
    if text.len() > PASSWORD_MAX {
        return Err(format!("a password has at most {PASSWORD_MAX} octets in UTF-8"));
    }
    if text.chars().any(char::is_control) {
        return Err("a password has no control characters".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_header_and_a_path() {
        for good in ["root", "Ada.Lovelace", "ops-2@example.org", "a+b_c"] {
            assert_eq!(name(good).unwrap(), good);
        }
        for bad in ["", ".", "..", "a:b", "a b", "a/b", "é", "a\0", &"x".repeat(65)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_as_long_as_they_must_and_no_longer_than_bcrypt_reads() {
        for good in ["8 octets", "пароль-пароль", &"x".repeat(72)] {
            password(good).unwrap();
        }
        for bad in ["", "7 octet", "with\0null", "with\nline", &"x".repeat(73), &"я".repeat(37)] {
            assert!(password(bad).is_err(), "{bad:?}");
        }
    }
}
