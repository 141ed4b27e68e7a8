use chrono::{DateTime, Utc};
use serde_json::{Map, json};

use super::*;
use crate::domain::notification::{Channel, Form, Kind, Payload};
use crate::ids::{DeliveryId, GameId, InviteId, UserId};

const NASTY: &str = "<b>Zoë</b> & \"co\"\r\nBcc: eve@example.org\u{2028}x\u{202E}y";
/// The same as mails repeat it.
const CLEAN: &str = "<b>Zoë</b> & \"co\" Bcc: eve@example.org xy";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_793_489_405 + seconds, 0).unwrap()
}

fn style() -> Style {
    Style { product: "Star Rim".into(), public_url: Some("https://play.example.org".into()) }
}

fn rendered(template: &Template) -> Rendered {
    template.render(&View::new(&style(), Some("Europe/Berlin"))).unwrap()
}

fn code(code: &str) -> Template {
    Template::LoginCode(LoginCode { code: code.to_owned(), asked_at: at(0), expires_at: at(600) })
}

fn reset() -> Template {
    Template::SecondFactorReset(SecondFactorReset {
        user_name: NASTY.into(),
        by: NASTY.into(),
        reason: NASTY.into(),
        at: at(0),
    })
}

/// A payload of each kind, whose texts are all the same.
fn payloads() -> Vec<Payload> {
    let value = |form| match form {
        Form::Id => json!(GameId::new()),
        Form::Text => json!(NASTY),
        Form::Texts => json!(["Vega", NASTY]),
        Form::Number => json!(42),
        Form::Time => json!(at(0)),
    };
    let payload = |kind: &Kind| {
        let fields: Map<_, _> = kind.fields().iter().map(|f| (f.name.to_owned(), value(f.form))).collect();
        Payload::from_json(kind.as_str(), fields.into()).unwrap()
    };
    Kind::ALL.iter().map(payload).collect()
}

fn known() -> Known {
    Known {
        game_name: Some(NASTY.to_owned()),
        inviter_name: Some(NASTY.to_owned()),
        invite: Some((InviteId::new(), at(7 * 86_400))),
        next_turn_at: Some(at(86_400)),
        alarm: Some(("RCPT TO 550".to_owned(), 7)),
    }
}

fn every() -> Vec<Template> {
    let told = payloads().into_iter().filter_map(|payload| Template::of(payload, &known()));
    [code("012345"), reset()].into_iter().chain(told).collect()
}

#[test]
fn the_kinds_that_are_mailed_have_a_mail_and_no_others() {
    for payload in payloads() {
        let kind = payload.kind();
        let mailed = kind.channels().iter().any(|channel| *channel != Channel::Push);
        let mail = Template::of(payload, &Known::default());
        assert_eq!(mail.as_ref().map(Template::id), mailed.then_some(kind.as_str()));
    }
}

#[test]
fn a_mail_of_which_nothing_is_known_says_so_in_words() {
    let invite = Payload::LobbyInviteReceived { game_id: GameId::new(), inviter_user_id: UserId::new() };
    let mail = rendered(&Template::of(invite.clone(), &Known::default()).unwrap());
    assert!(mail.text.contains("> From: Somebody\n> Game: a game\n"), "{}", mail.text);
    let named = Template::of(invite, &known()).unwrap();
    assert!(rendered(&named).text.contains("> From: <b>Zoë</b>"), "{}", rendered(&named).text);
    assert!(rendered(&named.unnamed()).text.contains("> From: Somebody\n"), "the inviter is deleted meanwhile");
    let alarm = Payload::MailDeadLettered { delivery_id: DeliveryId::new(), template_id: "game.started".to_owned() };
    let mail = rendered(&Template::of(alarm, &Known::default()).unwrap());
    assert!(mail.text.contains("A mail was given up.") && mail.text.contains("see the delivery"), "{}", mail.text);
}

#[test]
fn every_template_is_listed_once_and_its_files_are_named_after_it() {
    let mut seen: Vec<_> = every().iter().map(Template::id).collect();
    assert_eq!(seen, Template::IDS);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), Template::IDS.len());
    let source = include_str!("kinds.rs");
    for id in Template::IDS {
        assert!(source.contains(&format!("[\"mail/{id}.txt\", \"mail/{id}.html\"]")), "{id}");
        assert_eq!(Template::class_of(id), every().iter().find(|t| t.id() == *id).map(Template::class));
    }
    assert_eq!(Template::class_of("of.tomorrow"), None);
}

