//! One mail as it came.

use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};

/// A mail that the catcher has taken, envelope and parsed content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Its place in the order of arrival, from 1; not reused after a deletion.
    pub number: u64,
    /// When the end of its content arrived.
    pub received_at: DateTime<Utc>,
    /// The envelope's sender (`MAIL FROM`), empty for the null sender.
    pub envelope_from: String,
    /// The envelope's accepted recipients (`RCPT TO`), in their order.
    pub envelope_to: Vec<String>,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// Whether the sender was told that it was taken; false when a scripted fault withheld the answer, or the connection.
    pub acknowledged: bool,
    /// The `Message-ID` header without its angle brackets; empty when there is none.
    pub message_id: String,
    /// The decoded `Subject`.
    pub subject: String,
    /// All headers in their order, as name and raw, unfolded value.
    pub headers: Vec<(String, String)>,
    /// The text part, decoded.
    pub text: Option<String>,
    /// The HTML part, decoded.
    pub html: Option<String>,
    /// The content as it came, dots unstuffed, line ends CRLF.
    #[serde(with = "base64_bytes")]
    pub raw: Vec<u8>,
}

/// What is known of a mail before it is parsed.
#[derive(Debug, Clone)]
pub(crate) struct Envelope {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) encrypted: bool,
}

impl Mail {
    pub(crate) fn parse(number: u64, envelope: Envelope, raw: Vec<u8>, acknowledged: bool) -> Mail {
        let stored = Stored {
            number,
            received_at: Utc::now(),
            envelope_from: envelope.from,
            envelope_to: envelope.to,
            encrypted: envelope.encrypted,
            acknowledged,
            raw,
        };
        stored.into()
    }

    /// The value of the first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether `address` is among the envelope's recipients, whatever its case.
    pub fn is_to(&self, address: &str) -> bool {
        self.envelope_to.iter().any(|to| to.to_lowercase() == address.to_lowercase())
    }
}

/// What the store's file keeps of a mail; the rest is parsed anew.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    number: u64,
    received_at: DateTime<Utc>,
    envelope_from: String,
    envelope_to: Vec<String>,
    encrypted: bool,
    acknowledged: bool,
    #[serde(with = "base64_bytes")]
    raw: Vec<u8>,
}

impl From<Stored> for Mail {
    fn from(stored: Stored) -> Mail {
        let parsed = MessageParser::default().parse(&stored.raw);
        let parsed = parsed.as_ref();
        let headers = parsed.into_iter().flat_map(|m| m.headers_raw());
        // Without such a part mail-parser converts one from the other: only what was really sent counts here.
        let of_kind = |subtype: &str| {
            parsed?.parts.iter().find_map(|part| {
                use mail_parser::{MimeHeaders, PartType};
                let is_attachment = part.content_disposition().is_some_and(|d| d.is_attachment());
                match &part.body {
                    PartType::Text(text) if subtype == "plain" && !is_attachment => Some(text.to_string()),
                    PartType::Html(html) if subtype == "html" && !is_attachment => Some(html.to_string()),
                    _ => None,
                }
            })
        };
        Mail {
            message_id: parsed.and_then(|m| m.message_id()).unwrap_or_default().to_owned(),
            subject: parsed.and_then(|m| m.subject()).unwrap_or_default().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), unfold(value))).collect(),
            text: of_kind("plain"),
            html: of_kind("html"),
            number: stored.number,
            received_at: stored.received_at,
            envelope_from: stored.envelope_from,
            envelope_to: stored.envelope_to,
            encrypted: stored.encrypted,
            acknowledged: stored.acknowledged,
            raw: stored.raw,
        }
    }
}

impl From<&Mail> for Stored {
    fn from(mail: &Mail) -> Stored {
        Stored {
            number: mail.number,
            received_at: mail.received_at,
            envelope_from: mail.envelope_from.clone(),
            envelope_to: mail.envelope_to.clone(),
            encrypted: mail.encrypted,
            acknowledged: mail.acknowledged,
            raw: mail.raw.clone(),
        }
    }
}

fn unfold(value: &str) -> String {
    value.replace("\r\n", "").replace('\n', "").trim().to_owned()
}

mod base64_bytes {
    use super::BASE64;
    use base64::Engine as _;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}
