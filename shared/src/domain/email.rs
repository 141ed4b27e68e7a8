//! E-mail addresses as identities.

/// An address in the one form under which it identifies: trimmed, NFC, lower case in both parts.
///
/// RFC 5321 lets the local part be case-sensitive; no mail provider of note is, and two accounts for `A@x` and `a@x` would
/// be a trap for people. At most 254 octets (RFC 5321 §4.5.3.1.3, errata 1690).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Why it is none, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        use unicode_normalization::UnicodeNormalization as _;
        let text: String = text.trim().nfc().collect::<String>().to_lowercase();
        if text.len() > 254 {
            return Err("an e-mail address has at most 254 octets".into());
        }
        let options =
            email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
        match email_address::EmailAddress::parse_with_options(&text, options) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The normalised text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_form() {
        assert_eq!(Address::parse("  Ada.Lovelace@Example.ORG ").unwrap().as_str(), "ada.lovelace@example.org");
        assert_eq!(Address::parse("e\u{301}a@example.org").unwrap(), Address::parse("\u{e9}a@example.org").unwrap());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "a", "a@", "@b.c", "a@b", "a b@c.de", "a@b.c\r\nBcc: x@y.z", "<a@b.cd>", "A <a@b.cd>", "a@[127.0.0.1]"]
        {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
        assert!(Address::parse(&format!("{}@example.org", "a".repeat(250))).is_err());
    }
}
