//! The end of what an engine printed, bounded whatever it prints.

use std::collections::VecDeque;

/// The most bytes of a log that are looked at: the lines that are asked for are among them, or they are too long to be read.
pub const LOG_BYTES: usize = 256 << 10;
/// The longest line that is shown, in characters; what is beyond is cut.
const LINE: usize = 2_000;

/// Keeps the last bytes of a log that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// As `cut` says, what was before it is left out already.
    pub(super) fn new(cut: bool) -> Self {
        Self { bytes: VecDeque::new(), cut }
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        let piece = match piece.len().checked_sub(LOG_BYTES) {
            Some(over) => {
                self.cut |= over > 0 || !self.bytes.is_empty();
                self.bytes.clear();
                piece.get(over..).unwrap_or_default()
            }
            None => piece,
        };
        let over = (self.bytes.len() + piece.len()).saturating_sub(LOG_BYTES);
        self.cut |= over > 0;
        self.bytes.drain(..over);
        self.bytes.extend(piece);
    }

    /// The last `lines` whole lines, the oldest first: text, without control characters but tabs.
    pub(super) fn lines(mut self, lines: usize) -> Vec<String> {
        let text = String::from_utf8_lossy(self.bytes.make_contiguous());
        // The first one may have lost its beginning.
        let text = if self.cut { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
        let all: Vec<&str> = text.lines().collect();
        all.iter().skip(all.len().saturating_sub(lines)).map(|line| plain(line)).collect()
    }
}

fn plain(line: &str) -> String {
    let shown = line.trim_end_matches('\r').chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c });
    let mut plain: String = shown.clone().take(LINE).collect();
    if shown.count() > LINE {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(pieces: &[&[u8]], lines: usize) -> Vec<String> {
        let mut tail = Tail::default();
        for piece in pieces {
            tail.push(piece);
        }
        tail.lines(lines)
    }

    #[test]
    fn the_last_lines_are_shown_in_their_order() {
        assert_eq!(tail(&[b"one\ntw", b"o\r\nthree"], 2), ["two", "three"]);
        assert_eq!(tail(&[b"one\n"], 100), ["one"]);
        assert!(tail(&[], 100).is_empty());
        assert_eq!(
            tail(&[b"a\0b\x1b[31mc\td\xff\n"], 1),
            ["a\u{fffd}b\u{fffd}[31mc\td\u{fffd}"],
            "and nothing that Postgres or a terminal minds"
        );
    }

    mod fuzz {
        use super::*;

        #[test]
        fn an_end_is_shown_alike_in_whatever_pieces_it_came() {
            let samples: [&[u8]; 3] = [b"one\ntw\r\nthree", b"a\0b\x1b[31mc\td\xff\n", b"\n\n\r\r\n"];
            testkit::fuzz::Target::new(3_000).samples(samples).words(&["\n", "\r\n", "\u{1b}["]).bytes(|given| {
                let whole = tail(&[given], 20);
                assert!(whole.len() <= 20);
                assert!(whole.iter().all(|line| line.chars().count() <= LINE + 1));
                assert!(!whole.iter().any(|line| line.contains(|c: char| c.is_control() && c != '\t')));
                for size in [1, 7] {
                    assert_eq!(tail(&given.chunks(size).collect::<Vec<_>>(), 20), whole);
                }
            });
        }
    }

    #[test]
    fn a_flood_leaves_its_end_and_no_half_line() {
        let flood: Vec<u8> = (0..100_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        for size in [1_000, LOG_BYTES, usize::MAX] {
            let pieces: Vec<&[u8]> = flood.chunks(size.min(flood.len())).collect();
            let lines = tail(&pieces, usize::MAX);
            assert_eq!(lines.last().unwrap(), "line 99999");
            assert!(lines.iter().all(|line| line.starts_with("line ")), "{}", lines[0]);
            assert!(lines.iter().map(String::len).sum::<usize>() < LOG_BYTES);
        }
        let endless = vec![b'x'; 3 * LOG_BYTES];
        assert!(tail(&[&endless], 10).is_empty(), "a line without an end is not shown by half");
        let long = vec![b'x'; LOG_BYTES / 2];
        assert_eq!(tail(&[&long], 10)[0].chars().count(), LINE + 1);
    }
}
