//! Fuzzing: what must hold of a parser whatever it is given.
//!
//! A target is a test in a module named `fuzz`, beside the parser that it is about. It names samples (most often the rows of a
//! table under `shared/tests/tables`), words of the parser's language, and a property. Each input is made from a script of
//! bytes: some are the script itself, most are a sample with a few edits. Two engines write scripts:
//!
//! * In every test run a random generator with a fixed seed, a fixed number of times, so that the run is the same everywhere.
//! * In `cargo xtask fuzz` libFuzzer, which is led by what the parser's code does with them.
//!
//! An input that a property does not hold of is printed as the field of a table's row.

#[cfg(fuzzing_libfuzzer)]
mod libfuzzer;

#[cfg(not(fuzzing_libfuzzer))]
use rand::{Rng as _, RngCore as _, SeedableRng as _};

/// Where random scripts begin.
#[cfg(not(fuzzing_libfuzzer))]
const SEED: u64 = 0x0047_414c_4158_5921;
/// A script has at most so many bytes: some ten edits.
#[cfg(not(fuzzing_libfuzzer))]
const SCRIPT: usize = 48;
/// An input that has grown to so many bytes is edited no further.
const LONGEST: usize = 16 << 10;
/// Characters that parsers trip over: ends of lines and texts, marks, joiners, other widths, digits and directions.
const ODD: [char; 44] = [
    '\0',
    '\t',
    '\n',
    '\r',
    '\u{1b}',
    ' ',
    '"',
    '\'',
    '\\',
    '/',
    '@',
    ':',
    ';',
    ',',
    '.',
    '-',
    '_',
    '=',
    '%',
    '[',
    ']',
    '{',
    '<',
    '\u{7f}',
    '\u{85}',
    '\u{a0}',
    '\u{ad}',
    'ß',
    'İ',
    'ı',
    'ſ',
    '\u{301}',
    '\u{94d}',
    '\u{102e}',
    '\u{200b}',
    '\u{200d}',
    '\u{202e}',
    '\u{2028}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ff10}',
    '\u{ff0e}',
    '\u{ffff}',
    '\u{10ffff}',
];

/// What a property is held against, and how often.
#[derive(Debug, Clone)]
pub struct Target {
    #[cfg_attr(fuzzing_libfuzzer, expect(dead_code, reason = "libFuzzer counts time"))]
    rounds: u32,
    samples: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Target {
    /// A target of so many random inputs in a test run, besides its samples. `GALAXY_FUZZ_ROUNDS` multiplies it.
    #[must_use]
    pub fn new(rounds: u32) -> Self {
        Self { rounds, samples: Vec::new(), words: &[] }
    }

    /// Inputs to begin with.
    #[must_use]
    pub fn samples<S: AsRef<[u8]>>(mut self, samples: impl IntoIterator<Item = S>) -> Self {
        self.samples.extend(samples.into_iter().map(|sample| sample.as_ref().to_vec()));
        self
    }

    /// Pieces that the parser knows.
    #[must_use]
    pub fn words(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    /// Holds a property of texts against each input. Bytes that are no UTF-8 are replaced.
    ///
    /// # Panics
    /// When the property does.
    pub fn texts(&self, property: impl Fn(&str)) {
        self.bytes(|bytes| property(&String::from_utf8_lossy(bytes)));
    }

    /// Holds a property against each input.
    ///
    /// # Panics
    /// When the property does.
    pub fn bytes(&self, property: impl Fn(&[u8])) {
        for sample in &self.samples {
            held(sample, &property);
        }
        self.search(&property);
    }

    #[cfg(not(fuzzing_libfuzzer))]
    fn search(&self, property: &impl Fn(&[u8])) {
        let times = std::env::var("GALAXY_FUZZ_ROUNDS").map_or(1, |times| times.parse().expect("a whole number"));
        let rounds = self.rounds.checked_mul(times).expect("fewer rounds");
        println!("{rounds} rounds from seed {SEED:#x}");
        let mut random = rand::rngs::StdRng::seed_from_u64(SEED);
        for _ in 0..rounds {
            let mut script = vec![0; random.random_range(1..=SCRIPT)];
            random.fill_bytes(&mut script);
            held(&self.input(&script), property);
        }
    }

    #[cfg(fuzzing_libfuzzer)]
    fn search(&self, property: &impl Fn(&[u8])) {
        libfuzzer::run(&|script| held(&self.input(script), property))
    }

    /// The input that a script makes.
    fn input(&self, script: &[u8]) -> Vec<u8> {
        let mut script = Script(script);
        let own = script.below(8) == 0;
        let Some(sample) = script.one_of(&self.samples).filter(|_| !own) else { return script.0.to_vec() };
        let mut input = sample.clone();
        while !script.0.is_empty() && input.len() < LONGEST {
            self.edit(&mut script, &mut input);
        }
        input
    }

    fn edit(&self, script: &mut Script<'_>, input: &mut Vec<u8>) {
        let kind = script.below(10);
        let (a, b) = (script.place(input), script.place(input));
        let (start, end) = (a.min(b), a.max(b));
        // Far ranges are edited seldom: most of a sample stays what it is.
        let near = input.get(start + 4..).map_or(end, |_| boundary(input, end.min(start + 4)).max(start));
        let mut utf8 = [0; 4];
        match kind {
            0 | 1 => {
                let word = script.one_of(self.words).copied().unwrap_or_default();
                input.splice(start..if kind == 0 { start } else { near }, word.bytes());
            }
            2 | 3 => {
                let odd = script.one_of(&ODD).copied().unwrap_or_default();
                input.splice(start..if kind == 2 { start } else { near }, odd.encode_utf8(&mut utf8).bytes());
            }
            4 => drop(input.drain(start..near)),
            5 => {
                let many = script.below(300);
                let piece = input[start..near].repeat(many);
                input.splice(start..start, piece);
            }
            6 => {
                let other = script.one_of(&self.samples).cloned().unwrap_or_default();
                let from = script.place(&other);
                input.truncate(start);
                input.extend_from_slice(&other[from..]);
            }
            7 => {
                if let Some(byte) = input.get_mut(start) {
                    *byte = if byte.is_ascii_alphabetic() { *byte ^ 0x20 } else { script.byte() };
                }
            }
            8 => {
                let number = u32::from_le_bytes([script.byte(), script.byte(), script.byte() % 3, 0]);
                let c = char::from_u32(number).unwrap_or('\u{fffd}');
                input.splice(start..start, c.encode_utf8(&mut utf8).bytes());
            }
            _ => input.truncate(end),
        }
    }
}

/// What is left of a script; at its end there are zeros.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// A number below `most`, or 0.
    fn below(&mut self, most: usize) -> usize {
        let number =
            if most <= 256 { self.byte().into() } else { u16::from_le_bytes([self.byte(), self.byte()]).into() };
        usize::checked_rem(number, most).unwrap_or(0)
    }

    fn one_of<'b, T>(&mut self, all: &'b [T]) -> Option<&'b T> {
        all.get(self.below(all.len()))
    }

    /// A place in a text, between characters.
    fn place(&mut self, text: &[u8]) -> usize {
        boundary(text, self.below(text.len() + 1))
    }
}

