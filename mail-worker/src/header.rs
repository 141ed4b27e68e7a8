//! Header lines. Text that is not plain is encoded (RFC 2047), and so is text that looks encoded: a reader would decode it.

use std::fmt::Write as _;

use email_encoding::headers::{rfc2047, writer::EmailWriter};

/// Beyond this a line is folded (RFC 5322 §2.1.1).
const LINE: usize = 76;

/// A header whose value is text: `Subject`.
pub fn text(name: &str, value: &str) -> String {
    let value = one_line(value);
    let plain = is_plain(&value) && value.split(' ').all(|word| word.len() < LINE - name.len() - 2);
    line(name, |writer| if plain { folded(writer, &value) } else { rfc2047::encode(&value, writer) })
}

/// A header whose value is one mailbox: `From`.
pub fn mailbox(name: &str, display: Option<&str>, address: &str) -> String {
    let display = display.map(one_line).filter(|display| !display.is_empty());
    let Some(display) = display else { return format!("{name}: {address}\r\n") };
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~ ".contains(c);
    line(name, |writer| {
        if !is_plain(&display) {
            rfc2047::encode(&display, writer)?;
        } else if display.chars().all(atom) {
            folded(writer, &display)?;
        } else {
            folded(writer, &format!("\"{}\"", display.replace('\\', "\\\\").replace('"', "\\\"")))?;
        }
        folded(writer, &format!(" <{address}>"))
    })
}

/// A header whose value is addresses: `To`.
pub fn addresses<'a>(name: &str, addresses: impl Iterator<Item = &'a str>) -> String {
    let mut header = format!("{name}: ");
    let mut length = header.len();
    for (at, address) in addresses.enumerate() {
        if at > 0 {
            header.push(',');
            // A line may begin where a blank stands.
            let fits = length + 2 + address.len() < LINE;
            header.push_str(if fits { " " } else { "\r\n " });
            length = if fits { length + 2 } else { 1 };
        }
        header.push_str(address);
        length += address.len();
    }
    header + "\r\n"
}

fn line(name: &str, write: impl FnOnce(&mut EmailWriter<'_>) -> std::fmt::Result) -> String {
    let mut value = String::new();
    {
        let mut writer = EmailWriter::new(&mut value, name.len() + 2, 0, false);
        // Writing into a text does not fail.
        let _ = write(&mut writer);
    }
    format!("{name}: {value}\r\n")
}

fn folded(writer: &mut EmailWriter<'_>, text: &str) -> std::fmt::Result {
    for word in text.split_inclusive(' ') {
        writer.folding().write_str(word)?;
    }
    Ok(())
}

/// Whether a reader sees exactly these characters where they stand as they are.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && !text.contains("=?")
}

/// Control characters would end the line.
fn one_line(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    mod fuzz {
        use super::*;

        #[test]
        fn nothing_ends_a_header_but_its_end() {
            let samples = ["Welcome, Ada", "Привіт, Ада", "=?utf-8?q?a?=", "a\r\nBcc: eve@example.org", "\"A\" \\ <b>"];
            let words =
                &["\r\n", "\r", "=?", "?=", "\u{2028}", "\"", "\\", "é", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"];
            testkit::fuzz::Target::new(5_000).samples(samples).words(words).texts(|given| {
                for header in [text("Subject", given), mailbox("From", Some(given), "galaxy@example.org")] {
                    assert!(header.is_ascii(), "{header:?}");
                    let body = header.strip_suffix("\r\n").unwrap();
                    assert!(!body.replace("\r\n ", "").contains(['\r', '\n']), "{header:?}");
                    assert!(header.len() <= 200 + 8 * given.len(), "{header:?}");
                }
            });
        }
    }

    /// What a reader makes of a header: subject and the name of the sender.
    fn read(header: &str) -> (Option<String>, Option<String>) {
        let raw = format!("{header}\r\nbody");
        let parsed = MessageParser::default().parse(raw.as_bytes()).unwrap();
        let from = parsed.from().and_then(|from| from.first()).and_then(|from| from.name()).map(str::to_owned);
        (parsed.subject().map(str::to_owned), from)
    }

    const TEXTS: &[&str] = &[
        "Rim has started",
        "Zoë's game",
        "=?utf-8?q?Galaxy_=E2=80=AE_=D0=B0dmin?=",
        "a =?utf-8?b?WA==?= b",
        "=?",
        "I ❤️ Mars 👩‍🚀",
        "Галактика: приглашение в игру, которая называется очень длинным именем, длиннее одной строки",
        "a, b <c@d.e> \"f\" \\ (g); h:",
        "x(y)",
    ];

    #[test]
    fn every_text_is_read_as_it_was_written() {
        for text in TEXTS {
            let subject = super::text("Subject", text);
            assert_eq!(read(&subject).0.as_deref(), Some(*text), "{subject}");
            let from = mailbox("From", Some(text), "a@x.test");
            assert_eq!(read(&from).1.as_deref(), Some(*text), "{from}");
            for header in [subject, from] {
                assert!(header.is_ascii() && header.ends_with("\r\n"));
                assert!(header.trim_end().split("\r\n").all(|line| line.len() <= 78), "{header}");
                assert!(header.trim_end().split("\r\n").skip(1).all(|line| line.starts_with(' ')), "{header}");
            }
        }
        let long = "x".repeat(200);
        assert_eq!(read(&super::text("Subject", &long)).0, Some(long));
    }

    #[test]
    fn what_is_plain_stays_readable_on_the_wire() {
        assert_eq!(super::text("Subject", "Rim has started"), "Subject: Rim has started\r\n");
        assert_eq!(mailbox("From", Some("Galaxy"), "a@x.test"), "From: Galaxy <a@x.test>\r\n");
        assert_eq!(mailbox("From", Some("Galaxy, Inc."), "a@x.test"), "From: \"Galaxy, Inc.\" <a@x.test>\r\n");
        assert_eq!(mailbox("From", None, "a@x.test"), "From: a@x.test\r\n");
        assert_eq!(addresses("To", ["b@y.test", "c@y.test"].into_iter()), "To: b@y.test, c@y.test\r\n");
    }

    #[test]
    fn a_text_cannot_become_a_header() {
        for text in ["Hi\r\nBcc: eve@x.test", "Hi\nBcc: eve@x.test", "Hi\rBcc: eve@x.test", "Zoë\r\nBcc: eve@x.test"] {
            for header in [super::text("Subject", text), mailbox("From", Some(text), "a@x.test")] {
                assert!(!header.to_ascii_lowercase().contains("\nbcc"), "{header}");
            }
        }
    }

    #[test]
    fn many_addresses_are_folded() {
        let many: Vec<String> = (0..50).map(|n| format!("player-{n}@example.org")).collect();
        let header = addresses("To", many.iter().map(String::as_str));
        assert!(header.trim_end().split("\r\n").all(|line| line.len() <= 78), "{header}");
        assert_eq!(header.matches("@example.org").count(), 50);
    }
}
