//! The delay that a relay asks for in its words: `451 4.7.1 Greylisted, try again in 900 seconds`.

use std::time::Duration;

/// The longest delay that is believed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The words that are looked at.
const WORDS: usize = 200;

/// What stands before a delay: "in 5 minutes", "for 300 seconds", "after 00:15:00", "wait 60s".
const CUES: &[&str] = &["in", "for", "after", "wait", "least", "about", "another", "approximately"];

/// The delay that these words ask for. Not every number is one: `30 messages per 60 minutes` is none.
pub(super) fn asked(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let trimmed = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    let words: Vec<String> = lower.split_whitespace().take(WORDS).map(trimmed).collect();
    let found =
        words.windows(2).enumerate().filter(|(_, pair)| pair.first().is_some_and(|w| CUES.contains(&w.as_str())));
    let asked = found.filter_map(|(at, _)| span(words.get(at + 1..)?)).max().or_else(|| after_header(&lower));
    asked.filter(|delay| !delay.is_zero()).map(|delay| delay.min(LONGEST))
}

/// `retry-after: 900`, `retry=900`: seconds, as in HTTP.
fn after_header(lower: &str) -> Option<Duration> {
    let (_, rest) = lower.split_once("retry-after")?;
    let rest = rest.trim_start_matches([':', '=', ' ']);
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().map(Duration::from_secs)
}

/// A time at the beginning of these words: `900 seconds`, `15min`, `1 hour and 30 minutes`, `00:15:00`.
fn span(words: &[String]) -> Option<Duration> {
    let first = words.first()?;
    if first.contains(':') {
        return clock(first);
    }
    let mut seconds: Option<u64> = None;
    let mut rest = words.iter().filter(|word| !matches!(word.as_str(), "and" | "")).peekable();
    while let Some(word) = rest.next() {
        let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = word.split_at(digits);
        let Ok(number) = number.parse::<u64>() else { break };
        let unit = if unit.is_empty() { rest.next().map(String::as_str) } else { Some(unit) };
        let Some(unit) = unit.and_then(unit_seconds) else { break };
        seconds = Some(seconds.unwrap_or(0).saturating_add(number.saturating_mul(unit)));
    }
    seconds.map(Duration::from_secs)
}

/// `hh:mm:ss` or `mm:ss`.
fn clock(word: &str) -> Option<Duration> {
    let parts: Vec<u64> = word.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let within = parts.iter().skip(1).all(|part| *part < 60);
    (within && (2..=3).contains(&parts.len())).then(|| {
        Duration::from_secs(parts.iter().fold(0, |sum: u64, part| sum.saturating_mul(60).saturating_add(*part)))
    })
}

fn unit_seconds(word: &str) -> Option<u64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3600),
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
        ] {
            assert_eq!(asked(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_text_costs_little() {
        assert_eq!(asked(&"in ".repeat(1_000_000)), None);
    }
}
