//! Rules, dashboards and the runbook say the same, and only what there is to be said.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use testkit::prometheus::{program, questions};

/// What every Prometheus has by itself.
const BUILT_IN: [&str; 2] = ["up", "ALERTS"];

/// Words of PromQL that are no series.
const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

fn folder() -> PathBuf {
    testkit::workspace_root().join("deploy/prometheus")
}

/// The YAML files of a folder, in the order of their names.
fn files(name: &str) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder().join(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = read.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {name}");
    files
}

fn text(files: &[PathBuf]) -> String {
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// A rule: the lines from its `alert` or `record` to the next one's.
struct Rule {
    alert: bool,
    name: String,
    lines: Vec<String>,
}

impl Rule {
    /// The expression, on one line or folded over the deeper ones that follow.
    fn expr(&self) -> String {
        let at = self.lines.iter().position(|line| line.trim_start().starts_with("expr:")).unwrap();
        let depth = |line: &str| line.len() - line.trim_start().len();
        let own = self.lines[at].trim_start().trim_start_matches("expr:").trim();
        if own != ">-" {
            return own.to_owned();
        }
        let folded = self.lines[at + 1..].iter().take_while(|line| depth(line) > depth(&self.lines[at]));
        folded.map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(':')).map(str::trim)
    }
}

fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for line in text(&files("rules")).lines() {
        let begun = line.trim_start();
        let name = |kind: &str| begun.strip_prefix(kind).map(str::to_owned);
        if let Some(name) = name("- alert: ") {
            rules.push(Rule { alert: true, name, lines: Vec::new() });
        } else if let Some(name) = name("- record: ") {
            rules.push(Rule { alert: false, name, lines: Vec::new() });
        } else if let Some(rule) = rules.last_mut() {
            rule.lines.push(line.to_owned());
        }
    }
    assert!(rules.len() > 30, "only {} rules were found: are they still written so?", rules.len());
    rules
}

fn alerts() -> BTreeSet<String> {
    rules().into_iter().filter(|rule| rule.alert).map(|rule| rule.name).collect()
}

/// The series that an expression names: its words without selectors, ranges, texts, functions and lists of labels.
fn series(expr: &str) -> BTreeSet<String> {
    let mut plain = String::new();
    let (mut quoted, mut nested) = (false, 0_u32);
    for c in expr.chars() {
        match c {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => nested += 1,
            '}' | ']' if !quoted => nested -= 1,
            c if !quoted && nested == 0 => plain.push(c),
            _ => {}
        }
    }
    for list in ["by (", "without (", "on (", "ignoring ("] {
        while let Some(at) = plain.find(list) {
            let end = at + plain[at..].find(')').unwrap();
            plain.replace_range(at..=end, " ");
        }
    }
    let named = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = BTreeSet::new();
    let mut rest = plain.as_str();
    while let Some(at) = rest.find(named) {
        let word: String = rest[at..].chars().take_while(|c| named(*c)).collect();
        rest = &rest[at + word.len()..];
        let function = rest.trim_start().starts_with('(') && !WORDS.contains(&word.as_str());
        let begins = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if begins && !function && !WORDS.contains(&word.as_str()) {
            found.insert(word);
        }
    }
    found
}

#[test]
fn series_are_told_from_the_other_words_of_an_expression() {
    let found = series(
        r#"(histogram_quantile(0.9, sum by (le, group) (rate(a_bucket{group!="open [x]"}[5m]))) > (1.5 * 2) and b:c:d5m > 1e6)
           or max(up{job=~"x|y"}) == 0"#,
    );
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a_bucket", "b:c:d5m", "up"]);
}

