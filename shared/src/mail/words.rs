//! What people, engines and relays wrote, in a form that a mail can repeat: it cannot pass for the mail's own words, and it
//! does not change how what stands around it is read.

use std::fmt;

use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};

/// The longest [`Line`], in characters. Names are shorter by their own rules; whatever else is cut.
const LINE_CHARS: usize = 200;
/// The most lines of a [`Prose`].
const PROSE_LINES: usize = 12;

/// A name, or another text of one line. Line ends and control characters became spaces; bidi controls and other invisible
/// characters are gone, but for the joiners that scripts and emoji need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Cleans a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // A flag of a region is spelt with tag characters behind a black flag; elsewhere they only hide.
        let flags = text.contains('\u{1F3F4}');
        let visible = text.chars().filter_map(|c| match c.general_category() {
            Category::Control | Category::LineSeparator | Category::ParagraphSeparator => Some(' '),
            Category::Format => {
                let joins = matches!(c, '\u{200C}' | '\u{200D}');
                let tags = flags && ('\u{E0020}'..='\u{E007F}').contains(&c);
                (joins || tags).then_some(c)
            }
            Category::Unassigned | Category::PrivateUse => None,
            _ => Some(c),
        });
        let spaced: String = visible.collect();
        let mut line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((cut, _)) = line.char_indices().nth(LINE_CHARS) {
            line.truncate(cut);
            line.push('…');
        }
        Self(line)
    }

    /// The cleaned text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of several lines that somebody wrote: mails show it as a quotation, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose(Vec<Line>);

impl Prose {
    /// Cleans a text; empty lines are dropped, and what is beyond the bounds.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let lines = text.lines().map(Line::new).filter(|line| !line.0.is_empty());
        Self(lines.take(PROSE_LINES).collect())
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.0
    }
}

impl From<&str> for Prose {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Prose {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_that_shows_all_it_holds() {
        for (wrote, reads) in [
            ("Rim", "Rim"),
            ("  Zoë\t &  co ", "Zoë & co"),
            ("Rim\r\nBcc: eve@example.org", "Rim Bcc: eve@example.org"),
            ("a\u{2028}b\u{85}c\0d", "a b c d"),
            ("Galaxy \u{202E}nimda\u{202C}", "Galaxy nimda"),
            ("\u{2067}x\u{2069}\u{200F}\u{61C}\u{FEFF}y", "xy"),
            ("Ada 👩\u{200D}🚀 ❤\u{FE0F}", "Ada 👩\u{200D}🚀 ❤\u{FE0F}"),
            ("علی\u{200C}رضا", "علی\u{200C}رضا"),
            (
                "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
                "🏴\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
            ),
            ("x\u{E0041}\u{E0042}", "x"),
        ] {
            assert_eq!(Line::new(wrote).as_str(), reads, "{wrote:?}");
        }
        assert_eq!(Line::new(&"é".repeat(1000)).as_str().chars().count(), LINE_CHARS + 1);
    }

    #[test]
    fn prose_keeps_its_lines_within_bounds() {
        let prose = Prose::new("one\r\n\r\n two\u{202E} \nthree");
        assert_eq!(prose.lines().iter().map(Line::as_str).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(Prose::new(&"x\n".repeat(1000)).lines().len(), PROSE_LINES);
    }
}
