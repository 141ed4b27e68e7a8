//! E-mail addresses as identities: one form for all spellings of a mailbox, and none for what cannot be mailed.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_normalization::UnicodeNormalization as _;

use super::text;

/// Longest local part, in octets (RFC 5321 §4.5.3.1.1).
const LOCAL_PART_MAX: usize = 64;
/// Longest address, in octets, with its domain as A-labels (RFC 5321 §4.5.3.1.3, errata 1690).
const ADDRESS_MAX: usize = 254;
/// Top-level names under which no mail server can be: RFC 6761 §6.3, §6.4, RFC 7686, RFC 9476.
const UNREACHABLE: [&str; 4] = ["localhost", "invalid", "onion", "alt"];

/// An address in the one form under which it identifies and is mailed.
///
/// * Full-width and half-width forms, as an input method for Japanese types them, are their ordinary ones (the width mapping
///   of RFC 8265 §3.3); NFC and lower case. RFC 5321 lets the local part be case-sensitive; no mail provider of note is, and
///   two accounts for `A@x` and `a@x` would be a trap for people.
/// * Quotes that the local part does not need are gone: `"ada"@x` is `ada@x`. One that needs them is refused: such mailboxes
///   are all but unknown, and many relays turn them away.
/// * The domain stands in A-labels (IDNA by UTS 46, non-transitional, STD 3).
///
/// What is mailed is this form: whoever spells an address in another way gets the same mailbox, never another's account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    /// Where the `@` stands.
    at: usize,
}

/// Why a text is no address that can be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    /// Nothing, or blanks only.
    #[error("an e-mail address is needed")]
    Empty,
    /// No `@`, or nothing on one side of it.
    #[error("an e-mail address has a local part, an @ and a domain")]
    Parts,
    /// Blanks, control characters, or characters that show nothing.
    #[error("an e-mail address has no blanks and no control or invisible characters")]
    Invisible,
    /// A character that no local part has without quotes, or dots at the wrong places.
    #[error("the part before the @ has letters, digits and !#$%&'*+-/=?^_`{{|}}~, and single dots between them")]
    LocalPart,
    /// A quoted local part that is none without its quotes.
    #[error("an address whose local part needs quotes cannot be used here")]
    QuotesNeeded,
    /// `=?` in the local part: in a header it would be read as an encoded word (RFC 2047 §5).
    #[error("the part before the @ has no =?")]
    EncodedWord,
    /// More than 64 octets before the `@`.
    #[error("the part before the @ has at most {LOCAL_PART_MAX} octets")]
    LocalPartLong,
    /// `[127.0.0.1]`, or an address of the network without brackets.
    #[error("the domain is a name, not an address of the network")]
    AddressLiteral,
    /// A domain without a dot.
    #[error("the domain has at least two labels, such as example.org")]
    OneLabel,
    /// A domain that the DNS or IDNA has no room for.
    #[error("the domain is no internet domain name (letters, digits and inner hyphens, parted by single dots)")]
    Domain,
    /// A domain that reaches nobody by definition.
    #[error("nobody can be reached under this top-level domain")]
    Unreachable,
    /// More than 254 octets in all.
    #[error("an e-mail address has at most {ADDRESS_MAX} octets")]
    Long,
}

