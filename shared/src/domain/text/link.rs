//! What reads as a link: mail programs and messengers make one of it, whether or not it was meant.
//!
//! A run of labels parted by dots is a link where its last label is a top-level domain of the IANA root (`evil.com`, `t.me/x`),
//! so `St.Petersburg`, `Mr.Smith` and `v1.2` are none. A few hundred top-level domains are words and names, too: after
//! initials and titles alone, written as names are, they are names (`J.R.Fox`, `Dr.No`), unless the domain is one that people
//! take for a link in any case. `Anna.Kim` stays refused: the explanation says that a space after the dot helps.

use std::net::Ipv4Addr;

/// Domains that a reader takes for the end of a link whatever stands before them.
const WELL_KNOWN: [&str; 24] = [
    "com", "net", "org", "info", "biz", "io", "co", "me", "gg", "tv", "ru", "app", "dev", "xyz", "ly", "gl", "eu",
    "uk", "de", "cn", "shop", "site", "online", "link",
];

/// What stands before a name with a dot, besides initials.
const TITLES: [&str; 34] = [
    "mr", "mrs", "ms", "mx", "dr", "prof", "st", "ste", "mt", "ft", "sr", "sra", "srta", "jr", "fr", "rev", "hon",
    "pres", "gov", "sen", "rep", "gen", "col", "maj", "capt", "cpt", "lt", "sgt", "cpl", "pvt", "adm", "cmdr", "no",
    "ph",
];

/// Schemes that need no slashes.
const SCHEMES: [&str; 7] = ["mailto:", "javascript:", "vbscript:", "data:text/", "magnet:", "tg:", "file:"];

/// Whether anything in a text, normalised by NFKC, reads as a link, an address of mail or one of the network.
pub fn reads_as_link(folded: &str) -> bool {
    // The full stops of East Asia part labels as well (UTS 46 §2.3).
    let text = folded.replace('。', ".");
    let lower = text.to_lowercase();
    if lower.contains("://") || SCHEMES.iter().any(|scheme| has_scheme(&lower, scheme)) {
        return true;
    }
    let inner = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) || "-._".contains(c);
    let mut before = None;
    let mut rest = text.as_str();
    while let Some(start) = rest.find(inner) {
        let (gap, run) = rest.split_at(start);
        let end = run.find(|c| !inner(c)).unwrap_or(run.len());
        let (run, tail) = run.split_at(end);
        before = gap.chars().next_back().or(before.filter(|_| gap.is_empty()));
        let mut follows = tail.chars();
        let goes_on = match follows.next() {
            Some('/' | '?' | '#') => true,
            Some(':') => follows.next().is_some_and(|c| c.is_ascii_digit()),
            _ => false,
        };
        if run.split("..").any(|host| is_host(host, goes_on || before == Some('@'))) {
            return true;
        }
        before = None;
        rest = tail;
    }
    false
}

fn has_scheme(lower: &str, scheme: &str) -> bool {
    lower.match_indices(scheme).any(|(at, _)| {
        let starts = lower.get(..at).is_some_and(|before| !before.ends_with(char::is_alphanumeric));
        let goes_on = lower.get(at + scheme.len()..).and_then(|after| after.chars().next());
        starts && goes_on.is_some_and(|c| !c.is_whitespace())
    })
}

/// Whether a run of labels is a host. `certain`: a path, a port or an `@` beside it leaves no doubt.
fn is_host(run: &str, certain: bool) -> bool {
    let run = run.trim_matches(['.', '-', '_']);
    let Some((front, top)) = run.rsplit_once('.') else { return false };
    let labels: Vec<&str> = front.split('.').collect();
    if labels.first().is_some_and(|first| first.eq_ignore_ascii_case("www")) {
        return true;
    }
    if run.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let Ok(top_ascii) = idna::domain_to_ascii(top) else { return false };
    if !tld::exist(&top_ascii) {
        return false;
    }
    certain || WELL_KNOWN.contains(&top_ascii.as_str()) || !is_persons(&labels, top)
}

/// Whether dots part initials and titles from a name: `J.R.Fox`, `Dr.No`.
fn is_persons(labels: &[&str], last: &str) -> bool {
    let short = |label: &str| label.chars().count() == 1 || TITLES.contains(&label.to_lowercase().as_str());
    let capital = |label: &str| label.starts_with(char::is_uppercase);
    let named = capital(last) && last.chars().skip(1).all(char::is_lowercase);
    named && labels.iter().all(|label| short(label) && capital(label))
}
