//! Looks over the frames of an HTTP/2 connection for what its parser would put up with: a head that goes on frame after
//! frame (CVE-2024-27316), of which h2 keeps 96 KiB, a head of more fields than may be, and frames that cost us work and
//! carry nothing (CVE-2019-9512, -9515, -9518).

use std::time::Duration;

use tokio::time::Instant;

use super::fields::Fields;

/// Of a head as it is sent, compressed.
const MOST_HEAD: usize = 16 << 10;
/// Frames that carry nothing, in a window of [`WHILE`], which begins anew when it is over. Keep-alive is one in
/// seconds, and so is the answer to ours; measuring bandwidth is some a second.
const MOST_EMPTY: u32 = 2_000;
const WHILE: Duration = Duration::from_secs(10);
/// For so many bytes that we write the peer may widen a window, or take a stream back: a message of some bytes comes in
/// a frame of twice as many, and a client that is in a hurry widens the stream's window and the connection's by each.
const BYTES_A_REPLY: usize = 16;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// What is wrong with a connection's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flood {
    /// A head that does not end.
    #[error("a head that does not end")]
    Head,
    /// A head of more fields than fit into the largest one.
    #[error("a head of too many fields")]
    Fields,
    /// Frames that carry nothing.
    #[error("frames that carry nothing")]
    Empty,
}

/// Reads along with the parser, from behind the preface; it keeps the head of the frame that it is in.
pub(super) struct Frames {
    head: [u8; 9],
    have: usize,
    /// Bytes of the frame's content that are still to come.
    left: usize,
    /// What of it is the block of a head; `None` in another frame.
    content: Option<Content>,
    /// Bytes of a header block whose end has not come, and its fields.
    block: usize,
    fields: Fields,
    /// Whether the block ends with this frame.
    last: bool,
    /// Bytes that we wrote, as far as the peer has not replied to them.
    written: usize,
    empty: u32,
    since: Instant,
}

