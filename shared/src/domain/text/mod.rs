//! What people write and others read: names that show what they are, and longer texts that do not change how the rest of a
//! page is read.
//!
//! A name may have letters, marks and digits of every script, punctuation, symbols and emoji sequences. It shows everything
//! that is in it: characters that show nothing stand only where a script or an emoji needs them ([`place`]), marks are not
//! heaped up, and no word mixes scripts (UTS 39 §5.2, highly restrictive: Latin may stand with Chinese, Japanese or Korean,
//! as in `Tシャツ` and `阿Q`; nothing else may mix). Different words may be of different scripts: people write their names
//! twice. And a name does not read as a link ([`link`]), since mail programs and messengers would make it one.

pub(super) mod link;
pub(super) mod place;
#[cfg(test)]
mod tests;

use icu_properties::CodePointMapData;
use icu_properties::props::Script;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};
use unicode_security::MixedScript as _;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_segmentation::UnicodeSegmentation as _;

use super::fault::Fault;

/// How many code points a name has room for, for each character that it may have: emoji and stacked letters take many.
pub const CODE_POINTS: usize = 4;
/// The most marks that any script may use on one letter (UTS 39 §5.4).
const MARKS: usize = 4;
/// The most marks of a script of its own on one letter: Hebrew needs five with points and accents, Burmese six.
const OWN_MARKS: usize = 6;
/// The most marks on a Tibetan letter, whose stacks are written with them.
const TIBETAN_MARKS: usize = 8;

/// A name of one line: NFC, trimmed, white space folded to single spaces, 1 to `max` characters as people count them (extended
/// grapheme clusters, UAX 29) and at most [`CODE_POINTS`] times as many code points, and nothing that deceives. `what` begins
/// the explanation: `a display name`.
///
/// # Errors
/// What is wrong, under one of the codes `line_break`, `blank`, `length`, `control_character`, `bidi_control`,
/// `invisible_character`, `unassigned_character`, `marks`, `mixed_scripts` and `link`.
pub fn name(what: &str, text: &str, max: usize) -> Result<String, Fault> {
    // Line ends are white space too, but nobody means them in a name.
    if text.trim().contains(is_line_end) {
        return Err(Fault::new("line_break", format!("{what} is one line")));
    }
    let long = || {
        let detail = format!("{what} has at most {max} characters, and {} code points", max * CODE_POINTS);
        Fault::new("length", detail)
    };
    let name = fold(text);
    // Twice the room, for what may yet be dropped: what is looked at below looks around itself, and must not be a book.
    if name.chars().count() > 2 * max * CODE_POINTS {
        return Err(long());
    }
    let name = place::settle(&name, place::Mode::Refuse).map_err(|c| unseen(what, c))?;
    // What was dropped may have kept apart what composes.
    let name: String = name.nfc().collect();
    if name.is_empty() {
        return Err(Fault::new("blank", format!("{what} is not blank")));
    }
    if !fits(&name, max) {
        return Err(long());
    }
    if heap(&name).is_some() {
        return Err(Fault::new(
            "marks",
            format!("{what} has only a few different marks on a letter, and none on a blank"),
        ));
    }
    // As it will be read: full-width and other compatibility forms are spellings, not attacks by themselves.
    let folded: String = name.nfkc().collect();
    // Punctuation that is drawn as an emoji is something to see: a selector stands behind an emoji or in a keycap only.
    let is_drawn = name.contains(['\u{FE0F}', '\u{20E3}']);
    if !is_drawn && !folded.chars().any(|c| c.is_alphanumeric() || is_symbol(c)) {
        return Err(Fault::new("blank", format!("{what} has at least one letter, digit or symbol")));
    }
    if words(&folded).any(mixes_scripts) {
        return Err(Fault::new("mixed_scripts", format!("{what} does not mix scripts within a word")));
    }
    if link::reads_as_link(&folded) {
        let detail = format!("{what} has nothing that reads as a link or an address; put a space after a dot");
        return Err(Fault::new("link", detail));
    }
    Ok(name)
}

/// What a name can be made of by taking away what may not stand: invisible characters and heaps of marks go, line ends become
/// blanks, and what is too long is cut between characters. `None` where nothing is left, or it would still deceive.
pub fn cleaned(text: &str, max: usize) -> Option<String> {
    // A hint may be a book: what is looked at is bounded before it is looked at closely.
    let start = text.trim_start().chars().take(4 * max * CODE_POINTS);
    let text: String = start.map(|c| if is_line_end(c) || c.is_control() { ' ' } else { c }).collect();
    let text = place::settle(&fold(&text), place::Mode::Drop).unwrap_or_default();
    let mut light: String = text.nfc().collect();
    while let Some(at) = heap(&light) {
        light.remove(at);
    }
    let mut cut = String::new();
    for (n, cluster) in fold(&light).graphemes(true).enumerate() {
        if n == max || cut.chars().count() + cluster.chars().count() > max * CODE_POINTS {
            break;
        }
        cut.push_str(cluster);
    }
    name("a name", &cut, max).ok()
}

