//! The push hub under attack: a gateway's stream goes on, and a new one begins.

use shared::proto::push::GatewaySubscribeRequest;
use shared::proto::push::push_client::PushClient;
use testkit::TestDb;
use testkit::process::free_addr;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use super::{LIMIT, modest, others_are_served, patient};
use crate::harness::GATEWAY_TOKEN;
use testkit::hostile::{Alive, grpc_call, hold, opening};

type Frames = tonic::Streaming<shared::proto::push::PushEvent>;

async fn subscribe(channel: Channel, name: &str) -> Frames {
    let mut request = Request::new(GatewaySubscribeRequest { gateway_client_id: name.into(), cursor: String::new() });
    request.metadata_mut().insert("authorization", format!("Bearer {GATEWAY_TOKEN}").parse().unwrap());
    PushClient::new(channel).subscribe_push(request).await.unwrap().into_inner()
}

async fn goes_on(frames: &mut Frames) {
    let next = tokio::time::timeout(LIMIT, frames.message()).await.expect("a bookmark comes");
    assert!(next.unwrap().is_some(), "the stream ended");
}

#[tokio::test]
async fn streams_of_gateways_survive_whoever_holds_the_push_hub() {
    let db = TestDb::new().await;
    let grpc = free_addr();
    let text = grpc.to_string();
    let settings = [("BACKEND_GRPC_PUSH_LISTEN_ADDR", text.as_str()), ("BACKEND_HTTP_IDLE_TIMEOUT", "2s")];
    let mut replica = patient(&db, &settings);
    replica.ready().await;
    let channel = async || {
        let endpoint = Endpoint::from_shared(format!("http://{grpc}")).unwrap();
        endpoint.connect_timeout(LIMIT).connect().await.unwrap()
    };
    let mut before = subscribe(channel().await, "before").await;
    goes_on(&mut before).await;
    let many = |path: &'static str, ends| (0..32).flat_map(move |n| grpc_call(2 * n + 1, path, ends));
    let watch: Vec<u8> = many("/grpc.health.v1.Health/Watch", true).collect();
    let slow: Vec<u8> = many("/grpc.health.v1.Health/Check", false).collect();
    let refused: Vec<u8> = many("/galaxy.push.v1.Push/SubscribePush", true).collect();
    let mut held = Vec::new();
    for words in [Vec::new(), watch, slow, refused] {
        held.extend(hold(grpc, 300, &[opening(0), words].concat()).await);
    }
    let mut alive = Vec::new();
    for _ in 0..50 {
        alive.extend(Alive::connect(grpc, 65_535, b"").await);
    }
    others_are_served(&replica).await;
    let mut after = subscribe(channel().await, "after").await;
    // A stream is no idleness, however long nothing is said from the other side.
    for _ in 0..2 {
        goes_on(&mut after).await;
        goes_on(&mut before).await;
    }
    modest(&replica);
    drop((held, alive));
}
