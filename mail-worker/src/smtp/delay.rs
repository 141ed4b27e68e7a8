//! The delay that a relay asks for in its words: `451 4.7.1 Greylisted, try again in 900 seconds`.

use std::time::Duration;

/// The longest delay that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The words that are looked at.
const WORDS: usize = 200;

/// What stands before a delay: "in 5 minutes", "for 300 seconds", "after 00:15:00", "wait 60s".
const CUES: &[&str] = &["in", "for", "after", "wait", "least", "about", "another", "approximately", "remaining"];
/// What stands before such a cue where somebody is told to come again. Only they are told of days: "500 messages in 1 day" is a
/// limit, and "unused for 90 days" the past.
const AGAIN: &[&str] = &["again", "retry", "later", "back", "wait"];
/// What may stand between a cue and its number, and how many words of it.
const FILLERS: &[&str] =
    &["about", "another", "approximately", "around", "at", "for", "least", "next", "roughly", "some", "to", "up"];
const BETWEEN: usize = 4;

/// The delay that these words ask for. Not every number is one: `30 messages per 60 minutes` is none.
pub(super) fn asked(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let words = lower.split_whitespace().take(WORDS);
    let words = words.map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let found = (0..words.len()).filter_map(|at| told(&words, at)).max();
    let asked = found.map(Duration::from_secs).or_else(|| after_header(&lower));
    asked.filter(|delay| !delay.is_zero()).map(|delay| delay.min(LONGEST))
}

/// The seconds that the word there tells of: it is the cue for those that follow, or they are what is left.
fn told(words: &[&str], at: usize) -> Option<u64> {
    let (before, from) = words.split_at_checked(at)?;
    let (cue, after) = from.split_first()?;
    if CUES.contains(cue) {
        let again = AGAIN.contains(cue) || before.last().is_some_and(|word| AGAIN.contains(word));
        let (span, _) = span(without_fillers(after))?;
        return (again || !span.in_days).then_some(span.seconds);
    }
    let (span, rest) = span(from)?;
    let left = matches!(rest, ["remaining" | "left", ..]);
    (left && !span.in_days).then_some(span.seconds)
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

/// `retry-after: 900`, `retry=900`: seconds, as in HTTP.
fn after_header(lower: &str) -> Option<Duration> {
    let (_, rest) = lower.split_once("retry-after")?;
    let rest = rest.trim_start_matches([':', '=', ' ']);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

/// A length of time.
#[derive(Debug, Clone, Copy)]
struct Span {
    seconds: u64,
    /// It is said in days, or partly.
    in_days: bool,
}

/// A time at the beginning of these words, `900 seconds`, `15min`, `1 hour and 30 minutes`, `00:15:00`, and what follows it.
fn span<'w>(words: &'w [&'w str]) -> Option<(Span, &'w [&'w str])> {
    let (first, after) = words.split_first()?;
    if first.contains(':') {
        return clock(first).map(|seconds| (Span { seconds, in_days: false }, after));
    }
    let (mut whole, mut rest) = part(words)?;
    loop {
        let next = match rest {
            ["and", next @ ..] => next,
            next => next,
        };
        let Some((more, after)) = part(next) else { return Some((whole, rest)) };
        whole.seconds = whole.seconds.saturating_add(more.seconds);
        whole.in_days |= more.in_days;
        rest = after;
    }
}

/// A number and its unit: `900 seconds`, `15min`, `24 more hours`.
fn part<'w>(words: &'w [&'w str]) -> Option<(Span, &'w [&'w str])> {
    let (first, after) = words.split_first()?;
    let digits = first.len() - first.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = first.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let (unit, rest) = match (unit, after) {
        ("", ["more" | "additional" | "further", unit, rest @ ..] | [unit, rest @ ..]) => (*unit, rest),
        joined => joined,
    };
    let (of_one, in_days) = unit_seconds(unit)?;
    Some((Span { seconds: number.saturating_mul(of_one), in_days }, rest))
}

/// `hh:mm:ss` or `mm:ss`, in seconds.
fn clock(word: &str) -> Option<u64> {
    let parts: Vec<u64> = word.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let within = parts.iter().skip(1).all(|part| *part < 60);
    (within && (2..=3).contains(&parts.len()))
        .then(|| parts.iter().fold(0, |sum: u64, part| sum.saturating_mul(60).saturating_add(*part)))
}

/// The seconds of a unit, and whether it is the day.
fn unit_seconds(word: &str) -> Option<(u64, bool)> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some((1, false)),
        "m" | "min" | "mins" | "minute" | "minutes" => Some((60, false)),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some((3600, false)),
        "d" | "day" | "days" => Some((86_400, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_relays_ask_for() {
        for (text, seconds) in [
            ("4.7.1 Greylisted, try again in 900 seconds", 900),
            ("4.2.0 <a@b.c>: Recipient address rejected: Greylisted for 5 minutes", 300),
            ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
            ("4.7.1 Greylisted, retry after 00:15:00", 900),
            ("Please try again in 15 minutes.", 900),
            ("try again in 900s", 900),
            ("come back in 15min", 900),
            ("please retry in 1 hour and 30 minutes", 5400),
            ("wait at least 2 hours", 7200),
            ("deferred for (600 secs)", 600),
            ("greylisted; Retry-After: 120", 120),
            ("back off for 5m", 300),
            ("try again in 03:20", 200),
            ("too busy in here, try later in 60 seconds", 60),
            ("in 99999999999999999999 seconds, or in 7 minutes", 420),
            ("in 999999999 seconds", 86_400),
            ("4.7.1 Try again in 1 day", 86_400),
            ("please retry after 2 days", 86_400),
            ("wait for 1 day and 3 hours", 86_400),
            ("come back in 1d", 86_400),
            ("sending is possible again in 24 more hours", 86_400),
            ("try again in 5 additional minutes", 300),
            ("no more mail in the next 15 minutes, please", 900),
            ("Greylisted (300 seconds remaining)", 300),
            ("greylisted, 1 hour and 5 minutes left", 3900),
            ("greylisted, 00:04:59 remaining", 299),
            ("greylisted, time remaining: 300 seconds", 300),
            ("wait for at least another 10 minutes", 600),
            ("deferred for up to 20 minutes", 1200),
            ("for a minimum of 90 seconds", 90),
            ("in about - 3 - minutes", 180),
            ("30 messages per 60 minutes are allowed, try again in 7 minutes", 420),
        ] {
            assert_eq!(asked(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_delay() {
        for text in [
            "",
            "4.7.1 Greylisted, please try again later",
            "quota of 30 messages per 60 minutes exceeded",
            "in a while",
            "in 0 seconds",
            "after 25:99:99",
            "in 15",
            "mailbox full, 100 MB used",
            "in 12:34:56:78",
            "in 192.0.2.1 minutes",
            "30 messages left",
            "60 minutes is the window, 3 are left",
            "too many messages in the last 24 hours",
            "in the past 15 minutes too many connections",
            "more than 500 messages in 1 day",
            "mailbox unused for 90 days",
            "your password expires, 3 days left",
            "in an hour more than 100 messages",
            "in more hours",
            "in 24 more",
            "in the 15 minutes",
            "within 10 minutes 5 messages are allowed",
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_text_costs_little() {
        assert_eq!(asked(&"in ".repeat(1_000_000)), None);
    }
}
