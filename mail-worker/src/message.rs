//! The message as it goes over the wire: the same bytes however often it is sent.

use std::time::SystemTime;

use lettre::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, Message, MultiPart, MultiPartKind, SinglePart, header};
use shared::db::mail::Letter;
use shared::mail::{Class, Template};

/// Builds messages for one sender.
pub struct Composer {
    from: Mailbox,
    unsubscribe: String,
}

impl Composer {
    /// A composer of mails from `from`; `unsubscribe` is the URI for mails that are news.
    pub fn new(from: Mailbox, unsubscribe: String) -> Self {
        Self { from, unsubscribe }
    }

    /// The envelope's sender.
    pub fn sender(&self) -> &Address {
        &self.from.email
    }

    /// `<delivery_id@domain of the sender>`: derived, so that every copy of a mail carries the same.
    pub fn message_id(&self, letter: &Letter) -> String {
        format!("<{}@{}>", letter.delivery_id, self.from.email.domain())
    }

    /// The message. Nothing of it depends on the clock, on chance, or on who has accepted it already.
    ///
    /// # Errors
    /// lettre's, for a mail to nobody.
    pub fn compose(&self, letter: &Letter, to: &[Address]) -> Result<Vec<u8>, lettre::error::Error> {
        let to: Mailboxes = to.iter().cloned().map(Mailbox::from).collect();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .mailbox(header::To::from(to))
            // Cleaned when it was rendered; once more for rows that something else may have written.
            .subject(one_line(&letter.subject))
            .message_id(Some(self.message_id(letter)))
            .date(SystemTime::from(letter.created_at))
            .raw_header(raw("Auto-Submitted", "auto-generated"));
        if Template::class_of(&letter.template_id) == Some(Class::News) {
            builder = builder.raw_header(raw("List-Unsubscribe", &format!("<{}>", self.unsubscribe)));
        }
        let message = builder.multipart(
            MultiPart::builder()
                .kind(MultiPartKind::Alternative)
                .boundary(format!("galaxy-{}", letter.delivery_id.uuid().simple()))
                .singlepart(part(ContentType::TEXT_PLAIN, &letter.text))
                .singlepart(part(ContentType::TEXT_HTML, &letter.html)),
        )?;
        Ok(message.formatted())
    }
}

fn part(content_type: ContentType, body: &str) -> SinglePart {
    // Always quoted-printable: it holds any text in seven bits and short lines, and stays readable in a log of the wire.
    SinglePart::builder().header(content_type).header(ContentTransferEncoding::QuotedPrintable).body(body.to_owned())
}

/// Names and values here are ours, and ASCII.
fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
            subject: subject.to_owned(),
            text: "Grüße\n.\nend".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
            recipients: Vec::new(),
        }
    }

    fn composed(letter: &Letter, to: &[&str]) -> String {
        let to: Vec<Address> = to.iter().map(|a| a.parse().unwrap()).collect();
        let composer = Composer::new("Galaxy <a@x.test>".parse().unwrap(), "mailto:u@x.test".to_owned());
        String::from_utf8(composer.compose(letter, &to).unwrap()).unwrap()
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

    #[test]
    fn an_address_cannot_become_a_header_or_a_command() {
        for address in
            ["a@x.test\r\nRCPT TO:<eve@x.test>", "\"a\r\nb\"@x.test", "a@x.test>", "<a@x.test> ORCPT=x", "a b@x.test"]
        {
            assert!(address.parse::<Address>().is_err(), "{address:?}");
        }
    }
}
