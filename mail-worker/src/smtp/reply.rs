//! Reading what the relay says. The three digits decide (RFC 5321 §4.2): the text behind them may be missing, of any length
//! and in any bytes.
//!
//! * A line is what ends in a line feed, with or without a carriage return before it. Its digits are the first three bytes,
//!   200 to 599, and no fourth digit follows; `-` behind them says that more lines come. Whatever else a line is, it says
//!   nothing and is passed over.
//! * Of several lines the last one's digits count.
//! * A reply that breaks off (the connection ends, the time is up, the bound is reached) says what its digits say, if they
//!   were there. It is not [`whole`](Answer::whole) then: where the next reply would begin nobody knows, so the connection
//!   is of no further use.

/// The most bytes of one reply that are read.
pub(super) const REPLY_LIMIT: usize = 64 * 1024;
/// The most bytes of one line that are kept. RFC 5321 §4.5.3.1.5 allows 512.
const LINE_KEPT: usize = 2048;
/// The most lines that are kept: of an answer to `EHLO` every one is needed.
const LINES_KEPT: usize = 128;

/// What the relay said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The three digits.
    pub(super) code: u16,
    /// What stands behind them, line by line; bytes that are no UTF-8 are replaced.
    pub(super) lines: Vec<String>,
    /// Its end was seen.
    pub(super) whole: bool,
}

impl Answer {
    /// 2 to 5.
    pub(super) fn class(&self) -> u16 {
        self.code / 100
    }

    /// All its words.
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// A reply under way.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    total: usize,
    code: Option<u16>,
    lines: Vec<String>,
}

impl Parser {
    /// Takes a byte; answers when the reply ends with it.
    pub(super) fn feed(&mut self, byte: u8) -> Option<Answer> {
        self.total += 1;
        if byte != b'\n' {
            if self.line.len() < LINE_KEPT {
                self.line.push(byte);
            }
            return None;
        }
        let ends = self.end_line();
        let code = self.code.filter(|_| ends)?;
        Some(Answer { code, lines: std::mem::take(&mut self.lines), whole: true })
    }

    /// Whether the bound is reached.
    pub(super) fn is_full(&self) -> bool {
        self.total >= REPLY_LIMIT
    }

    /// Whether anything of a reply was read.
    pub(super) fn has_begun(&self) -> bool {
        self.total > 0
    }

    /// Whether the digits of the last line are there, and only its end is missing.
    pub(super) fn is_decided(&self) -> bool {
        matches!(head(&self.line), Some((_, Some(separator))) if separator != b'-')
    }

    /// What a reply says that goes no further.
    pub(super) fn cut(mut self) -> Option<Answer> {
        self.end_line();
        Some(Answer { code: self.code?, lines: self.lines, whole: false })
    }

    /// Ends the line under way; answers whether it was the reply's last.
    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let Some((code, separator)) = head(&line) else { return false };
        self.code = Some(code);
        if self.lines.len() < LINES_KEPT {
            let text = line.get(3..).unwrap_or_default();
            let text = text.strip_prefix(b"-").or(text.strip_prefix(b" ")).unwrap_or(text);
            self.lines.push(String::from_utf8_lossy(text).trim().to_owned());
        }
        separator != Some(b'-')
    }
}

/// The digits of a line, and the byte behind them. A carriage return there belongs to the line's end.
fn head(line: &[u8]) -> Option<(u16, Option<u8>)> {
    let digits = line.get(..3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let separator = line.get(3).copied();
    let is_code = digits.iter().all(u8::is_ascii_digit) && (200..=599).contains(&code);
    (is_code && !separator.is_some_and(|byte| byte.is_ascii_digit())).then_some((code, separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the parser makes of these bytes, and how many it leaves.
    fn read(bytes: &[u8]) -> (Option<Answer>, usize) {
        let mut parser = Parser::default();
        for (at, byte) in bytes.iter().enumerate() {
            if let Some(answer) = parser.feed(*byte) {
                return (Some(answer), bytes.len() - at - 1);
            }
        }
        (parser.cut(), 0)
    }

    fn says(bytes: &[u8]) -> Option<(u16, String, bool)> {
        read(bytes).0.map(|answer| (answer.code, answer.text(), answer.whole))
    }

    fn said(code: u16, text: &str, whole: bool) -> Option<(u16, String, bool)> {
        Some((code, text.to_owned(), whole))
    }

    #[test]
    fn the_digits_decide_whatever_is_behind_them() {
        for (bytes, wanted) in [
            (&b"250\r\n"[..], said(250, "", true)),
            (b"250\n", said(250, "", true)),
            (b"250 \r\n", said(250, "", true)),
            (b"250 2.0.0 accept\xE9\r\n", said(250, "2.0.0 accept\u{FFFD}", true)),
            (b"550 \xE9\xFF\r\n", said(550, "\u{FFFD}\u{FFFD}", true)),
            (b"250ok\r\n", said(250, "ok", true)),
            (b"250\xE9\r\n", said(250, "\u{FFFD}", true)),
            (b"250\tok\r\n", said(250, "ok", true)),
            (b"250 a\0b\r\n", said(250, "a\0b", true)),
            (b"250 a\rb\r\n", said(250, "a\rb", true)),
            (b"250-one\r\n250-two\r\n250 three\r\n", said(250, "one two three", true)),
            (b"250-one\n250\n", said(250, "one ", true)),
            (b"250-\r\n250-\r\n250 \r\n", said(250, "  ", true)),
            // The last line's digits count, and lines without digits say nothing.
            (b"250-hi\r\n550 no\r\n", said(550, "hi no", true)),
            (b"hello\r\n\r\n250 ok\r\n", said(250, "ok", true)),
            (b"250-one\r\n two\r\n2500 x\r\n25\r\n\xB2\xB5\xB0 x\r\n250 three\r\n", said(250, "one three", true)),
            (b"199 x\r\n650 x\r\n000\r\n+25 x\r\n250 ok\r\n", said(250, "ok", true)),
        ] {
            assert_eq!(says(bytes), wanted, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_reply_that_breaks_off_says_what_its_digits_say() {
        for (bytes, wanted) in [
            (&b"250"[..], said(250, "", false)),
            (b"250 2.0.0 acc", said(250, "2.0.0 acc", false)),
            (b"250 ok\r", said(250, "ok", false)),
            (b"250-one\r\n", said(250, "one", false)),
            (b"250-one\r\n25", said(250, "one", false)),
            (b"250-one\r\n550", said(550, "one ", false)),
            (b"", None),
            (b"25", None),
            (b"2500", None),
            (b"hello\r\n", None),
        ] {
            assert_eq!(says(bytes), wanted, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn lines_of_any_length_are_read_and_little_of_them_is_kept() {
        let long = |n: usize| [b"250 ".to_vec(), vec![b'x'; n], b"\r\n".to_vec()].concat();
        for length in [508, 1000, 4096, REPLY_LIMIT - 100] {
            let (code, text, whole) = says(&long(length)).unwrap();
            assert_eq!((code, whole), (250, true), "{length}");
            assert!(text.len() <= LINE_KEPT);
        }
        let many = [b"250-x\r\n".repeat(5000), b"250 end\r\n".to_vec()].concat();
        let answer = read(&many).0.unwrap();
        assert_eq!((answer.code, answer.whole, answer.lines.len()), (250, true, LINES_KEPT));
    }

    #[test]
    fn what_comes_after_a_reply_is_left() {
        assert_eq!(read(b"250 ok\r\n250 more\r\n").1, b"250 more\r\n".len());
    }
}