impl From<AddressFault> for String {
    fn from(fault: AddressFault) -> Self {
        fault.to_string()
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Why it is none that can be mailed.
    pub fn parse(text: &str) -> Result<Self, AddressFault> {
        let wide: String = text.chars().flat_map(narrow).collect();
        let text = wide.trim();
        if text.is_empty() {
            return Err(AddressFault::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(AddressFault::Parts)?;
        if local.is_empty() || domain.is_empty() {
            return Err(AddressFault::Parts);
        }
        let local = local_part(local)?;
        let domain = a_labels(domain)?;
        if local.len() + 1 + domain.len() > ADDRESS_MAX {
            return Err(AddressFault::Long);
        }
        Ok(Self { at: local.len(), text: format!("{local}@{domain}") })
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The normalised text, owned.
    pub fn into_string(self) -> String {
        self.text
    }

    /// What stands before the `@`: a dot-atom of RFC 5322, or of RFC 6532 where it is not ASCII. It never needs quotes.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The domain, as A-labels in lower case: what the DNS and every relay understand.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// The mailbox that it most likely ends in, see [`mailbox`].
    pub fn mailbox(&self) -> String {
        mailbox(&self.text)
    }

    /// Whether a relay must offer SMTPUTF8 (RFC 6531) to take mail for it: the local part is not ASCII. The domain never
    /// asks for that.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part().is_ascii()
    }

    /// The spellings under which an account may have this address: the normal one first, then those that were kept before
    /// domains became A-labels and needless quotes went. Rows of that time stay as they are; whoever looks one up asks
    /// for all of these, and takes the first that is there.
    pub fn spellings(&self) -> Vec<String> {
        let local = self.local_part();
        let (unicode, _) = idna::domain_to_unicode(self.domain());
        let mut all = vec![self.text.clone()];
        for domain in [self.domain(), &unicode] {
            for spelling in [format!("{local}@{domain}"), format!("\"{local}\"@{domain}")] {
                if !all.contains(&spelling) {
                    all.push(spelling);
                }
            }
        }
        all
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The ordinary form of a full-width or half-width character.
fn narrow(c: char) -> impl Iterator<Item = char> {
    let wide = matches!(c, '\u{FF01}'..='\u{FFEF}');
    let (folded, same) = if wide { (Some(c.nfkc()), None) } else { (None, Some(c)) };
    folded.into_iter().flatten().chain(same)
}

/// The address without its tag: `ada@x` of `ada+galaxy@x`. Most providers lead all tags of a name to one mailbox (RFC 5233 §2), so
/// mails are counted for that. No identity is told by it: where the sign is an ordinary character, two people have two
/// mailboxes. A sign at the beginning parts nothing. The column `auth_challenges.mailbox` says the same in SQL.
pub fn mailbox(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return address.to_owned() };
    let tag = local.char_indices().skip(1).find(|(_, c)| *c == '+').map(|(at, _)| at);
    let name = tag.and_then(|at| local.get(..at)).unwrap_or(local);
    format!("{name}@{domain}")
}

/// The local part's one form.
fn local_part(text: &str) -> Result<String, AddressFault> {
    let inner = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => Some(unquoted(quoted)?),
        None => None,
    };
    let form: String = inner.as_deref().unwrap_or(text).nfc().collect::<String>().to_lowercase().nfc().collect();
    match dot_atom(&form) {
        Ok(()) => Ok(form),
        Err(AddressFault::LocalPart | AddressFault::Invisible)
            if inner.is_some() && !text.contains(char::is_control) =>
        {
            Err(AddressFault::QuotesNeeded)
        }
        Err(fault) => Err(fault),
    }
}

/// What stands between quotes (RFC 5321 §4.1.2, Quoted-string), each pair of a backslash and a character as that character.
fn unquoted(text: &str) -> Result<String, AddressFault> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '"' => return Err(AddressFault::LocalPart),
            '\\' => chars.next().ok_or(AddressFault::LocalPart)?,
            c => c,
        });
    }
    Ok(plain)
}

/// Whether a text is a local part that stands without quotes: `Dot-string` of RFC 5321 §4.1.2, extended by RFC 6531 §3.3.
fn dot_atom(text: &str) -> Result<(), AddressFault> {
    if text.chars().any(|c| c.is_whitespace() || text::hides(c)) {
        return Err(AddressFault::Invisible);
    }
    let atom = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if !text.split('.').all(|part| !part.is_empty() && part.chars().all(atom)) {
        return Err(AddressFault::LocalPart);
    }
    if text.contains("=?") {
        return Err(AddressFault::EncodedWord);
    }
    if text.len() > LOCAL_PART_MAX { Err(AddressFault::LocalPartLong) } else { Ok(()) }
}

