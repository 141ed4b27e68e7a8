//! Where a character that shows nothing by itself may stand: joiners as UAX 31 §2.3 has them, the parts of emoji sequences
//! (UTS 51 §1.4), and variation selectors on what has variants. There it changes what is seen; anywhere else it hides.

use icu_properties::props::{Emoji, IndicSyllabicCategory, JoiningType, LineBreak, Script};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory as _};

use super::{hides, is_symbol, script};

/// Zero-width non-joiner.
const ZWNJ: char = '\u{200C}';
/// Zero-width joiner.
const ZWJ: char = '\u{200D}';
/// The canonical combining class of viramas.
const VIRAMA: u8 = 9;

/// What becomes of a character that may not stand where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The text is refused.
    Refuse,
    /// The character goes.
    Drop,
}

/// The verdict on one character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It stands.
    Legal,
    /// It changes nothing that is seen, as keyboards leave it behind: it goes.
    Idle,
    /// It hides.
    Illegal,
}

/// The text without what is idle; in [`Mode::Drop`] without what is illegal, too.
///
/// # Errors
/// The first illegal character, in [`Mode::Refuse`].
pub fn settle(text: &str, mode: Mode) -> Result<String, char> {
    walk(text, mode, |_| false)
}

/// As [`settle`], for a text of many lines: line feeds and tabs stand, and joiners and selectors of emoji wherever they are:
/// nobody is known by a text.
///
/// # Errors
/// The first illegal character.
pub fn settle_lines(text: &str) -> Result<String, char> {
    walk(text, Mode::Refuse, |c| matches!(c, '\n' | '\t' | ZWNJ | ZWJ | '\u{FE0E}' | '\u{FE0F}'))
}

fn walk(text: &str, mode: Mode, stands: impl Fn(char) -> bool) -> Result<String, char> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    while let [c, after @ ..] = rest {
        let before = chars.get(..chars.len() - rest.len()).unwrap_or_default();
        rest = after;
        if *c == '\u{1F3F4}' {
            // A flag of a part of a country: its tags are read as a whole.
            let tags = flag_tags(after);
            out.push(*c);
            out.extend(after.iter().take(tags));
            rest = after.get(tags..).unwrap_or_default();
            continue;
        }
        match if stands(*c) { Place::Legal } else { place(before, *c, after) } {
            Place::Legal => out.push(*c),
            Place::Illegal if mode == Mode::Refuse => return Err(*c),
            Place::Idle | Place::Illegal => {}
        }
    }
    Ok(out)
}

fn place(before: &[char], c: char, after: &[char]) -> Place {
    let legal = |stands: bool| if stands { Place::Legal } else { Place::Illegal };
    match c {
        ZWNJ => non_joiner(before, after),
        ZWJ => legal(joins_emoji(before, after) || joins_letters(before, after)),
        '\u{FE0E}' | '\u{FE0F}' => match before.last() {
            Some(base) if is_emoji(*base) => Place::Legal,
            Some('0'..='9' | '#' | '*') => legal(after.first() == Some(&'\u{20E3}')),
            Some(base) if is_symbol(*base) => Place::Idle,
            _ => Place::Illegal,
        },
        '\u{20E3}' => {
            let base = before.iter().rev().find(|c| **c != '\u{FE0F}');
            legal(matches!(base, Some('0'..='9' | '#' | '*')))
        }
        // Variants of ideographs, as the family registers of Japan write names (UTS 37), and of Burmese letters.
        '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}' => {
            legal(before.last().is_some_and(|base| match script(*base) {
                Script::Han => true,
                Script::Myanmar => c == '\u{FE00}',
                _ => false,
            }))
        }
        '\u{180B}'..='\u{180F}' => legal(before.last().is_some_and(|base| script(*base) == Script::Mongolian)),
        // Scripts without blanks between words: their keyboards set a mark where a line may end.
        '\u{200B}' => {
            let breaks = |c: Option<&char>| {
                c.is_some_and(|c| CodePointMapData::<LineBreak>::new().get(*c) == LineBreak::ComplexContext)
            };
            if breaks(before.last()) || breaks(after.first()) { Place::Idle } else { Place::Illegal }
        }
        c => legal(!hides(c)),
    }
}

/// A variation selector of any kind.
pub fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether the character is an emoji, or becomes one with a selector. Digits do in keycaps only.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
}

/// A joiner between two elements of an emoji sequence.
fn joins_emoji(before: &[char], after: &[char]) -> bool {
    let element = match before {
        [.., base, '\u{FE0F}'] => is_emoji(*base),
        [.., last] => is_emoji(*last),
        [] => false,
    };
    element && after.first().is_some_and(|c| is_emoji(*c))
}

/// UAX 31, rule B, and a letter that keeps its form before a virama, as Bengali and Kannada write `র‍্য`.
fn joins_letters(before: &[char], after: &[char]) -> bool {
    let vowel =
        |c: &char| CodePointMapData::<IndicSyllabicCategory>::new().get(*c) == IndicSyllabicCategory::VowelDependent;
    if follows_virama(before) {
        return !after.first().is_some_and(vowel);
    }
    let letter = before.iter().rev().find(|c| !is_combining_mark(**c));
    letter.is_some_and(|c| c.is_alphabetic()) && after.first().is_some_and(|c| canonical_combining_class(*c) == VIRAMA)
}

/// UAX 31, rules A1 and A2. Between letters of a cursive script that would not join anyway a non-joiner is idle: Persian
/// keyboards leave it in compounds.
fn non_joiner(before: &[char], after: &[char]) -> Place {
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let solid = |c: &&char| joining(c) != JoiningType::Transparent;
    let (left, right) = (before.iter().rev().find(solid).map(joining), after.iter().find(solid).map(joining));
    let left_joins = matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining));
    let right_joins = matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining));
    let next = after.iter().find(|c| !is_combining_mark(**c));
    if left_joins && right_joins || follows_virama(before) && next.is_some_and(|c| c.is_alphabetic()) {
        return Place::Legal;
    }
    let cursive = |joining: Option<JoiningType>| joining.is_some_and(|j| j != JoiningType::NonJoining);
    if cursive(left) && cursive(right) { Place::Idle } else { Place::Illegal }
}

/// A letter, its marks, a virama, and marks that are drawn apart from it.
fn follows_virama(before: &[char]) -> bool {
    let aside = |c: &&char| is_combining_mark(**c) && !matches!(canonical_combining_class(**c), 0 | VIRAMA);
    let mut back = before.iter().rev().skip_while(aside);
    if back.next().is_none_or(|c| canonical_combining_class(*c) != VIRAMA) {
        return false;
    }
    let base = back.find(|c| !is_combining_mark(**c) && **c != ZWJ);
    base.is_some_and(|c| c.general_category_group() == GeneralCategoryGroup::Letter)
}

/// How many tags after a black flag name a part of a country (UTS 51 §C.1): its country's two letters, one to three letters or
/// digits, and the closing tag. None where they are anything else.
fn flag_tags(after: &[char]) -> usize {
    let tag = |c: &char| char::from_u32(u32::from(*c).wrapping_sub(0xE0000)).filter(char::is_ascii);
    let code: String = after.iter().map_while(tag).take_while(|c| c.is_ascii_alphanumeric()).collect();
    let country = code.bytes().take(2).filter(u8::is_ascii_lowercase).count();
    let closed = after.get(code.len()) == Some(&'\u{E007F}');
    if country == 2 && (3..=5).contains(&code.len()) && closed { code.len() + 1 } else { 0 }
}
