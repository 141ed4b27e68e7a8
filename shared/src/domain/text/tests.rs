use super::*;

#[test]
fn longer_texts_keep_their_lines_and_emoji() {
    assert_eq!(
        lines("it", " one\ntwo\t❤\u{FE0F} 👩\u{200D}🚀 ", 99).as_deref(),
        Ok("one\ntwo\t❤\u{FE0F} 👩\u{200D}🚀")
    );
    assert_eq!(
        lines("it", "علی\u{200C}رضا\nhttps://example.org", 99).as_deref(),
        Ok("علی\u{200C}رضا\nhttps://example.org")
    );
    assert_eq!(lines("it", "", 99).as_deref(), Ok(""));
    // A break between lines goes, and the Burmese letter on both sides of it becomes one.
    assert_eq!(lines("it", "\u{1025}\u{200B}\u{102E}", 99).as_deref(), Ok("\u{1026}"));
    // A line end has two characters where browsers and Windows write it, and counts as one.
    assert_eq!(lines("it", "a\r\n\r\nb", 4).as_deref(), Ok("a\n\nb"));
    assert!(lines("it", "a\rb", 99).is_err());
    for end in ["\r\n", "\r", "\n", "\u{2028}", "\t"] {
        assert_eq!(remark("it", &format!("a{end}b"), 99), Err("it is one line".into()), "{end:?}");
        assert_eq!(remark("it", &format!("a{end}"), 99).as_deref(), Ok("a"), "{end:?}");
    }
    for bad in ["a\u{0}b", "a\u{202E}b", "a\u{E0041}b", "a\u{200B}b", &"x".repeat(100)] {
        assert!(lines("it", bad, 99).is_err(), "{bad:?}");
    }
    assert!(remark("it", "spam, twice", 99).is_ok());
    assert!(remark("it", " ", 99).is_err() && remark("it", "a\nb", 99).is_err());
}