/// The place at `at`, or before it where a character would be split.
fn boundary(text: &[u8], at: usize) -> usize {
    (0..=at).rev().find(|at| text.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80)).unwrap_or(0)
}

fn held(input: &[u8], property: impl Fn(&[u8])) {
    let finding = Finding(input);
    property(finding.0);
}

/// Prints its input when a property fails.
struct Finding<'a>(&'a [u8]);

impl Drop for Finding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the property does not hold of {}", row(self.0));
        }
    }
}

/// An input as the tables write it, or as bytes where it is no text.
fn row(input: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(input) else { return format!("the bytes b\"{}\"", input.escape_ascii()) };
    let mut row = String::new();
    for c in text.chars() {
        match c {
            '\t' => row.push_str("\\t"),
            '\n' => row.push_str("\\n"),
            '\\' => row.push_str("\\\\"),
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => row.push(c),
            c => row.push_str(&format!("\\u{{{:X}}}", u32::from(c))),
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn target() -> Target {
        Target::new(2_000).samples(["ada@example.org", "größe@例子.test"]).words(&["xn--", "@"])
    }

    fn inputs() -> Vec<Vec<u8>> {
        let seen = RefCell::new(Vec::new());
        target().bytes(|input| seen.borrow_mut().push(input.to_vec()));
        seen.into_inner()
    }

    #[test]
    fn a_run_begins_with_the_samples_and_is_the_same_each_time() {
        let (first, second) = (inputs(), inputs());
        assert_eq!(first, second);
        assert_eq!(first[..2], [b"ada@example.org".to_vec(), "größe@例子.test".as_bytes().to_vec()]);
        assert!(first.iter().all(|input| input.len() < LONGEST + 2_000));
        let distinct: std::collections::HashSet<_> = first.iter().collect();
        assert!(distinct.len() > first.len() / 2, "{}", distinct.len());
    }

    #[test]
    fn a_fault_near_a_sample_is_found() {
        for fault in
            [|text: &str| text.contains("@@"), |text: &str| text.contains("x\u{301}"), |text: &str| text.len() > 600]
        {
            let run = catch_unwind(AssertUnwindSafe(|| target().texts(|text| assert!(!fault(text)))));
            assert!(run.is_err());
        }
    }

    #[test]
    fn an_input_is_printed_as_a_row_of_a_table() {
        assert_eq!(row("a\\b\t\nИ\u{202e}\r".as_bytes()), "a\\\\b\\t\\nИ\\u{202E}\\u{D}");
    }
}
