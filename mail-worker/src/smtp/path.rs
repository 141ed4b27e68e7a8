//! Addresses as the envelope holds them.

use std::fmt;

/// The longest local part and domain, in octets (RFC 5321 §4.5.3.1).
const LOCAL_OCTETS: usize = 64;
const DOMAIN_OCTETS: usize = 255;

/// A mailbox in the form of RFC 5321: the local part as it was given, quotes and all, the domain in its A-label form. It
/// cannot end a command or a header line, and it is never derived from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    local: String,
    domain: String,
}

impl Path {
    /// Reads an address as it was enqueued.
    ///
    /// # Errors
    /// Why no relay could take it, for people.
    pub fn parse(address: &str) -> Result<Self, &'static str> {
        let (local, domain) = address.rsplit_once('@').ok_or("no @")?;
        if local.len() > LOCAL_OCTETS || local.chars().any(char::is_control) || !(is_dotted(local) || is_quoted(local))
        {
            return Err("the part before the @ is none");
        }
        // Labels beyond ASCII have one form on the wire, with or without SMTPUTF8.
        let domain = idna::domain_to_ascii(domain).map_err(|_| "the domain is none")?;
        let labelled = domain.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(is_in_label));
        if domain.len() > DOMAIN_OCTETS || !labelled {
            return Err("the domain is none");
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    /// Whether it goes without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

fn is_in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// `atext` (RFC 5322 §3.2.3, RFC 6531 §3.3) between dots.
fn is_dotted(local: &str) -> bool {
    let atext = |c: char| {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_whitespace())
    };
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

/// A quoted string (RFC 5321 §4.1.2).
fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|quoted| quoted.is_ascii_graphic() || quoted == ' '),
            '"' => false,
            c => !c.is_ascii() || c.is_ascii_graphic() || c == ' ',
        };
        if !fits {
            return false;
        }
    }
    !inner.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_their_quotes_and_domains_become_a_labels() {
        for (address, wire, ascii) in [
            ("ann@example.org", "ann@example.org", true),
            ("a.b+c@example.org", "a.b+c@example.org", true),
            ("\"a b\"@example.org", "\"a b\"@example.org", true),
            ("\"a@b\"@example.org", "\"a@b\"@example.org", true),
            (r#""a\"\\b"@example.org"#, r#""a\"\\b"@example.org"#, true),
            ("\"a..b\"@example.org", "\"a..b\"@example.org", true),
            ("\"<a>\"@example.org", "\"<a>\"@example.org", true),
            ("u@münchen.example", "u@xn--mnchen-3ya.example", true),
            ("u@xn--mnchen-3ya.example", "u@xn--mnchen-3ya.example", true),
            ("jörg@example.org", "jörg@example.org", false),
            ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v", false),
            ("root@localhost", "root@localhost", true),
        ] {
            let path = Path::parse(address).unwrap();
            assert_eq!((path.to_string().as_str(), path.is_ascii()), (wire, ascii), "{address}");
        }
    }

    #[test]
    fn nothing_can_end_a_command_or_a_header_line() {
        for address in [
            "",
            "a",
            "@b.c",
            "a@",
            "a b@x.test",
            ".a@x.test",
            "a..b@x.test",
            "a@x..test",
            "a@x.test>",
            "<a@x.test> ORCPT=x",
            "a@x.test\r\nRCPT TO:<eve@x.test>",
            "\"a\r\nb\"@x.test",
            "\"a\0\"@x.test",
            "\"a\"b\"@x.test",
            "\"a\\\"@x.test",
            "\"\"@x.test",
            "a@[127.0.0.1]",
            "a@x test",
            "a,b@x.test",
            "a\u{2028}b@x.test",
            "a\u{85}@x.test",
        ] {
            assert!(Path::parse(address).is_err(), "{address:?}");
        }
        assert!(Path::parse(&format!("{}@x.test", "a".repeat(65))).is_err());
    }
}
