//! What somebody else's program wrote, made short and plain enough for a log line, a row or a mail: engines, daemons and registries say
//! what they like and as much as they like (SPEC §8).

/// The longest such text in a log line, a push or a mail, in characters.
pub const SHORT: usize = 300;
/// The longest such text in a row that people read (`last_error`, the operations log), in characters.
pub const LONG: usize = 1_500;

/// The beginning of a text, at most `max` characters; `…` is the last one where something was left out. Control characters, line ends
/// and characters that turn the direction of what follows become blanks, and blanks in a row become one. Looks no further into the
/// text than it must.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if is_unseen(c) {
            gap = length > 0;
            continue;
        }
        let needed = 1 + usize::from(gap);
        if length + needed > max {
            // The last character makes room for the sign that more followed.
            if length >= max {
                out.pop();
            }
            out.push('…');
            return out;
        }
        if gap {
            out.push(' ');
        }
        out.push(c);
        length += needed;
        gap = false;
    }
    out
}

/// The end of a text, as [`excerpt`] gives its beginning: of what a program said last, the end explains most.
#[must_use]
pub fn ending(text: &str, max: usize) -> String {
    let text = text.trim();
    let Some((from, _)) = text.char_indices().rev().nth(max.saturating_sub(1)) else { return excerpt(text, max) };
    if from == 0 {
        return excerpt(text, max);
    }
    // The first character says that something is left out: of one there is nothing else.
    let room = max.checked_sub(2);
    let kept = room.and_then(|last| text.char_indices().rev().nth(last)).map_or(text.len(), |(at, _)| at);
    format!("…{}", excerpt(text.get(kept..).unwrap_or_default(), max))
}

/// Blanks, controls, and what turns or hides the text around it.
fn is_unseen(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_characters_and_shows_that_it_was() {
        assert_eq!(excerpt("short", 10), "short");
        assert_eq!(excerpt("exact", 5), "exact");
        assert_eq!(excerpt("longer than five", 5), "long…");
        assert_eq!(excerpt("ääääääää", 3), "ää…");
        assert_eq!(excerpt("anything", 0).chars().count(), 1);
        let long = "x".repeat(8 << 20);
        assert_eq!(excerpt(&long, SHORT).chars().count(), SHORT);
        assert_eq!(ending(&long, SHORT).chars().count(), SHORT);
    }

    #[test]
    fn nothing_in_it_breaks_a_line_or_hides() {
        assert_eq!(excerpt("  a\r\n\t b\0c\u{1b}[31m\u{202e}d  ", 100), "a b c [31m d");
        assert_eq!(excerpt("\n\n", 100), "");
        assert_eq!(excerpt("ab   cd", 3), "ab…");
    }

    #[test]
    fn the_end_is_kept_where_the_end_matters() {
        assert_eq!(ending("short", 10), "short");
        assert_eq!(ending("0123456789", 4), "…789");
        assert_eq!(ending("0123456789", 1), "…");
        assert_eq!(ending("panicked:\nno such luck\n", 8), "…ch luck");
    }
}
