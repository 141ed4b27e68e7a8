//! Looks over the frames of an HTTP/2 connection for what its parser would put up with: a head that goes on frame after
//! frame (CVE-2024-27316), of which h2 keeps 96 KiB, and frames that cost us work and carry nothing (CVE-2019-9512,
//! -9515, -9518).

use std::time::Duration;

use tokio::time::Instant;

/// Of a head as it is sent, compressed.
const MOST_HEAD: usize = 16 << 10;
/// Frames that carry nothing, in a window of [`WHILE`], which begins anew when it is over. Keep-alive is one in
/// seconds; measuring bandwidth is some a second.
const MOST_EMPTY: u32 = 2_000;
const WHILE: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What is wrong with a connection's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flood {
    /// A head that does not end.
    Head,
    /// Frames that carry nothing.
    Empty,
}

/// Reads along with the parser, from behind the preface; it keeps the head of the frame that it is in.
pub(super) struct Frames {
    head: [u8; 9],
    have: usize,
    /// Bytes of the frame's content that are still to come.
    left: usize,
    /// Bytes of a header block whose end has not come.
    block: usize,
    empty: u32,
    since: Instant,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { head: [0; 9], have: 0, left: 0, block: 0, empty: 0, since: Instant::now() }
    }

    /// # Errors
    /// [`Flood`], after which it is no use to read on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let here = self.left.min(bytes.len());
                self.left -= here;
                bytes = bytes.get(here..).unwrap_or_default();
                continue;
            }
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
        Ok(())
    }

    fn frame(&mut self) -> Result<(), Flood> {
        let [long, length, short, kind, flags, ..] = self.head;
        self.left = usize::from(long) << 16 | usize::from(length) << 8 | usize::from(short);
        match kind {
            HEADERS | CONTINUATION => {
                self.block += self.left;
                if self.block > MOST_HEAD {
                    return Err(Flood::Head);
                }
                if flags & END_HEADERS != 0 {
                    self.block = 0;
                } else if self.left == 0 {
                    return self.nothing();
                }
                Ok(())
            }
            DATA if self.left > 0 || flags & END_STREAM != 0 => Ok(()),
            // What h2 itself counts, and what answers to what we send ask for.
            RST_STREAM | WINDOW_UPDATE => Ok(()),
            // SETTINGS and PING have the same flag.
            4 | 6 if flags & ACK != 0 => Ok(()),
            _ => self.nothing(),
        }
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

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags, 0, 0, 0, 1]);
        frame.resize(9 + length, 0);
        frame
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
            (6, 0, "pings"),
            (4, 0, "settings"),
            (2, 0, "priorities"),
            (DATA, 0, "data of no bytes"),
            (CONTINUATION, 0, "heads of no bytes"),
            (77, 0, "unknown"),
        ] {
            assert_eq!(judged(&frame(kind, flags, 0).repeat(many)), Err(Flood::Empty), "{what}");
            assert_eq!(judged(&frame(kind, flags, 0).repeat(many - 1)), Ok(()), "{what}");
        }
        for (kind, flags, length, what) in [
            (6, ACK, 8, "answers to our pings"),
            (4, ACK, 0, "answers to our settings"),
            (WINDOW_UPDATE, 0, 4, "windows"),
            (DATA, 0, 1, "data"),
            (DATA, END_STREAM, 0, "ends"),
            (HEADERS, END_HEADERS, 10, "heads"),
        ] {
            assert_eq!(judged(&frame(kind, flags, length).repeat(many)), Ok(()), "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_pings_now_and_then_may_do_so_for_ever() {
        let mut frames = Frames::new();
        for _ in 0..100 {
            assert_eq!(frames.read(&frame(6, 0, 8).repeat(1_000)), Ok(()));
            tokio::time::advance(WHILE).await;
        }
    }
}
