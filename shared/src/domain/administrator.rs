//! Names and passwords of administrators (SPEC §5 admin, §16).

/// Longest name, in characters.
pub const NAME_MAX: usize = 64;
/// Shortest password, in bytes of its UTF-8.
pub const PASSWORD_MIN: usize = 15;
/// Longest password, in bytes of its UTF-8: bcrypt reads 72, of which the closing NUL is one.
pub const PASSWORD_MAX: usize = 71;
/// A password that is guessed within this many tries is one of the commonest. At 15 bytes that is what is made of one or two
/// pieces that everybody thinks of: words that lead the lists, keyboard walks, counting, repetitions.
const COMMON_BELOW: u64 = 100_000_000;

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

/// A password for an administrator called `name`: long enough, short enough for bcrypt, without control characters, and none of
/// the commonest (NIST SP 800-63B, 3.1.1.2), the name and the product's among them. Accounts keep what they had before.
///
/// # Errors
/// What is wrong, for people; never the password.
pub fn password(text: &str, name: &str) -> Result<(), String> {
    if text.len() < PASSWORD_MIN {
        return Err(format!("a password has at least {PASSWORD_MIN} bytes"));
    }
    if text.len() > PASSWORD_MAX {
        return Err(format!("a password has at most {PASSWORD_MAX} bytes in UTF-8, which is what bcrypt reads"));
    }
    if text.chars().any(char::is_control) {
        return Err("a password has no control characters".into());
    }
    if zxcvbn::zxcvbn(text, &[name, "galaxy"]).guesses() < COMMON_BELOW {
        return Err(
            "this password is too common: of such words, rows of keys or repetitions are the first that are guessed"
                .into(),
        );
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
        let random = "kQ3#vX9!pL2$wZ7%mR5^tB8&nC4*jD6(hF1)gS0_yA+uE=iO-xK?rT:qW;zV,cM.bN/lPuY";
        assert_eq!(random.len(), 71);
        for good in ["fifteen bytes x", "пароль за горой", "correct horse battery", "a long enough one", random]
        {
            password(good, "root").unwrap_or_else(|why| panic!("{good}: {why}"));
        }
        for bad in
            ["", "fourteen bytes", "with\0null within", "with\nline within", &format!("{random}x"), &"я".repeat(36)]
        {
            assert!(password(bad, "root").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_commonest_passwords_are_refused_however_long() {
        for common in [
            "123456789012345",
            "111111111111111",
            "1234567890123456789",
            "passwordpassword",
            "PasswordPassword",
            "P@ssw0rdP@ssw0rd",
            "password12345678",
            "qwertyuiopasdfgh",
            "qwertyuiop123456",
            "1qaz2wsx3edc4rfv",
            "abcdefghijklmnop",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "administrator123",
            "iloveyouiloveyou",
            "letmeinletmein12",
            "galaxygalaxygalaxy",
            "zzyzzx-warden-42zzyzzx-warden-42",
            "               ",
        ] {
            assert!(password(common, "zzyzzx-warden-42").is_err(), "{common}");
        }
    }
}
