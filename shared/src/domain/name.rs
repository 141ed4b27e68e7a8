//! Names and descriptions that people give to games.

use super::fault::Fault;
use super::text;

/// Longest name of a game, in characters as people count them; [`text::name`] says how many code points they may take.
pub const GAME_NAME_MAX: usize = 64;
/// Longest description of a game, in characters.
pub const GAME_DESCRIPTION_MAX: usize = 4000;

/// A game's name, by the rules of [`text::name`].
///
/// # Errors
/// Those of [`text::name`].
pub fn game_name(text: &str) -> Result<String, Fault> {
    text::name("a game's name", text, GAME_NAME_MAX)
}

/// A game's description, by the rules of [`text::lines`]: perhaps empty, lines allowed.
///
/// # Errors
/// What is wrong, under the code `value`.
pub fn game_description(text: &str) -> Result<String, Fault> {
    text::lines("a game's description", text, GAME_DESCRIPTION_MAX).map_err(|detail| Fault::new("value", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_shows_what_it_has() {
        assert_eq!(game_name("  Эпоха звёзд ").unwrap(), "Эпоха звёзд");
        for bad in ["", "  ", &"x".repeat(65), "a\nb", "a\u{202E}b", "a\u{200B}b", "Оrion"] {
            assert!(game_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_description_may_have_lines_or_nothing() {
        assert_eq!(game_description(" one\ntwo ").unwrap(), "one\ntwo");
        assert_eq!(game_description("").unwrap(), "");
        assert!(
            game_description("a\u{0}b").is_err()
                && game_description("a\u{202E}b").is_err()
                && game_description(&"x".repeat(4001)).is_err()
        );
    }
}
