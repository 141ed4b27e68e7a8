//! Names and descriptions that people give to games.

use unicode_normalization::UnicodeNormalization as _;

/// Longest name of a game, in characters.
pub const GAME_NAME_MAX: usize = 64;
/// Longest description of a game, in characters.
pub const GAME_DESCRIPTION_MAX: usize = 4000;

/// A game's name: NFC, trimmed, one line, not empty, without control and invisible formatting characters.
///
/// # Errors
/// What is wrong, for people.
pub fn game_name(text: &str) -> Result<String, String> {
    let name: String = text.trim().nfc().collect();
    if !(1..=GAME_NAME_MAX).contains(&name.chars().count()) {
        return Err(format!("a game's name has 1 to {GAME_NAME_MAX} characters"));
    }
    if name.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err("a game's name has no control or invisible characters".into());
    }
    Ok(name)
}

/// A game's description: NFC, trimmed, perhaps empty, lines allowed.
///
/// # Errors
/// What is wrong, for people.
pub fn game_description(text: &str) -> Result<String, String> {
    let description: String = text.trim().nfc().collect();
    if description.chars().count() > GAME_DESCRIPTION_MAX {
        return Err(format!("a game's description has at most {GAME_DESCRIPTION_MAX} characters"));
    }
    if description.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err("a game's description has no control characters but line ends and tabs".into());
    }
    Ok(description)
}

/// Zero-width and direction-changing characters: what is shown would not be what is there.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_shows_what_it_has() {
        assert_eq!(game_name("  Эпоха звёзд ").unwrap(), "Эпоха звёзд");
        for bad in ["", "  ", &"x".repeat(65), "a\nb", "a\u{202E}b", "a\u{200B}b"] {
            assert!(game_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_description_may_have_lines_or_nothing() {
        assert_eq!(game_description(" one\ntwo ").unwrap(), "one\ntwo");
        assert_eq!(game_description("").unwrap(), "");
        assert!(game_description("a\u{0}b").is_err() && game_description(&"x".repeat(4001)).is_err());
    }
}