#[test]
fn what_people_wrote_is_escaped_and_passes_for_nothing_else() {
    for template in every() {
        let mail = rendered(&template);
        let id = template.id();
        assert!(!mail.subject.chars().any(char::is_control) && !mail.subject.is_empty(), "{id}: {}", mail.subject);
        assert!(!mail.html.contains("<b>"), "{id}: {}", mail.html);
        assert!(mail.html.contains("<!DOCTYPE html>") && mail.html.contains("</html>"));
        for body in [&mail.subject, &mail.text, &mail.html] {
            assert!(!body.contains(['\u{202E}', '\u{2028}', '\r']), "{id}: {body:?}");
        }
        assert!(!mail.text.lines().any(|line| line.starts_with("Bcc")), "{id}: {}", mail.text);
        if template.class() != Class::Secret {
            let first = CLEAN.split(" Bcc").next().unwrap();
            assert!(mail.text.contains(first), "{id}: text is plain: {}", mail.text);
            assert!(mail.html.contains("&#60;b&#62;Zoë"), "{id}: {}", mail.html);
        }
    }
}

#[test]
fn a_subject_to_who_is_not_a_member_holds_nothing_that_a_player_wrote() {
    let members = ["lobby.application.approved", "game.start_failed", "game.started", "game.finished"];
    for template in every() {
        let subject = rendered(&template).subject;
        assert_eq!(subject.contains("Zoë"), members.contains(&template.id()), "{}: {subject}", template.id());
    }
}

#[test]
fn a_mail_bears_the_products_name_and_leads_to_the_place_it_tells_of() {
    for template in every() {
        let (id, mail) = (template.id(), rendered(&template));
        assert!(mail.text.contains("Star Rim") && mail.html.contains("Star Rim"), "{id}");
        assert!(!mail.text.contains("Galaxy") && !mail.html.contains("Galaxy") && !mail.subject.contains("Galaxy"));
        let links = mail.text.matches("https://play.example.org/").count();
        assert_eq!(links, usize::from(template.class() != Class::Secret), "{id}: one button: {}", mail.text);
        let url = mail.text.split_whitespace().find(|word| word.starts_with("https://"));
        assert!(url.is_none_or(|url| mail.html.contains(&format!("href=\"{url}\""))), "{id}: the same in both parts");
        let plain = template.render(&View::new(&Style::default(), None)).unwrap();
        assert!(!plain.text.contains("http") && !plain.html.contains("href"), "{id}: no address, no link");
    }
    let game = GameId::new();
    let started = Template::GameStarted(GameStarted { game_id: game, game_name: "Rim".into(), orders_until: None });
    assert!(rendered(&started).text.contains(&format!("Open the game: https://play.example.org/games/{game}\n")));
}

#[test]
fn both_parts_say_the_same() {
    for template in every() {
        let mail = rendered(&template);
        let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut body = mail.html.split("<body").nth(1).unwrap().to_owned();
        for tag in ["<br>", "</p>", "</td>", "</th>"] {
            body = body.replace(tag, " ");
        }
        let mut shown = String::new();
        let mut inside = true;
        for c in body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => shown.push(c),
                _ => {}
            }
        }
        let shown = spaced(
            &shown
                .replace("&#60;", "<")
                .replace("&#62;", ">")
                .replace("&#38;", "&")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace('’', "'"),
        );
        // Marks of a quotation, of a list and of a name are the text part's own way to set things apart.
        for line in mail.text.replace("-- \n", "").lines() {
            let line = line.trim_start_matches(['>', ' ', '*']).replace('"', "");
            let line = spaced(line.split("https://").next().unwrap().trim_end_matches([':', ' ']));
            let plain = shown.replace('"', "");
            let found = line.split(": ").all(|part| plain.contains(spaced(part).trim_end_matches(':')));
            assert!(found, "{}: {line:?} is not in {plain}", template.id());
        }
    }
}

#[test]
fn a_code_is_in_both_bodies_but_neither_in_the_subject_nor_in_debug_output() {
    for digits in ["481516", "7KQ4-9XNM-2RTV"] {
        let template = code(digits);
        let mail = rendered(&template);
        assert!(mail.text.contains(digits) && mail.html.contains(digits));
        assert!(!mail.subject.contains(digits));
        assert!(!format!("{template:?} {mail:?}").contains(digits));
    }
    assert!(rendered(&code("481516")).html.contains("font-size:32px"));
    assert!(rendered(&code("7KQ4-9XNM-2RTV")).html.contains("font-size:22px"), "it fits into 360 pixels");
}

