//! The delay that a relay asks for in its words: `451 4.7.1 Greylisted, try again in 900 seconds`.

use std::time::Duration;

/// The longest delay that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The words that are looked at.
const WORDS: usize = 200;

/// What stands before a delay: "in 5 minutes", "for 300 seconds", "after 00:15:00", "wait 60s".
const CUES: &[&str] =
    &["in", "for", "after", "wait", "least", "about", "another", "approximately", "remaining", RETRY_AFTER];
/// As the header of HTTP: a number without a unit is seconds.
const RETRY_AFTER: &str = "retry-after";
/// What stands before such a cue where somebody is told to come again. Only they are told of hours and days: "500 messages in
/// 1 day" is a limit, and "idle for 6 hours" the past.
const AGAIN: &[&str] = &[
    "again",
    "retry",
    "retrying",
    "reconnect",
    "resend",
    "try",
    "later",
    "back",
    "wait",
    "greylisted",
    "graylisted",
    RETRY_AFTER,
];
/// What may stand between those two: "retry this message only after 2 hours".
const OBJECTS: &[&str] = &[
    "connection",
    "connecting",
    "delivery",
    "it",
    "mail",
    "message",
    "only",
    "please",
    "sending",
    "the",
    "this",
    "your",
];
/// What stands before a cue that tells of the past, or of a limit that was passed: "idle for 10 minutes", "timeout after 300
/// seconds", "too many messages in 10 minutes".
const PAST: &[&str] = &[
    "activity",
    "closed",
    "command",
    "commands",
    "connected",
    "data",
    "dropped",
    "idle",
    "inactive",
    "inactivity",
    "nothing",
    "open",
    "out",
    "received",
    "silent",
    "timeout",
    "unused",
];
/// How many words before "in" may hold the number that makes a limit of it: "30 recent messages in 10 minutes".
const COUNTED: usize = 3;
/// What may stand between a cue and its number, and how many words of it.
const FILLERS: &[&str] = &[
    "about",
    "another",
    "approximately",
    "around",
    "at",
    "between",
    "for",
    "least",
    "next",
    "roughly",
    "some",
    "to",
    "up",
];
const BETWEEN: usize = 4;

/// The delay that these words ask for. Not every number is one: `30 messages per 60 minutes` is none.
pub(super) fn asked(text: &str) -> Option<Duration> {
    let plain = plain(text);
    let words = plain.split_whitespace().take(WORDS);
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let words: Vec<&str> = words.filter(|word| !word.is_empty() && !is_enhanced_code(word)).collect();
    let found = (0..words.len()).filter_map(|at| told(&words, at)).max();
    found.filter(|delay| !delay.is_zero()).map(|delay| delay.min(LONGEST))
}

/// The text in lower case, with what stands in one word parted where a number begins or ends: `10-15 minutes` is `10 to 15
/// minutes`, `5m0s` is `5m 0s`, `retry-after:900` and `retry-after=900` are `retry-after 900`.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut last, mut of_number) = (' ', false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let before_digit = chars.peek().is_some_and(char::is_ascii_digit);
        if last.is_whitespace() {
            of_number = c.is_ascii_digit();
        }
        match c {
            '-' | '–' | '—' if last.is_ascii_alphanumeric() && before_digit => plain.push_str(" to "),
            '-' | '–' | '—' if last.is_ascii_digit() => plain.push(' '),
            '=' | '"' => plain.push(' '),
            ':' if !last.is_ascii_digit() => plain.push(' '),
            c if of_number && c.is_ascii_digit() && last.is_ascii_alphabetic() => plain.extend([' ', c]),
            c => plain.push(c.to_ascii_lowercase()),
        }
        last = c;
    }
    plain
}

/// `4.7.1`: every line of a reply may begin with it (RFC 2034 §4), so that it stands in the middle of a sentence.
fn is_enhanced_code(word: &str) -> bool {
    let parts = || word.split('.');
    matches!(parts().next(), Some("2" | "4" | "5"))
        && parts().count() == 3
        && parts().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
}

/// The time that the word there tells of: it is the cue for those that follow, or they are what is left.
fn told(words: &[&str], at: usize) -> Option<Duration> {
    let (before, from) = words.split_at_checked(at)?;
    let (cue, after) = from.split_first()?;
    if CUES.contains(cue) {
        let after = without_fillers(after);
        let Some((span, _)) = span(after) else { return bare_seconds(after).filter(|_| *cue == RETRY_AFTER) };
        let told_by = before.iter().rfind(|word| !OBJECTS.contains(word));
        let again = AGAIN.contains(cue) || told_by.is_some_and(|word| AGAIN.contains(word));
        return (again || !span.long && !is_past(before, cue)).then_some(span.time);
    }
    let (span, rest) = span(from)?;
    let left = matches!(rest, ["remaining" | "left", ..]);
    (left && (!span.long || before.iter().any(|word| AGAIN.contains(word)))).then_some(span.time)
}

/// Whether what a cue tells of is over, or is the window of a limit.
fn is_past(before: &[&str], cue: &str) -> bool {
    // "In 5 minutes, or in 7" counts nothing.
    let is_unit = |word: Option<&&str>| word.is_some_and(|word| unit_seconds(word).is_some());
    let counts = |at: usize| match before.get(at) {
        Some(&("many" | "than")) => true,
        Some(word) => word.bytes().all(|b| b.is_ascii_digit()) && !is_unit(before.get(at + 1)),
        None => false,
    };
    let limit = cue == "in" && (before.len().saturating_sub(COUNTED)..before.len()).any(counts);
    limit || before.last().is_some_and(|word| PAST.contains(word))
}

