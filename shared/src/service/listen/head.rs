//! Looks over the heads of HTTP/1 requests for what hyper takes out before anybody can see it: a `Content-Length`
//! beside a `Transfer-Encoding`. Two readers of such a message may find its end in different places, which is how
//! requests are smuggled past a proxy (RFC 9112 §6.1, §11.2); so it is refused.

/// The longest name that matters.
const LONGEST: usize = 17;

/// Reads along with the parser, and keeps no more than the name of the header that it is in.
#[derive(Default)]
pub(super) struct Heads {
    at: At,
    name: Vec<u8>,
    length: Option<u64>,
    digits: Option<u64>,
    chunked: bool,
    verdict: Verdict,
}

/// What was found since it was last asked.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// A head with `Transfer-Encoding` was seen from its beginning.
    pub(super) seen: bool,
    /// It had a `Content-Length` too.
    pub(super) both: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Before a request line.
    #[default]
    Start,
    RequestLine,
    /// At the beginning of a line of the head.
    Line,
    Name,
    Value,
    /// In a body of this many bytes.
    Body(u64),
    /// In a body whose end only the parser knows.
    Chunked,
}

impl Heads {
    /// A request was taken up whose body has an end that only the parser knows: what comes next is a head once this is
    /// over.
    pub(super) fn take(&mut self) -> Verdict {
        std::mem::take(&mut self.verdict)
    }

    /// Nothing is under way: what comes now is a head.
    pub(super) fn restart(&mut self) {
        if self.at == At::Chunked {
            *self = Self { verdict: self.verdict, ..Self::default() };
        }
    }

    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.at {
                At::Chunked => return,
                At::Body(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = bytes.get(here..).unwrap_or_default();
                    let left = left - here as u64;
                    self.at = if left == 0 { At::Start } else { At::Body(left) };
                    continue;
                }
                _ => self.byte(byte),
            }
            bytes = rest;
        }
    }

    fn byte(&mut self, byte: u8) {
        match (self.at, byte) {
            (At::Start, b'\r' | b'\n') | (At::Line, b'\r') => {}
            (At::Start, _) => self.at = At::RequestLine,
            (At::RequestLine | At::Value, b'\n') => {
                self.line_ends();
                self.at = At::Line;
            }
            (At::Line, b'\n') => self.head_ends(),
            (At::Line, _) => {
                self.name.clear();
                self.name.push(byte.to_ascii_lowercase());
                self.at = At::Name;
            }
            (At::Name, b':') => {
                self.digits = Some(0);
                self.chunked |= self.name == b"transfer-encoding";
                self.at = At::Value;
            }
            (At::Name, b'\n') => self.at = At::Line,
            (At::Name, _) if self.name.len() <= LONGEST => self.name.push(byte.to_ascii_lowercase()),
            (At::Value, b'0'..=b'9') => {
                let digit = u64::from(byte - b'0');
                self.digits = self.digits.and_then(|n| n.checked_mul(10)?.checked_add(digit));
            }
            _ => {}
        }
    }

    fn line_ends(&mut self) {
        if self.at == At::Value && self.name == b"content-length" {
            self.length = Some(self.digits.unwrap_or(u64::MAX));
        }
    }

    fn head_ends(&mut self) {
        self.at = match (self.chunked, self.length.take()) {
            (true, length) => {
                self.verdict.seen = true;
                self.verdict.both |= length.is_some();
                At::Chunked
            }
            (false, Some(length)) if length > 0 => At::Body(length),
            (false, _) => At::Start,
        };
        self.chunked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(sent: &str) -> Verdict {
        // Whole, and byte by byte.
        let (mut whole, mut slow) = (Heads::default(), Heads::default());
        whole.read(sent.as_bytes());
        sent.as_bytes().chunks(1).for_each(|byte| slow.read(byte));
        let verdict = whole.take();
        assert_eq!(slow.take(), verdict, "{sent:?}");
        verdict
    }

    mod fuzz {
        use super::*;

        #[test]
        fn a_head_is_read_alike_in_whatever_pieces_it_came() {
            let samples = [
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345\r\nGET / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\r\n\r\n",
            ];
            let words = &[
                "\r\n",
                "\n",
                "Content-Length: ",
                "transfer-encoding:",
                "18446744073709551616",
                "\r\n\r\n",
                " ",
                ":",
                "1",
            ];
            testkit::fuzz::Target::new(10_000).samples(samples).words(words).bytes(|given| {
                let (mut whole, mut pieces) = (Heads::default(), Heads::default());
                whole.read(given);
                given.chunks(3).for_each(|piece| pieces.read(piece));
                let verdict = whole.take();
                assert_eq!(pieces.take(), verdict);
                assert!(verdict.seen || !verdict.both);
                assert!(whole.name.len() <= LONGEST + 1, "nothing is kept but a name");
            });
        }
    }

    #[test]
    fn both_lengths_are_found_in_either_order_case_and_line_end() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nHost: x\r\nCONTENT-LENGTH:0\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 3\n\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(verdict(head), Verdict { seen: true, both: true }, "{head:?}");
        }
    }

    #[test]
    fn one_length_is_no_fault_and_a_body_is_no_head() {
        let both = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (sent, seen) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), false),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), true),
            (format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{both}"), true),
            (format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{both}", both.len()), false),
            (format!("GET /{both}"), true),
        ] {
            assert_eq!(verdict(&sent).seen, seen, "{sent:?}");
        }
        let mut heads = Heads::default();
        heads.read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(heads.take(), Verdict { seen: true, both: false });
        heads.read(b"0\r\n\r\n");
        heads.restart();
        heads.read(format!("POST / HTTP/1.1\r\n{both}").as_bytes());
        assert_eq!(heads.take(), Verdict { seen: true, both: true });
    }
}
