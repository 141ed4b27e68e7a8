//! What a relay says, and addresses as they were enqueued: whatever comes, it is bounded and ends nothing of ours.

use std::time::Duration;

use shared::domain::email::Address;
use testkit::fuzz::Target;

use super::delay;
use super::failure::{Failure, Reply, Step, clean};
use super::hello::Extensions;
use super::path::Path;
use super::reply::{Answer, Parser};

const REPLIES: [&str; 8] = [
    "250-relay.test\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
    "250 2.0.0 ok\r\n",
    "421 4.7.0 bye\n",
    "451 4.7.1 Greylisted, try again in 900 seconds\r\n",
    "550 5.1.1 <eve@example.org>: unknown, id=12345678\r\n",
    "hello\r\n\r\n250",
    "450 please retry in 1 hour and 30 minutes, or after 00:15:00",
    "451 Retry-After: 120\r\n",
];
const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "250",
    "250-",
    "550 ",
    "2500",
    "599",
    "+25",
    " in ",
    "99999999999999999999",
    " hours",
    "00:",
    "@",
    "123456",
    "AUTH=",
    "retry-after:",
    "\u{200b}",
    "\u{85}",
];

/// What is read of these bytes, and how many of them were.
fn read(bytes: &[u8]) -> (Option<Answer>, usize) {
    let mut parser = Parser::default();
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(answer) = parser.feed(*byte) {
            assert_eq!(*byte, b'\n');
            return (Some(answer), at + 1);
        }
    }
    let decided = parser.is_decided();
    let cut = parser.cut();
    assert!(!decided || cut.is_some(), "what is decided says something");
    (cut, bytes.len())
}

#[test]
fn a_reply_is_bounded_and_ends_with_its_line() {
    Target::new(8_000).samples(REPLIES).words(WORDS).bytes(|given| {
        let (answer, taken) = read(given);
        let Some(answer) = answer else { return };
        assert!((200..=599).contains(&answer.code) && answer.lines.len() <= 128);
        assert!(answer.lines.iter().all(|line| line.chars().count() <= 2_048 && !line.contains('\n')));
        assert!(!answer.whole || given.get(taken - 1) == Some(&b'\n'));
        // What follows a reply does not change it.
        let (more, same) = read(&[given.get(..taken).unwrap(), b"250 more\r\n"].concat());
        assert!(!answer.whole || more.as_ref() == Some(&answer) && same == taken);
        let _ = Extensions::of(&answer);
    });
}

#[test]
fn what_is_kept_of_a_reply_has_no_address_and_no_code() {
    Target::new(8_000).samples(REPLIES).words(WORDS).texts(|given| {
        let kept = clean(given);
        assert!(kept.chars().count() <= 300 && !kept.contains('@') && !kept.contains(char::is_control), "{kept:?}");
        assert!(kept.split(|c: char| !c.is_ascii_digit()).all(|digits| digits.len() < 6), "{kept:?}");
        assert_eq!(clean(&kept), kept.trim_end());
        let asked = delay::asked(given);
        assert!(asked.is_none_or(|delay| !delay.is_zero() && delay <= Duration::from_secs(86_400)), "{asked:?}");
        for code in [None, Some(250), Some(421), Some(451), Some(550)] {
            let failure = Failure::judge(Reply::new(Step::RcptTo, code, given));
            assert_eq!(failure.reply().asked.is_some(), asked.is_some() && matches!(code, Some(421 | 451)));
        }
    });
}

#[test]
fn an_address_ends_no_command_and_every_one_that_an_account_has_can_be_mailed() {
    let samples = [
        "ann@example.org",
        "\"a b\"@example.org",
        r#""a\"\\b"@example.org"#,
        "u@münchen.example",
        "用户@例子.广告",
        "jörg@example.org",
        "a@x.test\r\nRCPT TO:<eve@x.test>",
        "u@xn--mnchen-3ya.example",
    ];
    let words =
        &["@", "\"", "\\", "\\\"", ">", "<", " ", "\r\n", "\u{2028}", "xn--", ".", "\u{3002}", "ß", "\u{200d}", "_"];
    Target::new(8_000).samples(samples).words(words).texts(|given| {
        if let Ok(address) = Address::parse(given) {
            let path = Path::parse(address.as_str()).unwrap();
            assert_eq!((path.to_string().as_str(), path.is_ascii()), (address.as_str(), !address.needs_smtputf8()));
        }
        let Ok(path) = Path::parse(given) else { return };
        let wire = path.to_string();
        assert_eq!(Path::parse(&wire).as_ref(), Ok(&path), "{wire}");
        assert!(wire.len() <= 64 + 1 + 255 && path.domain().is_ascii());
        assert!(!wire.contains(char::is_control), "{wire:?}");
        assert!(wire.starts_with('"') || !wire.contains(|c: char| c.is_whitespace() || "<>".contains(c)), "{wire:?}");
    });
}