/// The words without those at their beginning that say nothing of how long: "in about", "in the next", "for at least". "In the
/// last" is not among them: what follows is the past.
fn without_fillers<'w>(mut words: &'w [&'w str]) -> &'w [&'w str] {
    for _ in 0..BETWEEN {
        words = match words {
            ["the", "next" | "following" | "coming", rest @ ..] | ["a", "minimum" | "maximum", "of", rest @ ..] => rest,
            [first, rest @ ..] if FILLERS.contains(first) => rest,
            _ => break,
        };
    }
    words
}

/// The number at the beginning of these words, in seconds.
fn bare_seconds(words: &[&str]) -> Option<Duration> {
    words.first()?.parse().ok().map(Duration::from_secs)
}

/// A length of time.
#[derive(Debug, Clone, Copy)]
struct Span {
    time: Duration,
    /// The seconds of the unit that it was said in last.
    unit: u32,
    /// It is said in hours or days, or partly; or with an article, as limits are: "100 messages in a minute".
    long: bool,
}

/// A time at the beginning of these words, `900 seconds`, `15min`, `1 hour and 30 minutes`, `30 minutes to 1 hour`, `00:15:00`,
/// and what follows it. Of two that are told the longer one counts.
fn span<'w>(words: &'w [&'w str]) -> Option<(Span, &'w [&'w str])> {
    let (first, after) = words.split_first()?;
    if first.contains(':') {
        // With one of these it is a time of day.
        let of_day = matches!(after, ["utc" | "gmt" | "am" | "pm", ..]);
        let time = clock(first).filter(|_| !of_day)?;
        return Some((Span { time, unit: 1, long: time >= Duration::from_secs(HOUR.into()) }, after));
    }
    let (mut whole, mut rest) = part(words)?;
    loop {
        let (other, next) = match rest {
            ["and", next @ ..] => (false, next),
            ["to" | "or", next @ ..] => (true, next),
            next => (false, next),
        };
        let Some((more, after)) = part(next) else { return Some((whole, rest)) };
        if other {
            whole.time = whole.time.max(more.time);
        } else if more.unit < whole.unit {
            whole.time = whole.time.saturating_add(more.time);
        } else {
            // Another sentence: parts of one time grow smaller.
            return Some((whole, rest));
        }
        whole.unit = more.unit;
        whole.long |= more.long;
        rest = after;
    }
}

/// A number and its unit: `900 seconds`, `15min`, `1.5 hours`, `24 more hours`, `an hour`, `10 to 15 minutes`.
fn part<'w>(words: &'w [&'w str]) -> Option<(Span, &'w [&'w str])> {
    let (number, joined, mut rest, article) = match words {
        ["half", "a" | "an", rest @ ..] => (0.5, "", rest, true),
        ["a" | "an", rest @ ..] => (1.0, "", rest, true),
        words => {
            let (number, joined, rest) = range(words)?;
            (number, joined, rest, false)
        }
    };
    let mut unit = joined;
    if unit.is_empty() {
        (unit, rest) = match rest {
            ["more" | "additional" | "further", unit, rest @ ..] | [unit, rest @ ..] => (*unit, rest),
            [] => return None,
        };
    }
    let unit = unit_seconds(unit)?;
    let time = Duration::try_from_secs_f64(number * f64::from(unit)).ok()?;
    Some((Span { time, unit, long: article || unit >= HOUR }, rest))
}

/// The number at the beginning of these words, or the larger of two, what is joined to it, and what follows.
fn range<'w>(words: &'w [&'w str]) -> Option<(f64, &'w str, &'w [&'w str])> {
    let (mut most, mut joined, mut rest) = number(words)?;
    if joined.is_empty() {
        let next = match rest {
            ["to" | "or" | "and", next @ ..] => next,
            next => next,
        };
        if let Some((other, unit, after)) = number(next) {
            (most, joined, rest) = (other.max(most), unit, after);
        }
    }
    Some((most, joined, rest))
}

/// A number in digits, perhaps with a fraction, or in letters.
fn number<'w>(words: &'w [&'w str]) -> Option<(f64, &'w str, &'w [&'w str])> {
    let (first, rest) = words.split_first()?;
    if let Some((_, number)) = IN_LETTERS.iter().find(|(word, _)| word == first) {
        return Some((*number, "", rest));
    }
    let digits = first.len() - first.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',').len();
    let (number, joined) = first.split_at_checked(digits)?;
    let number = match number.split_once(',') {
        // `1,200 seconds`, but `1,5 hours`.
        Some((thousands, rest)) if rest.len() == 3 => format!("{thousands}{rest}"),
        _ => number.replace(',', "."),
    };
    Some((number.parse().ok()?, joined, rest))
}

/// Numbers that people write so, when they write to people.
const IN_LETTERS: &[(&str, f64)] = &[
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("eight", 8.0),
    ("ten", 10.0),
    ("twelve", 12.0),
    ("fifteen", 15.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("sixty", 60.0),
];

/// `hh:mm:ss` or `mm:ss`.
fn clock(word: &str) -> Option<Duration> {
    let parts: Vec<u64> = word.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let within = parts.iter().skip(1).all(|part| *part < 60);
    (within && (2..=3).contains(&parts.len()))
        .then(|| parts.iter().fold(0, |sum: u64, part| sum.saturating_mul(60).saturating_add(*part)))
        .map(Duration::from_secs)
}

const HOUR: u32 = 3600;

/// The seconds of a unit; `minute(s)` lost its last bracket.
fn unit_seconds(word: &str) -> Option<u32> {
    match word.trim_end_matches("(s") {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(HOUR),
        "d" | "day" | "days" => Some(24 * HOUR),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
