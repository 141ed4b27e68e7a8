//! Writes every mail, both parts, into a directory, to be looked at: `cargo run -p galaxy-shared --example mails -- DIRECTORY`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for the terminal")]

use std::path::PathBuf;

use chrono::DateTime;
use shared::ids::{DeliveryId, GameId, InviteId};
use shared::mail::{
    AboutGame, ContainerStartFailed, GameFinished, GenerationFailed, ImagePullFailed, InviteReceived, Line, LoginCode,
    MailDeadLettered, MembershipRemoved, RaceNamePending, StartConfigInvalid, StartFailed, Style, Template, View,
};

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "mails".to_owned()));
    std::fs::create_dir_all(&directory).unwrap();
    let style = Style { public_url: Some("https://play.example.org".into()), ..Style::default() };
    let view = View::new(&style, Some("America/Argentina/Buenos_Aires"));
    let at = DateTime::from_timestamp(1_793_489_405, 0).unwrap();
    let (game_id, game_name) = (GameId::new(), Line::new("Die Rückkehr der Raumfahrer: עִבְרִית 👩\u{200D}🚀"));
    let about = || AboutGame { game_id, game_name: game_name.clone() };
    let code = |code: &str| Template::LoginCode(LoginCode { code: code.to_owned(), asked_at: at, expires_at: at });
    let reason = "the engine answered 500: state file truncated at byte 18446744073709551615\nsee /var/lib/galaxy/games/state.json";
    let all = [
        code("481516"),
        code("7KQ4-9XNM-2RTV"),
        Template::InviteReceived(InviteReceived {
            game_id,
            game_name: game_name.clone(),
            inviter_name: "Ada Lovelace".into(),
            invite: Some((InviteId::new(), at)),
        }),
        Template::ApplicationApproved(about()),
        Template::ApplicationRejected(about()),
        Template::MembershipRemoved(MembershipRemoved { game_name: game_name.clone(), reason: reason.into() }),
        Template::MembershipBlocked(about()),
        Template::RaceNamePending(RaceNamePending { race_name: "Vega Union".into(), expires_at: at }),
        Template::StartFailed(StartFailed { game_id, game_name: game_name.clone(), reason: reason.into() }),
        Template::GameStarted(about()),
        Template::GameFinished(GameFinished {
            game_id,
            game_name: game_name.clone(),
            turn: 42,
            winners: vec!["Vega Union".into(), "علی\u{200C}رضا".into()],
        }),
        Template::GenerationFailed(GenerationFailed {
            game_id,
            game_name: game_name.clone(),
            turn: 7,
            reason: reason.into(),
        }),
        Template::ImagePullFailed(ImagePullFailed {
            game_id,
            game_name: game_name.clone(),
            image_ref: "registry.example.org/galaxy/engine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef"
                .into(),
        }),
        Template::ContainerStartFailed(ContainerStartFailed { game_id, game_name: game_name.clone() }),
        Template::StartConfigInvalid(StartConfigInvalid { game_id, game_name, reason: reason.into() }),
        Template::MailDeadLettered(MailDeadLettered {
            cause: "RCPT TO 550".into(),
            count: 7,
            delivery_id: DeliveryId::new(),
            template_id: "game.started".into(),
        }),
    ];
    for (n, template) in all.iter().enumerate() {
        let mail = template.render(&view).unwrap();
        let name = directory.join(format!("{n:02}.{}", template.id()));
        std::fs::write(format!("{}.html", name.display()), mail.html).unwrap();
        std::fs::write(format!("{}.txt", name.display()), format!("Subject: {}\n\n{}", mail.subject, mail.text))
            .unwrap();
        println!("{}", name.display());
    }
}
