//! What a relay may say, in every shape: the bytes, and how they come.

use std::time::Duration;

use testkit::mail::Say;

pub fn bytes(text: &str) -> Say {
    Say::Bytes(text.as_bytes().to_vec())
}

pub fn raw(text: &[u8]) -> Say {
    Say::Bytes(text.to_vec())
}

pub fn long(code: &str, length: usize) -> Say {
    Say::Bytes(format!("{code} {}\r\n", "x".repeat(length)).into_bytes())
}

pub fn slow(text: &str) -> Say {
    Say::Slowly(text.as_bytes().to_vec(), Duration::from_millis(2))
}

pub fn last(text: &str) -> Say {
    Say::Last(text.as_bytes().to_vec())
}

pub fn stuck(text: &str) -> Say {
    Say::Stuck(text.as_bytes().to_vec())
}

/// Replies of a code in every shape that is still a reply: each must be taken for what its digits say.
pub fn shapes(code: &str) -> Vec<(String, Say)> {
    let named = |name: &str, say| (format!("{code} {name}"), say);
    vec![
        named("with text", bytes(&format!("{code} 2.0.0 ok\r\n"))),
        named("bare", bytes(&format!("{code}\r\n"))),
        named("bare with LF", bytes(&format!("{code}\n"))),
        named("with a blank", bytes(&format!("{code} \r\n"))),
        named("with LF", bytes(&format!("{code} ok\n"))),
        named("with byte E9", raw(&[code.as_bytes(), b" accept\xE9\r\n"].concat())),
        named(
            "with all bytes",
            raw(&[code.as_bytes(), b" ", &(11..=255).filter(|b| *b != 13).collect::<Vec<u8>>(), b"\r\n"].concat()),
        ),
        named("with NUL", raw(&[code.as_bytes(), b" a\0b\r\n"].concat())),
        named("without blank", bytes(&format!("{code}ok\r\n"))),
        named("of two lines", bytes(&format!("{code}-one\r\n{code} two\r\n"))),
        named("of two bare lines", bytes(&format!("{code}-\r\n{code}\r\n"))),
        named("of a hundred lines", bytes(&(format!("{code}-x\r\n").repeat(100) + &format!("{code} x\r\n")))),
        named("behind garbage", bytes(&format!("hello\r\n\r\n{code} ok\r\n"))),
        named("around garbage", bytes(&format!("{code}-one\r\n two\r\n{code} three\r\n"))),
        named("behind other digits", bytes(&format!("999-one\r\n12\r\n{code} three\r\n"))),
        named("of 1 000 characters", long(code, 1000)),
        named("of 60 000 characters", long(code, 60_000)),
        named("byte by byte", slow(&format!("{code} slow\r\n"))),
    ]
}

/// Replies that break off: what is there of them.
pub fn fragments(code: &str) -> Vec<(String, Say)> {
    let named = |name: &str, say| (format!("{code} {name}"), say);
    vec![
        named("and closed", last(code)),
        named("with text and closed", last(&format!("{code} 2.0.0 acc"))),
        named("with CR and closed", last(&format!("{code} ok\r"))),
        named("first line and closed", last(&format!("{code}-one\r\n"))),
        named("second line begun and closed", last(&format!("{code}-one\r\n2"))),
        named("and stuck", stuck(code)),
        named("with text and stuck", stuck(&format!("{code} 2.0.0 acc"))),
        named("with CR alone", stuck(&format!("{code} ok\r"))),
        named("first line and stuck", stuck(&format!("{code}-one\r\n"))),
        named("of 200 000 characters", long(code, 200_000)),
        named("without end", Say::Endlessly(format!("{code}-x\r\n").into_bytes())),
    ]
}

/// What is no reply at all.
pub fn nothings() -> Vec<(String, Say)> {
    let named = |name: &str, say| (name.to_owned(), say);
    vec![
        named("closed", last("")),
        named("closed behind two digits", last("25")),
        named("closed behind garbage", last("hello\r\n")),
        named("silent", stuck("")),
        named("stuck behind two digits", stuck("25")),
        named("stuck behind garbage", stuck("hello\r\n\0\r\n")),
        named("garbage without end", Say::Endlessly(b"hello\r\n".to_vec())),
        named("a line without end", Say::Endlessly(b"x".to_vec())),
        named("four digits", last("2500 ok\r\n")),
        named("digits of no class", last("999 ok\r\n")),
    ]
}

/// Whether nothing but silence ends it.
pub fn is_silent(say: &Say) -> bool {
    matches!(say, Say::Stuck(_))
}
