//! The message as it goes over the wire: the same bytes however often it is sent.

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use shared::db::mail::Letter;
use shared::mail::{Class, Template};

use crate::header;
use crate::smtp::Path;

/// Builds messages for one sender.
pub struct Composer {
    /// The name beside the sender's address.
    name: Option<String>,
    sender: Path,
    unsubscribe: String,
}

impl Composer {
    /// A composer of mails from `from`; `unsubscribe` is the URI for mails that are news.
    ///
    /// # Errors
    /// The sender's address could not stand in an envelope.
    pub fn new(from: Mailbox, unsubscribe: String) -> anyhow::Result<Self> {
        let sender = Path::parse(from.email.as_ref()).map_err(|why| anyhow::anyhow!("BACKEND_SMTP_FROM: {why}"))?;
        Ok(Self { name: from.name, sender, unsubscribe })
    }

    /// The envelope's sender.
    pub fn sender(&self) -> &Path {
        &self.sender
    }

    /// `<delivery_id@domain of the sender>`: derived, so that every copy of a mail carries the same.
    pub fn message_id(&self, letter: &Letter) -> String {
        format!("<{}@{}>", letter.delivery_id, self.sender.domain())
    }

    /// The message. Nothing of it depends on the clock, on chance, or on who has accepted it already. Only the addresses in
    /// `to` can be beyond ASCII.
    pub fn compose<'a>(&self, letter: &Letter, to: impl Iterator<Item = &'a Path>) -> Vec<u8> {
        let to: Vec<String> = to.map(ToString::to_string).collect();
        let mut head = header::mailbox("From", self.name.as_deref(), &self.sender.to_string());
        head += &header::addresses("To", to.iter().map(String::as_str));
        head += &header::text("Subject", &letter.subject);
        head += &format!("Message-ID: {}\r\n", self.message_id(letter));
        head += &format!("Date: {}\r\n", letter.created_at.to_rfc2822());
        head += "Auto-Submitted: auto-generated\r\n";
        if Template::class_of(&letter.template_id) == Some(Class::News) {
            head += &format!("List-Unsubscribe: <{}>\r\n", self.unsubscribe);
        }
        head += "MIME-Version: 1.0\r\n";
        let body = MultiPart::builder()
            .kind(MultiPartKind::Alternative)
            .boundary(format!("galaxy-{}", letter.delivery_id.uuid().simple()))
            .singlepart(part(ContentType::TEXT_PLAIN, &letter.text))
            .singlepart(part(ContentType::TEXT_HTML, &letter.html));
        [head.into_bytes(), body.formatted()].concat()
    }
}

fn part(content_type: ContentType, body: &str) -> SinglePart {
    // Always quoted-printable: it holds any text in seven bits and short lines, and stays readable in a log of the wire.
    SinglePart::builder().header(content_type).header(ContentTransferEncoding::QuotedPrintable).body(body.to_owned())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use shared::ids::DeliveryId;

    use super::*;

    fn letter(template_id: &str, subject: &str) -> Letter {
        Letter {
            delivery_id: DeliveryId::from(uuid::Uuid::from_u128(7)),
            template_id: template_id.to_owned(),
            created_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
            expired: false,
            life: None,
            subject: subject.to_owned(),
            text: "Grüße\n.\nend".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
            recipients: Vec::new(),
        }
    }

    fn composed(letter: &Letter, to: &[&str]) -> String {
        let to: Vec<Path> = to.iter().map(|a| Path::parse(a).unwrap()).collect();
        let composer = Composer::new("Galaxy <a@x.test>".parse().unwrap(), "mailto:u@x.test".to_owned()).unwrap();
        String::from_utf8(composer.compose(letter, to.iter())).unwrap()
    }

    #[test]
    fn the_same_letter_gives_the_same_bytes() {
        let letter = letter("game.started", "Zoë's game");
        let text = composed(&letter, &["b@y.test", "c@y.test"]);
        assert_eq!(text, composed(&letter, &["b@y.test", "c@y.test"]));
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000007@x.test>",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000",
            "From: Galaxy <a@x.test>",
            "To: b@y.test, c@y.test",
            "Auto-Submitted: auto-generated",
            "List-Unsubscribe: <mailto:u@x.test>",
            "MIME-Version: 1.0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
        assert!(text.is_ascii());
        assert!(text.split("\r\n").all(|line| line.len() <= 78 && !line.contains(['\r', '\n'])), "{text}");
        assert_eq!(text.matches("MIME-Version").count(), 1);
    }

    #[test]
    fn the_header_shows_an_address_as_it_was_given() {
        let text = composed(&letter("game.started", "s"), &["\"a b\"@y.test", "u@münchen.example", "jörg@y.test"]);
        assert!(text.contains("\r\nTo: \"a b\"@y.test, u@xn--mnchen-3ya.example, jörg@y.test\r\n"), "{text}");
    }

    #[test]
    fn only_news_can_be_unsubscribed_from() {
        for (id, wanted) in
            [("auth.login_code", false), ("lobby.application.approved", false), ("game.finished", true), ("x", false)]
        {
            assert_eq!(composed(&letter(id, "s"), &["b@y.test"]).contains("List-Unsubscribe"), wanted, "{id}");
        }
    }

    #[test]
    fn a_subject_cannot_become_a_header() {
        for subject in ["Hi\r\nBcc: eve@x.test", "Hi\nBcc: eve@x.test", "Hi\rBcc: eve@x.test", "Zoë\r\nBcc: eve@x.test"]
        {
            let text = composed(&letter("game.started", subject), &["b@y.test"]);
            let head = text.split("\r\n\r\n").next().unwrap();
            assert!(!head.lines().any(|l| l.to_ascii_lowercase().starts_with("bcc")), "{head}");
        }
    }
}
