//! One stream per `gateway_client_id` over all replicas: the last to subscribe holds the id's row, and every replica ends
//! those of its streams that a row no longer names.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::db::push_log::{self, Cursor};
use shared::queue::wake::Topic;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Hub;

/// This replica's streams.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<HashMap<Uuid, Stream>>,
    added: Notify,
}

struct Stream {
    gateway_client_id: String,
    replaced: CancellationToken,
    position: Arc<Mutex<Cursor>>,
}

impl Streams {
    /// Answers where the stream keeps how far it is.
    pub(super) fn insert(
        &self,
        stream_id: Uuid,
        gateway_client_id: String,
        replaced: CancellationToken,
        start: Cursor,
    ) -> Arc<Mutex<Cursor>> {
        let position = Arc::new(Mutex::new(start));
        let stream = Stream { gateway_client_id, replaced, position: Arc::clone(&position) };
        self.open.lock().insert(stream_id, stream);
        self.added.notify_one();
        position
    }

    pub(super) fn remove(&self, stream_id: Uuid) {
        self.open.lock().remove(&stream_id);
    }

    /// How far each stream is.
    pub(super) fn positions(&self) -> Vec<(String, Uuid, Cursor)> {
        let open = self.open.lock();
        open.iter().map(|(id, stream)| (stream.gateway_client_id.clone(), *id, *stream.position.lock())).collect()
    }

    /// Each stream with its client id.
    fn snapshot(&self) -> Vec<(Uuid, String)> {
        self.open.lock().iter().map(|(id, stream)| (*id, stream.gateway_client_id.clone())).collect()
    }

    /// Ends those of `looked_at` whose client id is held by another stream. An id without a row leaves its stream alone.
    ///
    /// Only streams that were open before `held` was read: one that has registered since is newer than what was read, and
    /// would be ended in favour of the stream that it replaces.
    fn settle(&self, looked_at: &[(Uuid, String)], held: &HashMap<String, Uuid>) {
        let open = self.open.lock();
        for (id, client) in looked_at {
            if held.get(client).is_some_and(|holder| holder != id)
                && let Some(stream) = open.get(id)
            {
                stream.replaced.cancel();
            }
        }
    }
}

/// Looks at every hint, and at an interval while there are streams, since hints get lost.
pub(super) async fn run(hub: Arc<Hub>) -> anyhow::Result<()> {
    let soft = hub.lifecycle.soft();
    let signal = hub.listener.subscribe(Topic::Control);
    let work = async {
        loop {
            let idle = hub.streams.open.lock().is_empty();
            tokio::select! {
                () = signal.notified() => {}
                // A stream may have been replaced between its registration and now.
                () = hub.streams.added.notified() => {}
                // Without streams there is nothing to end.
                () = tokio::time::sleep(hub.config.replacement_poll), if !idle => {}
            }
            if let Err(error) = hub.db.try_within(look(&hub)).await {
                tracing::debug!(%error, "replaced push streams were not looked for this time");
            }
        }
    };
    tokio::select! {
        () = soft.cancelled() => {}
        () = work => {}
    }
    Ok(())
}

async fn look(hub: &Hub) -> Result<(), shared::db::Error> {
    let looked_at = hub.streams.snapshot();
    if looked_at.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = looked_at.iter().map(|(_, client)| client.clone()).collect();
    let mut conn = hub.db.acquire().await?;
    let held = push_log::subscriber_streams(&mut conn, &ids).await?;
    drop(conn);
    hub.streams.settle(&looked_at, &held.into_iter().collect());
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::ids::RequestId;

    use super::*;

    #[test]
    fn a_look_ends_what_it_saw_replaced_and_never_a_stream_that_registered_meanwhile() {
        let streams = Streams::default();
        let open = |client: &str| {
            let (id, replaced) = (RequestId::new().uuid(), CancellationToken::new());
            streams.insert(id, client.to_owned(), replaced.clone(), Cursor { epoch: 1, seq: 0 });
            (id, replaced)
        };
        let (old, old_replaced) = open("eu");
        let (_, other_replaced) = open("us");
        let (_, rowless_replaced) = open("forgotten");
        let looked_at = streams.snapshot();
        let elsewhere = RequestId::new().uuid();
        // The row was read while `old` held it; then `new` registered here and took it over.
        let held = HashMap::from([("eu".to_owned(), old), ("us".to_owned(), elsewhere)]);
        let (new, new_replaced) = open("eu");
        streams.settle(&looked_at, &held);
        assert!(other_replaced.is_cancelled());
        assert!(!old_replaced.is_cancelled() && !new_replaced.is_cancelled() && !rowless_replaced.is_cancelled());
        streams.settle(&streams.snapshot(), &HashMap::from([("eu".to_owned(), new)]));
        assert!(old_replaced.is_cancelled() && !new_replaced.is_cancelled());
    }
}
