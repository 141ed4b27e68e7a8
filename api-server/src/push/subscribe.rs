//! `Push.SubscribePush`: where a stream starts, and what it is told about it.

use std::sync::Arc;

use shared::db::push_log::{self, Bounds, Cursor};
use shared::ids::RequestId;
use shared::proto::push::push_server::Push as PushService;
use shared::proto::push::{GatewaySubscribeRequest, resume_gap::Reason};
use shared::queue::wake::Topic;
use tonic::{Request, Response, Status};

use super::Hub;
use super::stream::{Frames, Opening, open};

const MAX_CLIENT_ID: usize = 128;

pub(super) struct Subscriptions(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl PushService for Subscriptions {
    type SubscribePushStream = Frames;

    async fn subscribe_push(&self, request: Request<GatewaySubscribeRequest>) -> Result<Response<Frames>, Status> {
        let hub = &self.0;
        let GatewaySubscribeRequest { gateway_client_id, cursor } = request.into_inner();
        check_client_id(&gateway_client_id).map_err(Status::invalid_argument)?;
        let asked = Asked::read(&cursor).map_err(Status::invalid_argument)?;
        if hub.lifecycle.is_stopping() {
            return Err(Status::unavailable("this replica is stopping; subscribe at another one"));
        }
        if hub.log.is_blind(hub.config.blind_limit) {
            return Err(super::stream::blind());
        }
        // Names a stream, nothing more; any fresh id does.
        let stream_id = RequestId::new().uuid();
        let admitted = hub.db.try_within(self.admit(&gateway_client_id, stream_id)).await;
        let bounds = admitted.map_err(|error| {
            tracing::debug!(%error, "a subscription was not possible");
            Status::unavailable("the push log is not reachable")
        })?;
        let bounds = bounds.ok_or_else(|| Status::unavailable("the push log is not open yet"))?;
        let (start, gap) = place(asked, bounds);
        if let Some(reason) = gap {
            tracing::warn!(
                gateway_client_id,
                cursor,
                reason = reason.as_str_name(),
                "a push stream resumes with a gap"
            );
        }
        Ok(Response::new(open(hub.clone(), Opening { gateway_client_id, stream_id, start, gap, bounds })))
    }
}

impl Subscriptions {
    /// Takes the client id over, and reads the log's bounds afresh: this replica's ring may lag behind the cursor.
    async fn admit(&self, gateway_client_id: &str, stream_id: uuid::Uuid) -> Result<Option<Bounds>, shared::db::Error> {
        let hub = &self.0;
        let mut conn = hub.db.acquire().await?;
        push_log::register_subscriber(&mut conn, gateway_client_id, stream_id).await?;
        let bounds = push_log::bounds(&mut conn, hub.config.freshness_window).await?;
        hub.waker.wake(Topic::Control);
        Ok(bounds)
    }
}

/// From where a subscriber wants the log (SPEC §12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What comes from now on: an empty cursor.
    Now,
    /// All that is kept: `oldest`.
    Oldest,
    /// What follows this position.
    After(Cursor),
}

impl Asked {
    /// Reads a request's cursor.
    ///
    /// # Errors
    /// What would be right.
    fn read(cursor: &str) -> Result<Self, String> {
        match cursor {
            "" => Ok(Self::Now),
            "oldest" => Ok(Self::Oldest),
            text => {
                let position = text.parse::<Cursor>();
                position.map(Self::After).map_err(|fault| format!("cursor: {fault}, or \"oldest\", or empty"))
            }
        }
    }
}

/// Where to start, and whether something is lost by it.
fn place(asked: Asked, bounds: Bounds) -> (Cursor, Option<Reason>) {
    let oldest = bounds.head.at(bounds.oldest - 1);
    match asked {
        Asked::Now => (bounds.head, None),
        // Who holds no cursor has lost nothing.
        Asked::Oldest => (oldest, None),
        Asked::After(cursor) if cursor.epoch < bounds.head.epoch => (oldest, Some(Reason::Epoch)),
        Asked::After(cursor) if cursor > bounds.head => (oldest, Some(Reason::Ahead)),
        Asked::After(cursor) if cursor < oldest => (oldest, Some(Reason::Expired)),
        Asked::After(cursor) => (cursor, None),
    }
}

fn check_client_id(id: &str) -> Result<(), String> {
    if id.is_empty() || id.len() > MAX_CLIENT_ID || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("gateway_client_id: 1 to {MAX_CLIENT_ID} visible ASCII characters are expected"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_placed_by_what_is_kept() {
        let at = |epoch, seq| Cursor { epoch, seq };
        // Events 11 to 20 of epoch 5 are kept.
        let bounds = Bounds { head: at(5, 20), oldest: 11, oldest_readable: 8 };
        let oldest = at(5, 10);
        for (asked, start, gap) in [
            (Asked::Now, at(5, 20), None),
            (Asked::Oldest, oldest, None),
            (Asked::After(at(5, 20)), at(5, 20), None),
            (Asked::After(at(5, 10)), at(5, 10), None),
            (Asked::After(at(5, 9)), oldest, Some(Reason::Expired)),
            (Asked::After(at(5, 21)), oldest, Some(Reason::Ahead)),
            (Asked::After(at(6, 0)), oldest, Some(Reason::Ahead)),
            (Asked::After(at(4, 15)), oldest, Some(Reason::Epoch)),
            (Asked::After(at(0, 0)), oldest, Some(Reason::Epoch)),
        ] {
            assert_eq!(place(asked, bounds), (start, gap), "{asked:?}");
        }
        // Nothing is kept: from the next event on, whichever way.
        let bare = Bounds { head: at(5, 20), oldest: 21, oldest_readable: 21 };
        assert_eq!(place(Asked::Oldest, bare), place(Asked::Now, bare));
    }

    #[test]
    fn a_cursor_is_empty_a_word_or_digits() {
        assert_eq!(Asked::read(""), Ok(Asked::Now));
        assert_eq!(Asked::read("oldest"), Ok(Asked::Oldest));
        assert_eq!(Asked::read("00005000000000000020"), Ok(Asked::After(Cursor { epoch: 5, seq: 20 })));
        for bad in ["Oldest", "oldest ", "newest", "0", " "] {
            assert!(Asked::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn client_ids_are_short_visible_ascii() {
        assert!(check_client_id("gateway-0.eu").is_ok());
        for bad in ["", "a b", "ä", "a\n", &"x".repeat(129)] {
            assert!(check_client_id(bad).is_err(), "{bad:?}");
        }
    }
}