/// The domain as A-labels in lower case.
fn a_labels(domain: &str) -> Result<String, AddressFault> {
    if domain.starts_with('[') {
        return Err(AddressFault::AddressLiteral);
    }
    if domain.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(AddressFault::Invisible);
    }
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| AddressFault::Domain)?;
    if ascii.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(AddressFault::AddressLiteral);
    }
    let (_, top) = ascii.rsplit_once('.').ok_or(AddressFault::OneLabel)?;
    // RFC 1123 §2.1 and ICANN: letters, or an A-label. None has one letter.
    if top.len() < 2 || !(top.starts_with("xn--") || top.bytes().all(|b| b.is_ascii_alphabetic())) {
        return Err(AddressFault::Domain);
    }
    if UNREACHABLE.contains(&top) { Err(AddressFault::Unreachable) } else { Ok(ascii.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::table;

    const TABLE: &str = include_str!("../../tests/tables/addresses.tsv");

    #[test]
    fn every_address_has_the_fate_that_the_table_says() {
        table::check::<2>(TABLE, 200, |[given, wanted]| {
            let found = match Address::parse(given) {
                Ok(address) => address.into_string(),
                Err(fault) => format!("!{fault:?}"),
            };
            (found != *wanted).then_some(found)
        });
    }

    #[test]
    fn the_one_form_is_its_own_form() {
        for (line, [given, _]) in table::rows::<2>(TABLE) {
            let Ok(address) = Address::parse(&given) else { continue };
            assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address), "line {line}");
            assert_eq!(format!("{}@{}", address.local_part(), address.domain()), address.as_str(), "line {line}");
            assert!(address.domain().is_ascii(), "line {line}");
            assert_eq!(address.needs_smtputf8(), !address.as_str().is_ascii(), "line {line}");
            // Each spelling of former times is one of this address.
            for spelling in address.spellings() {
                assert_eq!(Address::parse(&spelling).as_ref(), Ok(&address), "line {line}: {spelling}");
            }
        }
    }

    #[test]
    fn all_tags_of_a_name_are_one_mailbox() {
        for (address, wanted) in [
            ("ada@x.org", "ada@x.org"),
            ("ada+@x.org", "ada@x.org"),
            ("ada+1@x.org", "ada@x.org"),
            ("ada+a+b@x.org", "ada@x.org"),
            ("a.d.a+1@x.org", "a.d.a@x.org"),
            ("例+1@x.org", "例@x.org"),
            ("+ada@x.org", "+ada@x.org"),
            ("+ada+1@x.org", "+ada@x.org"),
            ("++@x.org", "+@x.org"),
        ] {
            let address = Address::parse(address).unwrap();
            assert_eq!(address.mailbox(), wanted);
            assert_eq!(mailbox(wanted), wanted, "it is its own");
        }
    }

    #[test]
    fn lengths_are_those_of_smtp() {
        let local = |n| format!("{}@example.org", "a".repeat(n));
        assert!(Address::parse(&local(64)).is_ok());
        assert_eq!(Address::parse(&local(65)), Err(AddressFault::LocalPartLong));
        // Octets, not characters.
        assert!(Address::parse(&format!("{}@example.org", "é".repeat(32))).is_ok());
        assert_eq!(Address::parse(&format!("{}@example.org", "é".repeat(33))), Err(AddressFault::LocalPartLong));
        let label = |n| format!("a@{}.org", "b".repeat(n));
        assert!(Address::parse(&label(63)).is_ok());
        assert_eq!(Address::parse(&label(64)), Err(AddressFault::Domain));
        // A label of 59 octets here has 64 as an A-label.
        assert_eq!(Address::parse(&format!("a@ü{}.org", "b".repeat(57))), Err(AddressFault::Domain));
        let long = |n: usize| format!("{}@{}.{}.{}.org", "a".repeat(60), "b".repeat(63), "c".repeat(63), "d".repeat(n));
        let full = 254 - long(0).len();
        assert_eq!(Address::parse(&long(full)).unwrap().as_str().len(), 254);
        assert_eq!(Address::parse(&long(full + 1)), Err(AddressFault::Long));
    }

    #[test]
    fn rows_of_former_times_are_found() {
        let spellings = Address::parse("Ada@MÜNCHEN.example").unwrap().spellings();
        assert_eq!(
            spellings,
            [
                "ada@xn--mnchen-3ya.example",
                "\"ada\"@xn--mnchen-3ya.example",
                "ada@münchen.example",
                "\"ada\"@münchen.example"
            ]
        );
        assert_eq!(Address::parse("ada@example.org").unwrap().spellings().len(), 2);
    }
}
