//! What a test has found, for terminals and for papers.

use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use crate::book::{Fault, Outcome};
use crate::table::{Part, Rule};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Markdown.
    Markdown,
    /// A page of HTML that needs nothing else.
    Html,
}

impl Format {
    /// By a file's name.
    ///
    /// # Errors
    /// For people, if it ends neither in `.md` nor in `.html`.
    pub fn of(path: &Path) -> Result<Self, String> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ending.parse().map_err(|()| format!("a report is a file .md or .html, not {}", path.display()))
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "md" => Ok(Self::Markdown),
            "html" => Ok(Self::Html),
            _ => Err(()),
        }
    }
}

/// What a test has found.
#[derive(Debug, Clone)]
pub struct Report {
    name: String,
    outcomes: Vec<(Rule, Outcome)>,
}

impl Report {
    pub(crate) fn new(name: String, outcomes: Vec<(Rule, Outcome)>) -> Self {
        Self { name, outcomes }
    }

    /// Every rule with what came of it, in the table's order.
    #[must_use]
    pub fn outcomes(&self) -> &[(Rule, Outcome)] {
        &self.outcomes
    }

    /// Whether no rule was broken.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The rules that were broken.
    pub fn broken(&self) -> impl Iterator<Item = (&Rule, &Fault)> {
        self.outcomes.iter().filter_map(|(rule, outcome)| match outcome {
            Outcome::Broken(fault, _) => Some((rule, fault)),
            Outcome::Held(_) | Outcome::LeftOut(_) => None,
        })
    }

    /// The rules that were not looked at, with the reason.
    pub fn left_out(&self) -> impl Iterator<Item = (&Rule, &str)> {
        self.outcomes.iter().filter_map(|(rule, outcome)| match outcome {
            Outcome::LeftOut(why) => Some((rule, why.as_str())),
            Outcome::Held(_) | Outcome::Broken(..) => None,
        })
    }

    /// In one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let (broken, left_out) = (self.broken().count(), self.left_out().count());
        let held = self.outcomes.len() - broken - left_out;
        format!("{} rules: {held} held, {broken} broken, {left_out} left out", self.outcomes.len())
    }

    /// For a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (rule, outcome) in &self.outcomes {
            let what = sentence(rule);
            let _ = match outcome {
                Outcome::Held(_) => writeln!(text, "ok    {what}"),
                Outcome::LeftOut(why) => writeln!(text, "--    {what}\n      left out: {why}"),
                Outcome::Broken(fault, times) => {
                    let said = fault.said.replace('\n', "\n      ");
                    let _ = writeln!(text, "FAIL  {what}{}\n      {said}", often(*times));
                    if fault.curl.is_empty() { Ok(()) } else { writeln!(text, "      {}", fault.curl) }
                }
            };
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// As a file.
    #[must_use]
    pub fn file(&self, format: Format) -> String {
        match format {
            Format::Markdown => self.markdown(),
            Format::Html => self.html(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = format!("# Engine check: {}\n\n{}.\n", self.name.replace('\n', " "), self.summary());
        for part in Part::ALL {
            let _ = write!(text, "\n## {part}\n\n| | rule | must be | |\n| --- | --- | --- | --- |\n");
            for (rule, outcome) in self.of(part) {
                let (mark, note) = match outcome {
                    Outcome::Held(_) => ("ok", String::new()),
                    Outcome::LeftOut(why) => ("left out", cell(why)),
                    Outcome::Broken(fault, times) => ("**broken**", cell(&format!("{}{}", fault.said, often(*times)))),
                };
                let (id, what, answer) = (rule.id, cell(&situation(rule)), cell(&rule.answer()));
                let _ = writeln!(text, "| {mark} | `{id}` {what} | {answer} | {note} |");
            }
        }
        if !self.passed() {
            text.push_str("\n## Requests to repeat\n");
        }
        for (rule, fault) in self.broken().filter(|(_, fault)| !fault.curl.is_empty()) {
            let _ = write!(text, "\n`{}`\n\n```sh\n{}\n```\n", rule.id, fault.curl);
        }
        text
    }

    fn html(&self) -> String {
        let mut text = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>Engine check: {name}</title>\n<style>{STYLE}</style>\n<h1>Engine check: {name}</h1>\n<p>{}.</p>\n",
            self.summary(),
            name = escaped(&self.name)
        );
        for part in Part::ALL {
            let _ = writeln!(text, "<h2>{}</h2>\n<table>", escaped(&part.to_string()));
            for (rule, outcome) in self.of(part) {
                let (mark, note) = match outcome {
                    Outcome::Held(_) => ("ok", String::new()),
                    Outcome::LeftOut(why) => ("left out", escaped(why)),
                    Outcome::Broken(fault, times) => {
                        let said = escaped(&format!("{}{}", fault.said, often(*times)));
                        ("broken", format!("{said}<pre>{}</pre>", escaped(&fault.curl)))
                    }
                };
                let (what, answer) = (escaped(&situation(rule)), escaped(&rule.answer()));
                let class = mark.replace(' ', "-");
                let _ = writeln!(
                    text,
                    "<tr class=\"{class}\"><td>{mark}<td><code>{}</code><td>{what}<td>{answer}<td>{note}",
                    rule.id
                );
            }
            text.push_str("</table>\n");
        }
        text
    }

    fn of(&self, part: Part) -> impl Iterator<Item = &(Rule, Outcome)> {
        self.outcomes.iter().filter(move |(rule, _)| rule.part == part)
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;width:100%}td{border-top:1px solid #ddd;padding:.3rem .5rem;vertical-align:top;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;margin:.3rem 0}.broken td:first-child{color:#a00;font-weight:bold}.left-out{color:#666}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}td{border-color:#444}\
.broken td:first-child{color:#f77}.left-out{color:#999}}";

fn situation(rule: &Rule) -> String {
    [rule.call, rule.when].into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(": ")
}

fn sentence(rule: &Rule) -> String {
    format!("{:<20} {} → {}", rule.id, situation(rule), rule.answer())
}

fn often(times: u32) -> String {
    if times > 1 { format!(" ({times} times)") } else { String::new() }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{INIT, NUL, VOLUMES};

    fn report() -> Report {
        let fault = Fault { said: "<b> | it".to_owned(), curl: "curl -i 'http://e/<'".to_owned() };
        let outcomes = [
            (VOLUMES, Outcome::LeftOut("no image".to_owned())),
            (INIT, Outcome::Broken(fault, 3)),
            (NUL, Outcome::Held(9)),
        ];
        Report::new("a & b".to_owned(), outcomes.to_vec())
    }

    #[test]
    fn a_report_tells_what_was_broken_what_was_left_out_and_how_to_repeat_it() {
        let report = report();
        assert!(!report.passed());
        assert_eq!(report.summary(), "3 rules: 1 held, 1 broken, 1 left out");
        let text = report.text();
        for words in ["FAIL  init ", "(3 times)", "      curl -i 'http://e/<'", "left out: no image", "ok    nul"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn what_an_engine_says_breaks_no_page() {
        let (markdown, html) = (report().file(Format::Markdown), report().file(Format::Html));
        assert!(markdown.contains("<b> \\| it (3 times) |") && markdown.contains("```sh\ncurl"), "{markdown}");
        assert!(html.contains("a &amp; b") && html.contains("&lt;b&gt; | it") && !html.contains("<b>"), "{html}");
    }
}
