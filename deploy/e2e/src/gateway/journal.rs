//! What a subscriber has seen, and the rules that it must have seen it by (SPEC §12).

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use shared::client_events;
use shared::domain::notification::{Kind, Payload};
use shared::proto::push::push_event::Kind as Frame;
use shared::proto::push::{ClientEvent, PushEvent};
use uuid::Uuid;

/// A place in the log: 20 digits, five of epoch and fifteen of a dense sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    epoch: u32,
    sequence: u64,
}

impl FromStr for Cursor {
    type Err = String;
    fn from_str(text: &str) -> Result<Cursor, String> {
        let digits = text.len() == 20 && text.bytes().all(|b| b.is_ascii_digit());
        let parsed = (text.get(..5).and_then(|e| e.parse().ok()), text.get(5..).and_then(|s| s.parse().ok()));
        match parsed {
            (Some(epoch), Some(sequence)) if digits => Ok(Cursor { epoch, sequence }),
            _ => Err(format!("{text:?} is no cursor")),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}{:015}", self.epoch, self.sequence)
    }
}

impl Cursor {
    fn next(self) -> Cursor {
        Cursor { sequence: self.sequence + 1, ..self }
    }
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something for a user.
    Event {
        /// The user.
        user_id: Uuid,
        /// What happened.
        payload: Payload,
        /// The event's own id.
        event_id: Uuid,
    },
    /// Sessions that are valid no more.
    Invalidation {
        /// Whose.
        user_id: Uuid,
        /// Which; none: all of the user's.
        sessions: Vec<Uuid>,
    },
}

/// One entry of the log, as it arrived.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its place.
    pub cursor: Cursor,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// What it says.
    pub news: News,
    /// The trace context that it came with.
    pub traceparent: String,
}

impl Entry {
    /// What it says to this user.
    pub fn told(&self, user: Uuid) -> Option<&Payload> {
        match &self.news {
            News::Event { user_id, payload, .. } if *user_id == user => Some(payload),
            _ => None,
        }
    }
}

/// The stream so far, over all its connections.
#[derive(Debug, Default)]
pub struct Journal {
    /// What came, in order.
    pub entries: Vec<Entry>,
    /// The first breach of the contract.
    pub fault: Option<String>,
    /// How often a stream was opened.
    pub streams: usize,
    /// How often one was opened again after it broke or was dropped.
    pub resumes: usize,
    /// Streams that said nothing for much longer than a bookmark may take.
    pub silences: usize,
    /// Frames that only carried a cursor.
    pub bookmarks: usize,
    /// Whether the last frame of the latest stream that ended was a bookmark.
    pub ended_with_bookmark: bool,
    last_was_bookmark: bool,
    cursor: Option<Cursor>,
    seen: HashMap<Uuid, Cursor>,
}

impl Journal {
    /// The cursor to resume from: empty before the first stream.
    pub fn cursor(&self) -> String {
        self.cursor.map(|cursor| cursor.to_string()).unwrap_or_default()
    }

    /// A stream was opened.
    pub(super) fn opened(&mut self) {
        self.streams += 1;
        self.resumes += usize::from(self.cursor.is_some());
        self.last_was_bookmark = false;
    }

    /// The stream ended.
    pub(super) fn closed(&mut self) {
        self.ended_with_bookmark = self.last_was_bookmark;
    }

    /// Takes a frame in. `first`: it is its stream's first.
    pub(super) fn take(&mut self, frame: PushEvent, first: bool, at: DateTime<Utc>) {
        self.last_was_bookmark = matches!(frame.kind, Some(Frame::Bookmark(_)));
        if let Err(fault) = self.enter(frame, first, at)
            && self.fault.is_none()
        {
            self.fault = Some(fault);
        }
    }

    fn enter(&mut self, frame: PushEvent, first: bool, at: DateTime<Utc>) -> Result<(), String> {
        let cursor: Cursor = frame.cursor.parse()?;
        let Some(held) = self.cursor.filter(|_| !first) else {
            let Some(Frame::Hello(hello)) = frame.kind else {
                return Err(format!("a stream began with {:?} instead of hello", frame.kind));
            };
            if hello.resumed_from != frame.cursor || !frame.prev_cursor.is_empty() {
                return Err(format!("a hello that contradicts itself: {hello:?}, cursor {cursor}"));
            }
            return match self.cursor {
                Some(held) if held != cursor => Err(format!("resumed from {cursor}, though {held} was asked for")),
                _ => {
                    self.cursor = Some(cursor);
                    Ok(())
                }
            };
        };
        if frame.prev_cursor != held.to_string() {
            return Err(format!("a frame follows {}, but {held} was the last", frame.prev_cursor));
        }
        self.cursor = Some(cursor);
        let dense = || match cursor == held.next() {
            true => Ok(()),
            false => Err(format!("{cursor} came after {held}: the log has a hole")),
        };
        match frame.kind {
            Some(Frame::Bookmark(_)) if cursor == held => self.bookmarks += 1,
            Some(Frame::Bookmark(_)) => return Err(format!("a bookmark moved from {held} to {cursor}")),
            Some(Frame::ClientEvent(event)) => {
                dense()?;
                let (news, id) = read(&event)?;
                if let Some(earlier) = self.seen.insert(id, cursor) {
                    return Err(format!("event {id} ({}) came twice: at {earlier} and at {cursor}", event.kind));
                }
                self.entries.push(Entry { cursor, at, news, traceparent: event.traceparent.clone() });
            }
            Some(Frame::SessionInvalidation(gone)) => {
                dense()?;
                let sessions: Result<_, String> = gone.device_session_ids.iter().map(|id| uuid(id)).collect();
                let news = News::Invalidation { user_id: uuid(&gone.user_id)?, sessions: sessions? };
                self.entries.push(Entry { cursor, at, news, traceparent: gone.traceparent });
            }
            Some(Frame::ResumeGap(gap)) => {
                return Err(format!("events were lost: {} up to {}", gap.reason().as_str_name(), gap.oldest));
            }
            Some(Frame::Hello(_)) => return Err("a second hello on a stream".into()),
            None => return Err(format!("an empty frame at {cursor}")),
        }
        Ok(())
    }
}

fn uuid(text: &str) -> Result<Uuid, String> {
    text.parse().map_err(|_| format!("{text:?} is no UUID"))
}

fn read(event: &ClientEvent) -> Result<(News, Uuid), String> {
    let kind: Kind = event.kind.parse().map_err(|unknown| format!("{unknown}"))?;
    if event.encoding != client_events::FLATBUFFERS {
        return Err(format!("{kind} is encoded as {:?}", event.encoding));
    }
    let payload = client_events::decode(kind, &event.payload).map_err(|error| format!("{kind}: {error}"))?;
    let event_id = uuid(&event.event_id)?;
    if event.request_id.is_empty() {
        return Err(format!("{kind} {event_id} names no intent"));
    }
    Ok((News::Event { user_id: uuid(&event.user_id)?, payload, event_id }, event_id))
}