#[test]
fn a_code_says_when_it_was_asked_for_and_until_when_it_holds() {
    let mail = rendered(&code("481516"));
    assert!(
        mail.text.contains("asked for on Sunday, 1 November 2026, 00:30:05 (Europe/Berlin, UTC+01:00)"),
        "{}",
        mail.text
    );
    assert!(mail.text.contains("until Sunday, 1 November 2026, 00:40:05 (Europe/Berlin, UTC+01:00)"), "{}", mail.text);
    assert_eq!(mail.subject, "Your Star Rim sign-in code, 00:30:05");
    let later = Template::LoginCode(LoginCode { code: "481516".to_owned(), asked_at: at(1), expires_at: at(601) });
    assert_ne!(rendered(&later).subject, mail.subject, "two mails are told apart");
    let nobody = code("481516").render(&View::new(&style(), None)).unwrap();
    assert!(nobody.text.contains("Saturday, 31 October 2026, 23:30:05 (UTC)"), "{}", nobody.text);
}

#[test]
fn an_invite_says_who_which_game_and_until_when_as_a_quotation() {
    let (game_id, invite_id) = (GameId::new(), InviteId::new());
    let invite = |invite| {
        let (game_name, inviter_name) = ("Rim".into(), "Dmitri".into());
        rendered(&Template::LobbyInviteReceived(LobbyInviteReceived { game_id, game_name, inviter_name, invite }))
    };
    let mail = invite(Some((invite_id, at(86_400))));
    assert_eq!(mail.subject, "You are invited to a game on Star Rim");
    assert!(mail.text.contains("> From: Dmitri\n> Game: Rim\n"), "{}", mail.text);
    assert!(
        mail.text.contains("holds until Monday, 2 November 2026, 00:30 (Europe/Berlin, UTC+01:00)."),
        "{}",
        mail.text
    );
    assert!(mail.text.contains(&format!("https://play.example.org/games/{game_id}/invites/{invite_id}\n")));
    assert!(!invite(None).text.contains("until"));
}

#[test]
fn a_game_that_started_says_until_when_it_takes_orders() {
    let started = |orders_until| {
        let (game_id, game_name) = (GameId::new(), "Rim".into());
        rendered(&Template::GameStarted(GameStarted { game_id, game_name, orders_until })).text
    };
    let until = "first orders until Monday, 2 November 2026, 00:30 (Europe/Berlin, UTC+01:00).\n";
    let mail = started(Some(at(86_400)));
    assert!(mail.contains(until), "{mail}");
    let mail = started(None);
    assert!(mail.contains("awaits its first orders.\n") && !mail.contains("until"), "{mail}");
}

#[test]
fn winners_are_listed() {
    let finished = |winners: &[&str]| {
        let winners = winners.iter().map(|w| Line::new(w)).collect();
        rendered(&Template::GameFinished(GameFinished {
            game_id: GameId::new(),
            game_name: "Rim".into(),
            turn: 9,
            winners,
        }))
    };
    assert!(finished(&[]).text.contains("Nobody won."));
    assert!(finished(&["Vega"]).text.contains("The winner:\n  * Vega\n"), "{}", finished(&["Vega"]).text);
    let two = finished(&["Vega", "Lyra"]);
    assert!(two.text.contains("The winners:\n  * Vega\n  * Lyra\n"), "{}", two.text);
    assert!(two.html.contains("<strong><bdi>Lyra</bdi></strong>"));
}

#[test]
fn an_alarm_says_how_many_and_why() {
    let alarm = |count| {
        let (cause, template_id) = ("RCPT TO 550".into(), "game.started".into());
        rendered(&Template::MailDeadLettered(MailDeadLettered {
            cause,
            count,
            delivery_id: DeliveryId::new(),
            template_id,
        }))
    };
    let seven = alarm(7);
    assert_eq!(seven.subject, "[Star Rim] Mails given up: 7");
    assert!(seven.text.contains("7 mails were given up for one cause.") && seven.text.contains("RCPT TO 550"));
    assert!(alarm(1).text.contains("A mail was given up."), "{}", alarm(1).text);
}

#[test]
fn an_alarm_about_a_daemon_says_which_how_many_games_wait_and_since_when() {
    let told = Payload::RuntimeDaemonUnserved { daemon_id: "docker:9F3C".to_owned(), games: 7, since: at(0) };
    let mail = rendered(&Template::of(told, &Known::default()).unwrap());
    assert_eq!(mail.subject, "[Star Rim] Games that no controller serves: 7");
    for says in [
        "Daemon:  docker:9F3C\n",
        "Games:   7\n",
        "Since:   Sunday, 1 November 2026, 00:30 (Europe/Berlin, UTC+01:00)\n",
        "Open the runtimes: https://play.example.org/admin/runtimes\n",
    ] {
        assert!(mail.text.contains(says), "{says} in {}", mail.text);
    }
}
