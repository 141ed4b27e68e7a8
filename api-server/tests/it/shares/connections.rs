//! Connections of every kind, and all that one network can get of them.

use testkit::process::free_addr;
use testkit::{TestDb, eventually};
use tokio::net::TcpStream;

use super::{metric, modest, others_are_served, patient};
use crate::binary::Binary;
use testkit::hostile::{Alive, PREFACE, connect, get, grpc_call, hold, opening, reset, slow_post};

/// More than the 260 that these settings allow.
const MANY: usize = 300;
const FEW_PLACES: &[(&str, &str)] = &[("BACKEND_HTTP_MAX_IN_FLIGHT", "4")];

#[tokio::test]
async fn whatever_a_network_holds_others_connect_and_the_probes_say_so() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, FEW_PLACES);
    replica.ready().await;
    let whole_head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
    let body = b"POST /api/v1/public/auth/send-email-code HTTP/1.1\r\nhost: x\r\n\
                 content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let unread: Vec<u8> = (0..32).flat_map(|n| get(2 * n + 1, "/docs")).collect();
    let slow: Vec<u8> = (0..32).flat_map(|n| slow_post(2 * n + 1, "/api/v1/public/auth/send-email-code")).collect();
    for (kind, words) in [
        ("nothing", Vec::new()),
        ("half a preface", PREFACE[..16].to_vec()),
        ("half a head", b"GET /healthz HTTP/1.1\r\nhost: x\r\n".to_vec()),
        ("a whole head, and nothing more", whole_head),
        ("a body that goes on", body.to_vec()),
        ("HTTP/2 without a stream", opening(65_535)),
        ("HTTP/2 with answers that nobody reads", [opening(0), unread].concat()),
        ("HTTP/2 with bodies that go on", [opening(0), slow].concat()),
    ] {
        println!("{kind}");
        let held = hold(replica.rest, MANY, &words).await;
        others_are_served(&replica).await;
        drop(held);
    }
    assert!(metric(replica.ops, "listener_connections", "listener=\"rest\"").await >= 0.0);
    assert!(metric(replica.ops, "listener_ended_total", "reason=\"gave_way\"").await > 0.0);
    assert!(metric(replica.ops, "listener_refused_total", "reason=\"share\"").await > 0.0);
}

/// It answers every ping, and so looks alive to any keep-alive: what the issue showed.
#[tokio::test]
async fn http2_without_a_stream_gives_way_though_it_answers_pings() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, FEW_PLACES);
    replica.ready().await;
    let mut held = Vec::new();
    for _ in 0..MANY {
        held.extend(Alive::connect(replica.rest, 65_535, b"").await);
    }
    others_are_served(&replica).await;
    // The attacker's own network is served as well, by those who hold there and do nothing.
    let mut newcomer =
        connect(replica.rest, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut newcomer, &mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// CVE-2023-44487: streams opened and taken back as fast as they can be written.
#[tokio::test]
async fn rapid_resets_end_their_connection_and_nobody_elses() {
    let db = TestDb::new().await;
    let mut replica = patient(&db, &[]);
    replica.ready().await;
    let words: Vec<u8> = (0..5000).flat_map(|n| reset(2 * n + 1, "/docs")).collect();
    let attack = async {
        for _ in 0..8 {
            if let Some(peer) = Alive::connect(replica.rest, 65_535, &words).await {
                tokio::time::timeout(super::LIMIT, peer.ended()).await.expect("it goes on");
            }
        }
    };
    tokio::join!(attack, others_are_served(&replica));
    modest(&replica);
}

/// Descriptors are few, and every listener is attacked at once.
#[tokio::test]
async fn descriptors_are_left_for_the_database_and_the_probes() {
    let db = TestDb::new().await;
    let grpc = free_addr();
    let grpc_text = grpc.to_string();
    let mut replica = Binary::start_limited(&db, 512, &[("BACKEND_GRPC_PUSH_LISTEN_ADDR", grpc_text.as_str())]);
    replica.ready().await;
    let mut held: Vec<TcpStream> = Vec::new();
    for (listener, words) in [
        (grpc, opening(65_535)),
        (grpc, [opening(65_535), grpc_call(1, "/grpc.health.v1.Health/Check", false)].concat()),
        (replica.rest, opening(65_535)),
        (replica.rest, b"GET /".to_vec()),
        (replica.ops, b"GET /".to_vec()),
    ] {
        held.extend(hold(listener, 600, &words).await);
        others_are_served(&replica).await;
    }
    // The soft limit was raised, as far as it went, and that was said.
    let said = |line: &str| line.contains("\"msg\":\"starting\"") && line.contains("\"descriptors\":512");
    replica.process.wait_for_line(said, super::LIMIT).await;
    drop(held);
    eventually(super::LIMIT, "the connections are gone", || async {
        metric(replica.ops, "listener_connections", "listener=\"grpc\"").await == 0.0
    })
    .await;
    modest(&replica);
}
