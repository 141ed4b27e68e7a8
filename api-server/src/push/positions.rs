//! Tells administrators how far each stream is (`GET /admin/push/subscribers`): a replica writes down the positions of its own
//! streams every few seconds. Nothing else reads them.

use std::sync::Arc;

use shared::db::push_log;

use super::Hub;

/// Writes while there are streams.
pub(super) async fn run(hub: Arc<Hub>) -> anyhow::Result<()> {
    let soft = hub.lifecycle.soft();
    let work = async {
        hub.gate.clone().opened().await;
        loop {
            tokio::time::sleep(hub.config.report_interval).await;
            if let Err(error) = hub.db.try_within(report(&hub)).await {
                tracing::debug!(%error, "the positions of push streams were not written this time");
            }
        }
    };
    tokio::select! {
        () = soft.cancelled() => {}
        () = work => {}
    }
    Ok(())
}

async fn report(hub: &Hub) -> Result<(), shared::db::Error> {
    let positions = hub.streams.positions();
    if positions.is_empty() {
        return Ok(());
    }
    let mut conn = hub.db.acquire().await?;
    push_log::report_positions(&mut conn, &positions).await?;
    Ok(())
}
