//! One stream per `gateway_client_id` over all replicas: the last to subscribe holds the id's row, and every replica ends
//! those of its streams that a row no longer names.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use shared::db::push_log;
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
}

impl Streams {
    pub(super) fn insert(&self, stream_id: Uuid, gateway_client_id: String, replaced: CancellationToken) {
        self.open.lock().insert(stream_id, Stream { gateway_client_id, replaced });
        self.added.notify_one();
    }

    pub(super) fn remove(&self, stream_id: Uuid) {
        self.open.lock().remove(&stream_id);
    }

    fn client_ids(&self) -> Vec<String> {
        self.open.lock().values().map(|stream| stream.gateway_client_id.clone()).collect()
    }

    /// Ends the streams whose client id is held by another stream. An id without a row leaves its stream alone.
    fn settle(&self, held: &HashMap<String, Uuid>) {
        for (id, stream) in self.open.lock().iter() {
            if held.get(&stream.gateway_client_id).is_some_and(|holder| holder != id) {
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
            if let Err(error) = look(&hub).await {
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

async fn look(hub: &Hub) -> Result<(), sqlx::Error> {
    let ids = hub.streams.client_ids();
    if ids.is_empty() {
        return Ok(());
    }
    let mut conn = hub.db.acquire().await?;
    let held = push_log::subscriber_streams(&mut conn, &ids).await?;
    drop(conn);
    hub.streams.settle(&held.into_iter().collect());
    Ok(())
}
