//! What bounds a hub: a process that streams the same frames from memory, over the same contract, to the same gateways.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use futures::stream::{self, BoxStream, StreamExt as _};
use shared::proto::push::push_event::Kind;
use shared::proto::push::push_server::{Push, PushServer};
use shared::proto::push::{GatewaySubscribeRequest, Hello, PushEvent};
use testkit::process::{Proc, ProcConfig, free_addr};
use tokio::sync::Barrier;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::publish::event;

/// What it is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens
    #[arg(long)]
    listen: SocketAddr,
    /// So many streams begin together
    #[arg(long)]
    gateways: usize,
    /// Events of each stream
    #[arg(long)]
    events: usize,
}

struct Memory {
    events: Arc<[PushEvent]>,
    ready: Arc<Barrier>,
}

/// Starts it as a process of its own; it ends when dropped.
///
/// # Errors
/// When it cannot be started.
pub fn start(gateways: usize, events: usize) -> Result<(Proc, SocketAddr)> {
    let address = free_addr();
    let config = ProcConfig::new(std::env::current_exe()?)
        .arg("raw-hub")
        .arg(format!("--listen={address}"))
        .arg(format!("--gateways={gateways}"))
        .arg(format!("--events={events}"));
    Ok((Proc::start(config)?, address))
}

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(args: &Args) -> Result<()> {
    let events: Vec<PushEvent> = (0..args.events).map(frame).collect();
    let memory = Memory { events: events.into(), ready: Arc::new(Barrier::new(args.gateways.max(1))) };
    Server::builder().add_service(PushServer::new(memory)).serve(args.listen).await?;
    Ok(())
}

#[tonic::async_trait]
impl Push for Memory {
    type SubscribePushStream = BoxStream<'static, Result<PushEvent, Status>>;

    async fn subscribe_push(
        &self,
        _request: Request<GatewaySubscribeRequest>,
    ) -> Result<Response<Self::SubscribePushStream>, Status> {
        let (events, ready) = (Arc::clone(&self.events), Arc::clone(&self.ready));
        let hello = PushEvent {
            cursor: cursor(0),
            prev_cursor: String::new(),
            kind: Some(Kind::Hello(Hello { resumed_from: cursor(0), oldest: cursor(1), head: cursor(0) })),
        };
        let rest = stream::once(async move {
            ready.wait().await;
            stream::iter((0..events.len()).filter_map(move |at| events.get(at).cloned()).map(Ok::<_, Status>))
        });
        Ok(Response::new(stream::iter([Ok(hello)]).chain(rest.flatten()).boxed()))
    }
}

fn frame(number: usize) -> PushEvent {
    PushEvent {
        cursor: cursor(number + 1),
        prev_cursor: cursor(number),
        kind: Some(Kind::ClientEvent(event(number, "bench"))),
    }
}

fn cursor(number: usize) -> String {
    format!("{:05}{number:015}", 1)
}