/// How a frame of a head is laid out (RFC 9113 §6.2).
struct Content {
    /// Its first byte says how much padding is at its end.
    padded: bool,
    padding: usize,
    /// Bytes before the block: its priority.
    before: usize,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self {
            head: [0; 9],
            have: 0,
            left: 0,
            content: None,
            block: 0,
            fields: Fields::default(),
            last: false,
            written: 0,
            empty: 0,
            since: Instant::now(),
        }
    }

    /// We wrote so many bytes, to which the peer may reply.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
    }

    /// # Errors
    /// [`Flood`], after which it is no use to read on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                let (now, later) = bytes.split_at(here);
                if self.content.is_some() {
                    self.head_bytes(now)?;
                }
                self.left -= here;
                bytes = later;
            } else {
                let here = (self.head.len() - self.have).min(bytes.len());
                let (now, later) = bytes.split_at(here);
                if let Some(head) = self.head.get_mut(self.have..self.have + here) {
                    head.copy_from_slice(now);
                }
                self.have += here;
                bytes = later;
                if self.have == self.head.len() {
                    self.have = 0;
                    self.frame()?;
                }
            }
            if self.left == 0 && self.last {
                (self.block, self.fields, self.last) = (0, Fields::default(), false);
            }
        }
        Ok(())
    }

    fn frame(&mut self) -> Result<(), Flood> {
        let [long, length, short, kind, flags, ..] = self.head;
        self.left = usize::from(long) << 16 | usize::from(length) << 8 | usize::from(short);
        self.content = None;
        match kind {
            HEADERS | CONTINUATION => {
                self.block += self.left;
                if self.block > MOST_HEAD {
                    return Err(Flood::Head);
                }
                self.last = flags & END_HEADERS != 0;
                let flag = |flag: u8| kind == HEADERS && flags & flag != 0;
                let before = if flag(PRIORITY) { 5 } else { 0 };
                self.content = Some(Content { padded: flag(PADDED), padding: 0, before });
                if kind == HEADERS {
                    // The stream that it opens may be taken back.
                    self.wrote(BYTES_A_REPLY);
                }
                if !self.last && self.left == 0 { self.nothing() } else { Ok(()) }
            }
            DATA if self.left > 0 || flags & END_STREAM != 0 => Ok(()),
            RST_STREAM | WINDOW_UPDATE if self.written >= BYTES_A_REPLY => {
                self.written -= BYTES_A_REPLY;
                Ok(())
            }
            // Answers to pings and settings among them: we ask seldom, and h2 warns of each that it did not ask for.
            _ => self.nothing(),
        }
    }

    /// Bytes of a frame of a head, of which there are [`Self::left`].
    fn head_bytes(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let mut left = self.left;
        while content.padded || content.before > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            if content.padded {
                (content.padded, content.padding) = (false, usize::from(byte));
            } else {
                content.before -= 1;
            }
            (bytes, left) = (rest, left - 1);
        }
        let here = left.saturating_sub(content.padding).min(bytes.len());
        if self.fields.read(bytes.get(..here).unwrap_or_default()) { Ok(()) } else { Err(Flood::Fields) }
    }

    fn nothing(&mut self) -> Result<(), Flood> {
        if self.since.elapsed() >= WHILE {
            (self.since, self.empty) = (Instant::now(), 0);
        }
        self.empty += 1;
        if self.empty > MOST_EMPTY { Err(Flood::Empty) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;
    const SETTINGS: u8 = 4;
    const ACK: u8 = 1;

    fn frame_of(kind: u8, flags: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = u32::try_from(content.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.extend(content);
        frame
    }

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        // Of a head: one text as long as there is room for, so that nothing is counted but its bytes.
        let text = [&[0x04, 0x7f, 0xff, 0xff, 0x7f][..], &vec![0; length]].concat();
        frame_of(kind, flags, if kind == HEADERS { &text[..length] } else { &text[5..] })
    }

    /// Whole, and in pieces of every size.
    fn judged(sent: &[u8]) -> Result<(), Flood> {
        let whole = Frames::new().read(sent);
        for size in [1, 2, 7, 9, 10, 100] {
            let mut frames = Frames::new();
            assert_eq!(sent.chunks(size).try_for_each(|piece| frames.read(piece)), whole, "in pieces of {size}");
        }
        whole
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_may_take_several_frames_and_not_go_on() {
        let pieces = |n: usize| [frame(HEADERS, 0, 4_000), frame(CONTINUATION, 0, 4_000).repeat(n)].concat();
        assert_eq!(judged(&[pieces(2), frame(CONTINUATION, END_HEADERS, 4_000)].concat().repeat(3)), Ok(()));
        assert_eq!(judged(&pieces(4)), Err(Flood::Head));
        assert_eq!(judged(&[pieces(3), frame(CONTINUATION, END_HEADERS, 400)].concat()), Err(Flood::Head));
        assert_eq!(judged(&frame(HEADERS, END_HEADERS, MOST_HEAD)), Ok(()));
        assert_eq!(judged(&frame(HEADERS, END_HEADERS, MOST_HEAD + 1)), Err(Flood::Head));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_carry_nothing_are_few() {
        let many = MOST_EMPTY as usize + 1;
        for (kind, flags, what) in [
            (PING, 0, "pings"),
            (SETTINGS, 0, "settings"),
            (PING, ACK, "answers to pings that we never sent"),
            (SETTINGS, ACK, "answers to settings that we never sent"),
            (WINDOW_UPDATE, 0, "windows for what we did not write"),
            (RST_STREAM, 0, "ends of streams that were not begun"),
            (2, 0, "priorities"),
            (DATA, 0, "data of no bytes"),
            (CONTINUATION, 0, "heads of no bytes"),
            (77, 0, "unknown"),
        ] {
            assert_eq!(judged(&frame(kind, flags, 0).repeat(many)), Err(Flood::Empty), "{what}");
            assert_eq!(judged(&frame(kind, flags, 0).repeat(many - 1)), Ok(()), "{what}");
        }
        for (kind, flags, length, what) in
            [(DATA, 0, 1, "data"), (DATA, END_STREAM, 0, "ends"), (HEADERS, END_HEADERS, 10, "heads")]
        {
            assert_eq!(judged(&frame(kind, flags, length).repeat(many)), Ok(()), "{what}");
        }
        let taken_back = [frame(HEADERS, END_HEADERS, 10), frame(RST_STREAM, 0, 4)].concat();
        assert_eq!(judged(&taken_back.repeat(many)), Ok(()), "streams that are taken back, which h2 counts");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_sent_much_may_widen_its_windows_as_often() {
        let mut frames = Frames::new();
        let both = frame(WINDOW_UPDATE, 0, 4).repeat(2);
        for _ in 0..100_000 {
            // Ten bytes, in a frame of their own.
            frames.wrote(9 + 10);
            frames.wrote(9 + 10);
            assert_eq!(frames.read(&both), Ok(()));
        }
        let left = 100_000 * 6 / BYTES_A_REPLY + MOST_EMPTY as usize;
        assert_eq!(frames.read(&frame(WINDOW_UPDATE, 0, 4).repeat(left)), Ok(()));
        assert_eq!(frames.read(&frame(WINDOW_UPDATE, 0, 4)), Err(Flood::Empty), "and no more often");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_no_more_fields_than_it_may() {
        use crate::service::listen::fields::MOST_FIELDS;
        let most = [0x82; MOST_FIELDS];
        let head = |flags: u8, block: &[u8]| frame_of(HEADERS, flags, block);
        let priority = [0x82; 5];
        // Padding is no field, nor is a priority.
        let padded = [&[200][..], &priority, &most, &[0x82; 200]].concat();
        for (sent, more, what) in [
            (head(END_HEADERS, &most), head(END_HEADERS, &[&most[..], &[0x82]].concat()), "a frame"),
            (
                [head(0, &most[1..]), frame_of(CONTINUATION, END_HEADERS, &[0x82])].concat(),
                [head(0, &most), frame_of(CONTINUATION, END_HEADERS, &[0x82])].concat(),
                "two frames",
            ),
            (
                head(END_HEADERS | PADDED | PRIORITY, &padded),
                head(END_HEADERS | PADDED | PRIORITY, &[&[199], &padded[1..]].concat()),
                "padding",
            ),
        ] {
            assert_eq!(judged(&sent.repeat(5)), Ok(()), "{what}");
            assert_eq!(judged(&[sent, more].concat()), Err(Flood::Fields), "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_pings_now_and_then_may_do_so_for_ever() {
        let mut frames = Frames::new();
        for _ in 0..100 {
            assert_eq!(frames.read(&frame(PING, 0, 8).repeat(1_000)), Ok(()));
            tokio::time::advance(WHILE).await;
        }
    }
}