#[test]
fn every_series_of_a_rule_or_dashboard_is_a_metric_on_its_page_or_recorded() {
    let page = std::fs::read_to_string(testkit::workspace_root().join("docs/metrics.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let metric = |name: &str| rows.iter().any(|row| row.starts_with(&format!("| `{name}` |")));
    let rules = rules();
    let recorded = |name: &str| rules.iter().any(|rule| !rule.alert && rule.name == name);
    let asked = rules.iter().map(|rule| (rule.name.clone(), rule.expr()));
    let asked = asked.chain(questions().unwrap().into_iter().map(|asked| (asked.place, asked.expr)));
    let mut seen = BTreeSet::new();
    for (place, expr) in asked {
        let names = series(&expr);
        assert!(!names.is_empty(), "{place} asks for nothing: {expr}");
        for name in names {
            let whole = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let known = BUILT_IN.contains(&name.as_str())
                || recorded(&name)
                || metric(&name)
                || whole
                    .is_some_and(|whole| rows.iter().any(|row| row.starts_with(&format!("| `{whole}` | histogram "))));
            assert!(known, "{place} asks for {name}, which is on no row of docs/metrics.md and recorded by no rule");
            seen.insert(whole.unwrap_or(&name).to_owned());
        }
    }
    let named = |row: &str| row.trim_start_matches("| `").split('`').next().unwrap_or_default().to_owned();
    let unseen: Vec<String> = rows.iter().map(|row| named(row)).filter(|name| !seen.contains(name)).collect();
    assert!(unseen.is_empty(), "on no dashboard and in no rule: {unseen:?}");
}

#[test]
fn every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() {
    let page = std::fs::read_to_string(testkit::workspace_root().join("docs/runbook.md")).unwrap();
    let sections: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    assert_eq!(alerts(), sections, "the alerts on the left, docs/runbook.md on the right");
    for rule in rules().iter().filter(|rule| rule.alert) {
        let name = &rule.name;
        let anchor = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(rule.value("runbook"), Some(anchor.as_str()), "{name}");
        for key in ["summary", "description"] {
            assert!(rule.value(key).is_some_and(|said| !said.is_empty()), "{name} has no {key}");
        }
        assert!(matches!(rule.value("severity"), Some("critical" | "warning")), "{name} has no severity");
    }
}

/// The pages that show calls of administrators.
const CALLS: [&str; 2] = ["docs/runbook.md", "docs/administration.md"];

/// `queues/$QUEUE/pause` is `queues/{}/pause`, as is `queues/{name}/pause` of the document: what begins so stands for anything.
fn shape(path: &str) -> String {
    let open = |part: &str| part.starts_with(['$', '{']);
    path.split('/').map(|part| if open(part) { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

#[test]
fn every_call_that_a_page_shows_is_an_operation_of_the_contract() {
    let root = testkit::workspace_root();
    let document = std::fs::read_to_string(root.join("api-server/openapi.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut shown = 0;
    for page in CALLS {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for line in text.lines().filter(|line| line.starts_with("api ")) {
            let method =
                line.split_once("-X ").map_or("get", |(_, rest)| rest.split(' ').next().unwrap()).to_lowercase();
            let path = line.split_once("$admin/").unwrap().1.split([' ', '"', '?']).next().unwrap();
            let wanted = shape(path);
            // A name in place of a parameter, as in `queues/mail/pause`, fits one part of any name.
            let fits = |known: &str| {
                let (known, wanted): (Vec<_>, Vec<_>) = (known.split('/').collect(), wanted.split('/').collect());
                known.len() == wanted.len()
                    && known.iter().zip(&wanted).all(|(known, said)| known == said || *known == "{}")
            };
            let known = paths.iter().filter_map(|(path, operations)| {
                Some((shape(path.strip_prefix("/api/v1/admin/")?), operations.get(method.as_str())?))
            });
            assert!(known.into_iter().any(|(path, _)| fits(&path)), "{page}: {method} {path} is no operation: {line}");
            shown += 1;
        }
    }
    assert!(shown > 30, "only {shown} calls were found: are they still written so?");
}

#[test]
fn every_alert_is_tried_where_it_must_fire_and_where_it_must_not() {
    let cases = text(&files("tests"));
    for name in alerts() {
        for how in ["fires", "is silent"] {
            let titled = cases.split("\n  - name: '").filter(|case| case.starts_with(&format!("{name} {how}: ")));
            let asks = format!("expr: count(ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}})");
            let expected = if how == "fires" { "exp_samples: [{labels: '{}'" } else { "exp_samples: []" };
            let tried = titled.filter(|case| case.contains(&asks) && case.contains(expected)).count();
            assert!(tried > 0, "no case in deploy/prometheus/tests says that {name} {how}");
        }
    }
}

#[test]
fn prometheus_takes_the_configuration_and_its_rules_say_what_they_should() {
    let promtool = program("promtool").unwrap();
    let run = |arguments: &[&str], files: &[PathBuf]| {
        let output = Command::new(&promtool).args(arguments).args(files).output().unwrap();
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    };
    run(&["check", "config"], &[folder().join("prometheus.yml")]);
    run(&["check", "rules"], &files("rules"));
    run(&["test", "rules"], &files("tests"));
}

#[test]
fn prometheus_looks_for_every_process() {
    let config = std::fs::read_to_string(folder().join("prometheus.yml")).unwrap();
    let jobs: BTreeSet<&str> = config.lines().filter_map(|line| line.trim().strip_prefix("- job_name: ")).collect();
    assert_eq!(jobs, BTreeSet::from(testkit::stack::PROCESSES));
    let counted: BTreeSet<String> = rules()
        .iter()
        .filter(|rule| rule.name == "galaxy:processes_up:count")
        .filter_map(|rule| rule.value("job").map(str::to_owned))
        .collect();
    assert_eq!(counted, BTreeSet::from(testkit::stack::PROCESSES.map(str::to_owned)));
}