/// A text of perhaps many lines: NFC, trimmed, at most `max` characters, perhaps empty. Lines end in LF; CRLF, as forms of
/// browsers and files of Windows have it, becomes that. Emoji and scripts that join letters
/// need some invisible characters; those that turn the direction of what follows, and tags, nobody needs.
///
/// # Errors
/// What is wrong, for people.
pub fn lines(what: &str, text: &str, max: usize) -> Result<String, String> {
    let text: String = text.trim().replace("\r\n", "\n").nfc().collect();
    if text.chars().count() > max {
        return Err(format!("{what} has at most {max} characters"));
    }
    let text = place::settle_lines(&text).map_err(|c| {
        if c.is_control() {
            format!("{what} has no control characters but line ends and tabs")
        } else {
            format!("{what} has no invisible characters (U+{:04X})", u32::from(c))
        }
    })?;
    // What was dropped may have kept apart what composes.
    Ok(text.nfc().collect())
}

/// A reason or remark: as [`lines`], of one line, and not empty.
///
/// # Errors
/// What is wrong, for people.
pub fn remark(what: &str, text: &str, max: usize) -> Result<String, String> {
    // Before anything else: a line end is no stray control character.
    if text.trim().contains(|c| is_line_end(c) || c == '\t') {
        return Err(format!("{what} is one line"));
    }
    let text = lines(what, text, max)?;
    if text.is_empty() { Err(format!("{what} has 1 to {max} characters")) } else { Ok(text) }
}

/// The greatest text that begins so, in the order of bytes: where a range of names ends.
#[must_use]
pub fn greatest_from(beginning: &str) -> String {
    format!("{beginning}{}", char::MAX)
}

/// A name as it is kept, but unchecked: NFC, white space folded to single spaces, none at the ends.
pub fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect()
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn fits(name: &str, max: usize) -> bool {
    name.chars().count() <= max * CODE_POINTS && name.graphemes(true).count() <= max
}

/// Runs of letters, digits and their marks; joiners stand within words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '\u{200C}' | '\u{200D}')))
        .filter(|word| !word.is_empty())
}

/// Whether a word has letters of scripts that do not stand together.
fn mixes_scripts(word: &str) -> bool {
    if word.is_single_script() {
        return false;
    }
    let rest: String = word.chars().filter(|c| script(*c) != Script::Latin).collect();
    let rest = AugmentedScriptSet::for_str(&rest);
    !(rest.jpan || rest.kore || rest.hanb)
}

/// Where the first mark stands that is one too many, or stands on nothing; of the NFC text.
fn heap(text: &str) -> Option<usize> {
    let (mut bare, mut marks, mut own) = (true, Vec::new(), false);
    for (at, c) in text.char_indices() {
        if place::is_selector(c) || c == '\u{20E3}' {
            continue;
        }
        // Precomposed letters count with the marks that they are made of.
        for part in std::iter::once(c).nfd() {
            if !is_combining_mark(part) {
                bare = part == ' ';
                own = false;
                marks.clear();
                continue;
            }
            if bare || part.general_category() == Category::EnclosingMark {
                return Some(at);
            }
            if part.general_category() != Category::NonspacingMark {
                continue;
            }
            let most = match script(part) {
                Script::Tibetan => TIBETAN_MARKS,
                Script::Inherited | Script::Common if !own => MARKS,
                _ => OWN_MARKS,
            };
            own |= most > MARKS;
            if marks.contains(&part) || marks.len() >= most {
                return Some(at);
            }
            marks.push(part);
        }
    }
    None
}

/// What to say of a character that shows nothing, or not what it is.
pub(super) fn unseen(what: &str, c: char) -> Fault {
    let number = format!("(U+{:04X})", u32::from(c));
    match c.general_category() {
        Category::Control => Fault::new("control_character", format!("{what} has no control characters {number}")),
        Category::PrivateUse | Category::Unassigned | Category::Surrogate => Fault::new(
            "unassigned_character",
            format!("{what} has no characters that Unicode gives no meaning {number}"),
        ),
        _ if is_bidi_control(c) => {
            Fault::new("bidi_control", format!("{what} has no characters that turn the direction of reading {number}"))
        }
        _ => Fault::new(
            "invisible_character",
            format!("{what} has no invisible characters where nothing needs them {number}"),
        ),
    }
}

/// Embeddings, overrides, isolates and the marks of direction (Bidi_Control).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character shows nothing of itself, or changes how others are shown: what is read would not be what is there.
pub(super) fn hides(c: char) -> bool {
    let category = match c.general_category() {
        Category::Control
        | Category::Format
        | Category::Surrogate
        | Category::PrivateUse
        | Category::Unassigned
        | Category::LineSeparator
        | Category::ParagraphSeparator
        | Category::EnclosingMark => true,
        Category::SpaceSeparator => c != ' ',
        _ => false,
    };
    category || is_filler(c)
}

/// Letters, marks and symbols by category that are blank or ignored when drawn (Default_Ignorable_Code_Point, and the empty
/// Braille pattern).
fn is_filler(c: char) -> bool {
    matches!(c,
        '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2800}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FFA0}' | '\u{FFFC}' | '\u{E0100}'..='\u{E01EF}')
}

fn is_symbol(c: char) -> bool {
    matches!(
        c.general_category(),
        Category::MathSymbol | Category::CurrencySymbol | Category::ModifierSymbol | Category::OtherSymbol
    )
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}
