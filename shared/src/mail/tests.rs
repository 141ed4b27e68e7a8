use std::time::Duration;

use super::*;
use crate::ids::{DeliveryId, GameId};

const NASTY: &str = "<b>Zoë</b> & \"co\"\r\nBcc: eve@example.org\u{2028}x";

fn every() -> Vec<Template> {
    let (game_id, game_name) = (GameId::new(), NASTY.to_owned());
    let about = || AboutGame { game_name: NASTY.to_owned() };
    vec![
        Template::LoginCode(LoginCode { code: "012345".to_owned(), ttl: Duration::from_secs(600) }),
        Template::InviteReceived(InviteReceived { game_name: game_name.clone(), inviter_name: NASTY.to_owned() }),
        Template::ApplicationApproved(about()),
        Template::ApplicationRejected(about()),
        Template::MembershipRemoved(MembershipRemoved { game_name: game_name.clone(), reason: NASTY.to_owned() }),
        Template::MembershipBlocked(about()),
        Template::RaceNamePending(RaceNamePending {
            race_name: NASTY.to_owned(),
            expires_at: chrono::DateTime::UNIX_EPOCH,
        }),
        Template::GameStarted(about()),
        Template::GameFinished(GameFinished {
            game_name: game_name.clone(),
            turn: 42,
            winners: vec!["Vega".to_owned(), NASTY.to_owned()],
        }),
        Template::GenerationFailed(GenerationFailed {
            game_id,
            game_name: game_name.clone(),
            turn: 7,
            reason: NASTY.to_owned(),
        }),
        Template::ImagePullFailed(ImagePullFailed {
            game_id,
            game_name: game_name.clone(),
            image_ref: NASTY.to_owned(),
        }),
        Template::ContainerStartFailed(ContainerStartFailed { game_id, game_name: game_name.clone() }),
        Template::StartConfigInvalid(StartConfigInvalid { game_id, game_name, reason: NASTY.to_owned() }),
        Template::MailDeadLettered(MailDeadLettered { delivery_id: DeliveryId::new(), template_id: NASTY.to_owned() }),
    ]
}

#[test]
fn every_template_is_listed_once_and_its_files_are_named_after_it() {
    let mut seen: Vec<_> = every().iter().map(Template::id).collect();
    assert_eq!(seen, Template::IDS);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), Template::IDS.len());
    let source = include_str!("mod.rs");
    for id in Template::IDS {
        assert!(source.contains(&format!("[\"mail/{id}.txt\", \"mail/{id}.html\"]")), "{id}");
        assert_eq!(Template::class_of(id), every().iter().find(|t| t.id() == *id).map(Template::class));
    }
    assert_eq!(Template::class_of("of.tomorrow"), None);
}

#[test]
fn values_are_escaped_in_html_and_cannot_break_a_subject() {
    for template in every() {
        let mail = template.render().unwrap();
        assert!(!mail.subject.chars().any(char::is_control), "{}", mail.subject);
        assert!(!mail.subject.contains('\u{2028}') && !mail.subject.is_empty());
        assert!(!mail.html.contains("<b>"), "{}", mail.html);
        assert!(mail.html.contains("<!DOCTYPE html>") && mail.html.contains("</html>"));
        if template.class() != Class::Secret {
            assert!(mail.text.contains(NASTY), "text is plain, and says it as it is: {}", mail.text);
            assert!(mail.html.contains("&#60;b&#62;Zoë"), "{}", mail.html);
        }
    }
}

#[test]
fn a_code_is_in_both_bodies_but_neither_in_the_subject_nor_in_debug_output() {
    let template = Template::LoginCode(LoginCode { code: "481516".to_owned(), ttl: Duration::from_secs(600) });
    let mail = template.render().unwrap();
    assert!(mail.text.contains("481516") && mail.html.contains("481516"));
    assert!(mail.text.contains("10 minutes"));
    assert!(!mail.subject.contains("481516"));
    assert!(!format!("{template:?} {mail:?}").contains("481516"));
}

#[test]
fn winners_are_listed() {
    let finished = |winners: &[&str]| {
        let winners = winners.iter().map(|w| (*w).to_owned()).collect();
        Template::GameFinished(GameFinished { game_name: "Rim".to_owned(), turn: 9, winners }).render().unwrap()
    };
    assert!(finished(&[]).text.contains("Nobody won."));
    assert!(finished(&["Vega"]).text.contains("The winner:\n  * Vega\n"), "{}", finished(&["Vega"]).text);
    let two = finished(&["Vega", "Lyra"]);
    assert!(two.text.contains("The winners:\n  * Vega\n  * Lyra\n"), "{}", two.text);
    assert!(two.html.contains("<strong>Lyra</strong>"));
}

#[test]
fn the_life_of_a_code_is_told_in_words_that_keep_their_promise() {
    let words = |seconds| LoginCode { code: String::new(), ttl: Duration::from_secs(seconds) }.ttl_text();
    assert_eq!(words(1), "1 second");
    assert_eq!(words(59), "59 seconds");
    assert_eq!(words(119), "1 minute");
    assert_eq!(words(600), "10 minutes");
    assert_eq!(words(7200), "2 hours");
}

#[test]
fn a_deadline_is_told_with_its_zone() {
    let pending = RaceNamePending { race_name: "Vega".to_owned(), expires_at: chrono::DateTime::UNIX_EPOCH };
    let mail = Template::RaceNamePending(pending).render().unwrap();
    assert!(mail.text.contains("1 January 1970, 00:00 UTC"), "{}", mail.text);
}
