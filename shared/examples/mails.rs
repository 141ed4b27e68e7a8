//! Writes every mail, both parts, into a directory, to be looked at: `cargo run -p galaxy-shared --example mails -- DIRECTORY`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for the terminal")]

use std::path::PathBuf;

use chrono::DateTime;
use serde_json::{Map, json};
use shared::domain::notification::{Field, Form, Kind, Payload};
use shared::ids::{GameId, InviteId};
use shared::mail::{Known, LoginCode, SecondFactorReset, Style, Template, View};

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "mails".to_owned()));
    std::fs::create_dir_all(&directory).unwrap();
    let style = Style { public_url: Some("https://play.example.org".into()), ..Style::default() };
    let view = View::new(&style, Some("America/Argentina/Buenos_Aires"));
    let at = DateTime::from_timestamp(1_793_489_405, 0).unwrap();
    let code = |code: &str| Template::LoginCode(LoginCode { code: code.to_owned(), asked_at: at, expires_at: at });
    let reason = "the engine answered 500: state file truncated at byte 18446744073709551615\nsee /var/lib/galaxy/games/state.json";
    let reset = SecondFactorReset { user_name: "ada".into(), by: "root".into(), reason: "a lost phone".into(), at };
    let mut all = vec![code("481516"), code("7KQ4-9XNM-2RTV"), Template::SecondFactorReset(reset)];
    let known = Known {
        game_name: Some("Die Rückkehr der Raumfahrer: עִבְרִית 👩\u{200D}🚀".to_owned()),
        inviter_name: Some("Ada Lovelace".to_owned()),
        invite: Some((InviteId::new(), at)),
        next_turn_at: Some(at),
        alarm: Some(("RCPT TO 550".to_owned(), 7)),
    };
    let value = |field: &Field| match (field.form, field.name) {
        (Form::Id, _) => json!(GameId::new()),
        (Form::Text, "reason") => json!(reason),
        (Form::Text, "image_ref") => {
            json!("registry.example.org/galaxy/engine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef")
        }
        (Form::Text, "template_id") => json!("game.started"),
        (Form::Text, _) => json!("Vega Union"),
        (Form::Texts, _) => json!(["Vega Union", "علی\u{200C}رضا"]),
        (Form::Number, _) => json!(42),
        (Form::Time, _) => json!(at),
    };
    for kind in Kind::ALL {
        let fields: Map<_, _> = kind.fields().iter().map(|field| (field.name.to_owned(), value(field))).collect();
        all.extend(Template::of(Payload::from_json(kind.as_str(), fields.into()).unwrap(), &known));
    }
    for (n, template) in all.iter().enumerate() {
        let mail = template.render(&view).unwrap();
        let name = directory.join(format!("{n:02}.{}", template.id()));
        std::fs::write(format!("{}.html", name.display()), mail.html).unwrap();
        std::fs::write(format!("{}.txt", name.display()), format!("Subject: {}\n\n{}", mail.subject, mail.text))
            .unwrap();
        println!("{}", name.display());
    }
}
