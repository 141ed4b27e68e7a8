//! The catalogue of SPEC §13, kind by kind: what it promises is what the code says, and somebody says it.

use std::path::Path;

use shared::domain::notification::{Addressee, Channel, Kind};
use shared::mail::Template;
use testkit::workspace_root;

/// What the specification says of a kind.
struct Row {
    kind: String,
    channels: Vec<Channel>,
    addressee: Addressee,
    fields: Vec<String>,
}

/// The table of SPEC §13, without the login code: a mail that is no notification.
fn specified() -> Vec<Row> {
    let text = std::fs::read_to_string(workspace_root().join("docs/specification.md")).unwrap();
    let table = text.split("| kind | channels | to | payload |\n| --- | --- | --- | --- |\n").nth(1).unwrap();
    let mut rows = Vec::new();
    for line in table.lines().take_while(|line| line.starts_with('|')) {
        let [kinds, channels, to, payload] = line.trim_matches('|').split('|').collect::<Vec<_>>()[..] else {
            panic!("no four columns: {line}")
        };
        // Both may be followed by a remark.
        let channels: Vec<Channel> = match channels.split('(').next().unwrap().trim() {
            "email" => continue,
            "push" => vec![Channel::Push],
            "push, email" => vec![Channel::Push, Channel::Email],
            "admin email" => vec![Channel::AdminEmail],
            other => panic!("channels {other:?} of {kinds}"),
        };
        let addressee = match to.trim() {
            "active members" => Addressee::GameMembers,
            "administrators" => Addressee::Administrators,
            _ => Addressee::Users,
        };
        let fields: Vec<String> = payload.split('`').nth(1).unwrap().split(", ").map(str::to_owned).collect();
        for kind in kinds.split('`').skip(1).step_by(2) {
            rows.push(Row { kind: kind.to_owned(), channels: channels.clone(), addressee, fields: fields.clone() });
        }
    }
    rows
}

/// Where producers stand. `notify-worker` is none: it reads what they wrote.
const PRODUCERS: &[&str] = &["api-server/src", "mail-worker/src", "runtime-controller/src", "shared/src/db"];

#[test]
fn every_kind_is_as_the_specification_has_it_and_has_its_mail_and_its_producer() {
    let sources = sources();
    let mut faults = Vec::new();
    let specified = specified();
    assert_eq!(
        specified.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(),
        Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>()
    );
    for (Row { kind: name, channels, addressee, fields }, kind) in specified.iter().zip(Kind::ALL) {
        if kind.channels() != *channels || kind.addressee() != *addressee {
            faults.push(format!("{name}: it goes by {:?} to {:?}", kind.channels(), kind.addressee()));
        }
        let said: Vec<_> = kind.fields().iter().map(|field| field.name).collect();
        if said != *fields {
            faults.push(format!("{name}: its payload says {said:?}"));
        }
        let mailed = channels.iter().any(|c| *c != Channel::Push);
        if mailed != Template::IDS.contains(&name.as_str()) {
            faults.push(format!("{name}: a template is {}", if mailed { "missing" } else { "of no use" }));
        }
        let made = format!("Payload::{kind:?} {{");
        if !sources.iter().any(|text| text.contains(&made)) {
            faults.push(format!("{name}: nobody produces it ({made} … }} stands in none of {PRODUCERS:?})"));
        }
    }
    for direct in ["auth.login_code", "admin.second_factor_reset"] {
        assert!(Template::IDS.contains(&direct), "{direct} goes to the outbox directly");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The text of every source file that may produce, without its tests.
fn sources() -> Vec<String> {
    fn read(dir: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, into);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                into.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
            }
        }
    }
    let mut texts = Vec::new();
    for dir in PRODUCERS {
        read(&workspace_root().join(dir), &mut texts);
    }
    texts
}
