//! Two networks that together hold all that there is, and somebody from a third who is served all the same.

use std::net::SocketAddr;

use reqwest::StatusCode;
use testkit::TestDb;
use testkit::hostile::{
    NETWORKS, PREFACE, bomb, controls, endless_head, get, grpc_call, grpc_large, hold_from, large_post, opening,
    slow_post,
};
use testkit::process::free_addr;
use tokio::net::TcpStream;

use super::{caller, modest, others_are_served, patient};
use crate::binary::Binary;

/// More than half of the 768 connections to REST.
const EACH: usize = 400;
const CODE: &str = "/api/v1/public/auth/send-email-code";

fn streams(of: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..32).flat_map(|n| of(2 * n + 1)).collect()
}

/// Both take all that they get.
async fn hold_both(to: SocketAddr, each: usize, words: &[u8]) -> Vec<TcpStream> {
    let [first, second] = NETWORKS.map(|from| hold_from(from, to, each, words));
    let (first, second) = tokio::join!(first, second);
    first.into_iter().chain(second).collect()
}

/// A body of some size from elsewhere is read and judged.
async fn a_body_is_read(replica: &Binary) {
    let whole = [vec![b'{'], vec![b' '; 500_000], vec![b'}']].concat();
    let sending = caller().post(format!("http://{}{CODE}", replica.rest)).header("content-type", "application/json");
    let answer = sending.body(whole).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{}", answer.text().await.unwrap_or_default());
}

async fn attack(replica: &Binary, to: SocketAddr, each: usize, what: &str, words: Vec<u8>) {
    let before = replica.process.rss_bytes();
    let held = hold_both(to, each, &words).await;
    others_are_served(replica).await;
    a_body_is_read(replica).await;
    let peak = replica.process.peak_memory();
    println!("{what}: {} of {} connections, {} MiB, {} before", held.len(), 2 * each, peak >> 20, before >> 20);
    modest(replica);
    drop(held);
}

#[tokio::test]
async fn two_networks_that_hold_bodies_leave_a_third_its_connections_and_its_bytes() {
    let db = TestDb::new().await;
    let head = format!("POST {CODE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    for (what, words) in [
        ("HTTP/1, a byte", format!("{head}content-length: 99\r\n\r\n{{").into_bytes()),
        ("HTTP/1, 48 KiB", [format!("{head}content-length: 99999\r\n\r\n").as_bytes(), &[b' '; 48 << 10]].concat()),
        ("HTTP/2, a byte on each of 32 streams", [opening(65_535), streams(|n| slow_post(n, CODE))].concat()),
        ("HTTP/2, 1 900 bytes on each", [opening(65_535), streams(|n| large_post(n, CODE, 1_900))].concat()),
        ("HTTP/2, heads of 12 kB", [opening(65_535), streams(|n| bomb(n, CODE, n == 1, 3))].concat()),
    ] {
        let mut replica = patient(&db, &[]);
        replica.ready().await;
        attack(&replica, replica.rest, EACH, what, words).await;
    }
}

#[tokio::test]
async fn two_networks_that_read_nothing_leave_a_third_its_places() {
    let db = TestDb::new().await;
    for (what, words) in [
        ("answers of operations", [opening(0), streams(|n| get(n, "/api/v1/public/nothing"))].concat()),
        ("the page", [opening(0), streams(|n| get(n, "/docs"))].concat()),
        ("probes", [opening(0), streams(|n| get(n, "/healthz"))].concat()),
        ("pings and settings", [opening(0), controls(900, 900)].concat()),
        ("half a preface", PREFACE[..16].to_vec()),
        ("heads that go on", [opening(65_535), endless_head(1, 5)].concat()),
    ] {
        let mut replica = patient(&db, &[]);
        replica.ready().await;
        attack(&replica, replica.rest, EACH, what, words).await;
    }
}

#[tokio::test]
async fn two_networks_at_the_push_hub_leave_a_third_its_calls() {
    let db = TestDb::new().await;
    let grpc = free_addr();
    let text = grpc.to_string();
    for (what, words) in [
        ("health, a byte", streams(|n| grpc_call(n, "/grpc.health.v1.Health/Check", false))),
        ("health, 1 900 bytes of 4 MiB", streams(|n| grpc_large(n, "/grpc.health.v1.Health/Check", 1_900))),
        ("publish without a token", streams(|n| grpc_large(n, "/galaxy.push.v1.PushHub/Publish", 1_900))),
        ("heads of 12 kB", streams(|n| bomb(n, "/grpc.health.v1.Health/Check", n == 1, 3))),
        ("watches", streams(|n| grpc_call(n, "/grpc.health.v1.Health/Watch", true))),
    ] {
        let mut replica = patient(&db, &[("BACKEND_GRPC_PUSH_LISTEN_ADDR", text.as_str())]);
        replica.ready().await;
        attack(&replica, grpc, 140, what, [opening(0), words].concat()).await;
    }
}
