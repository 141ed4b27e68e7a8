//! The catalogue of SPEC §13, kind by kind: what it promises is what the code says, and somebody says it.

use std::collections::BTreeSet;
use std::path::Path;

use shared::domain::notification::{Addressee, Channel, Kind};
use shared::mail::Template;
use testkit::workspace_root;

use crate::mails::one_of_each;

/// Kind, channels, addressee, fields of the payload: SPEC's own table.
const CATALOGUE: &[(&str, &[Channel], Addressee, &[&str])] = {
    use Addressee::{Administrators, GameMembers, Users};
    use Channel::{AdminEmail, Email, Push};
    &[
        ("lobby.invite.received", &[Push, Email], Users, &["game_id", "inviter_user_id"]),
        ("lobby.invite.revoked", &[Push], Users, &["game_id"]),
        ("lobby.application.submitted", &[Push], Users, &["game_id", "application_id"]),
        ("lobby.application.approved", &[Push, Email], Users, &["game_id"]),
        ("lobby.application.rejected", &[Push, Email], Users, &["game_id"]),
        ("lobby.membership.removed", &[Push, Email], Users, &["game_id", "reason"]),
        ("lobby.membership.blocked", &[Push, Email], Users, &["game_id"]),
        ("lobby.race_name.registered", &[Push], Users, &["race_name"]),
        ("lobby.race_name.pending", &[Push, Email], Users, &["race_name", "expires_at"]),
        ("lobby.race_name.expired", &[Push], Users, &["race_name"]),
        ("runtime.image_pull_failed", &[AdminEmail], Administrators, &["game_id", "image_ref"]),
        ("runtime.container_start_failed", &[AdminEmail], Administrators, &["game_id"]),
        ("runtime.start_config_invalid", &[AdminEmail], Administrators, &["game_id", "reason"]),
        ("game.start_failed", &[Push, Email], Users, &["game_id", "reason"]),
        ("game.started", &[Push, Email], GameMembers, &["game_id"]),
        ("game.turn.ready", &[Push], GameMembers, &["game_id", "turn"]),
        ("game.paused", &[Push], GameMembers, &["game_id", "turn", "reason"]),
        ("game.resumed", &[Push], GameMembers, &["game_id", "turn"]),
        ("game.generation.failed", &[AdminEmail], Administrators, &["game_id", "turn", "reason"]),
        ("game.finished", &[Push, Email], GameMembers, &["game_id", "turn", "winners"]),
        ("mail.dead_lettered", &[AdminEmail], Administrators, &["delivery_id", "template_id"]),
    ]
};

/// Where producers stand. `notify-worker` is none: it reads what they wrote.
const PRODUCERS: &[&str] = &["api-server/src", "mail-worker/src", "runtime-controller/src", "shared/src/db"];

#[test]
fn every_kind_is_as_the_specification_has_it_and_has_its_mail_and_its_producer() {
    let payloads = one_of_each();
    let sources = sources();
    let mut faults = Vec::new();
    assert_eq!(
        CATALOGUE.iter().map(|row| row.0).collect::<Vec<_>>(),
        Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>()
    );
    for ((name, channels, addressee, fields), payload) in CATALOGUE.iter().zip(&payloads) {
        let kind = payload.kind();
        if (kind.as_str(), kind.channels(), kind.addressee()) != (*name, *channels, *addressee) {
            faults.push(format!("{name}: it is {kind} by {:?} to {:?}", kind.channels(), kind.addressee()));
        }
        let json = payload.to_json();
        let said: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        if said != fields.iter().copied().collect() {
            faults.push(format!("{name}: its payload says {said:?}"));
        }
        let mailed = channels.iter().any(|c| *c != Channel::Push);
        if mailed != Template::IDS.contains(name) {
            faults.push(format!("{name}: a template is {}", if mailed { "missing" } else { "of no use" }));
        }
        let made = format!("Payload::{kind:?} {{");
        if !sources.iter().any(|text| text.contains(&made)) {
            faults.push(format!("{name}: nobody produces it ({made} … }} stands in none of {PRODUCERS:?})"));
        }
    }
    assert!(Template::IDS.contains(&"auth.login_code"), "the one kind that goes to the outbox directly");
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
