//! The `api-server` binary: parses, wires, runs.

use std::process::ExitCode;

use anyhow::Context as _;
use api_server::config::Config;
use shared::SCHEMA_VERSION;
use shared::service::run::{self, Service};
use sqlx::{Connection as _, PgConnection};

fn main() -> ExitCode {
    run::main(
        "api-server",
        "REST API and push hub of the Galaxy backend",
        SCHEMA_VERSION,
        async |service: Service<Config>| {
            if service.config.migrate_on_start {
                migrate(&service).await.context("BACKEND_MIGRATE_ON_START")?;
            }
            let rest = service.config.http.listen_addr.bind().await.context("BACKEND_HTTP_LISTEN_ADDR")?;
            let grpc = service.config.push.listen_addr.bind().await.context("BACKEND_GRPC_PUSH_LISTEN_ADDR")?;
            let addresses = api_server::start(service, rest, grpc).await?;
            tracing::info!(rest = %addresses.rest, grpc = %addresses.grpc, "serving");
            Ok(())
        },
    )
}

/// Applies what is pending; of several replicas at once one does, under the migrator's lock. Waits for Postgres to come up.
async fn migrate(service: &Service<Config>) -> anyhow::Result<()> {
    loop {
        match PgConnection::connect_with(&service.base.postgres.listen_options()).await.map_err(shared::db::Error::from)
        {
            Ok(mut conn) => return Ok(galaxy_migrations::apply(&mut conn).await.map(drop)?),
            Err(error) if error.is_unavailable() => {
                tracing::warn!(%error, "waiting for Postgres to migrate");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
