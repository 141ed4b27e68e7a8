//! Whoever holds all that a peer can hold, from 127.0.0.2, while others call from 127.0.0.1 and are all served
//! (docs/shares.md).

mod bodies;
mod connections;
mod engines;
mod floods;
mod idle;
mod ops;
mod push;
mod two;
mod unread;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use reqwest::StatusCode;
use testkit::openapi::ContractClient;
use testkit::{TestDb, eventually};

use crate::binary::Binary;
use crate::harness::GATEWAY_TOKEN;

/// No call may take as long; a hang does.
pub const LIMIT: Duration = Duration::from_secs(90);
/// What api-server never needs more of.
pub const MOST_MEMORY: u64 = 256 << 20;
const SESSION: &str = "/api/v1/internal/sessions/0190a5a4-0000-7000-8000-000000000000";

/// Somebody on 127.0.0.1 whose every call is a connection of its own.
pub fn caller() -> reqwest::Client {
    reqwest::Client::builder()
        .local_address(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST))
        .pool_max_idle_per_host(0)
        .timeout(LIMIT)
        .build()
        .unwrap()
}

/// A replica whose own patience is longer than anything takes on a machine that others keep busy.
pub fn patient(db: &TestDb, settings: &[(&str, &str)]) -> Binary {
    let patience = [("BACKEND_POSTGRES_OPERATION_TIMEOUT", "80s"), ("BACKEND_HTTP_WRITE_TIMEOUT", "80s")];
    Binary::start(db, &[&patience[..], settings].concat())
}

/// The gateway on behalf of a user, on 127.0.0.1.
pub fn on_behalf(replica: &Binary, user: &str) -> ContractClient {
    let client = ContractClient::new(format!("http://{}", replica.rest));
    client.with_bearer(GATEWAY_TOKEN).with_header("X-User-ID", user)
}

async fn answered(url: String, status: StatusCode) {
    let answer = caller().get(&url).bearer_auth(GATEWAY_TOKEN).send().await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
    let seen = answer.status();
    assert_eq!(seen, status, "{url}: {}", answer.text().await.unwrap_or_default());
}

/// Every call of somebody else is answered, probes say the truth on both listeners, and memory and descriptors are left.
pub async fn others_are_served(replica: &Binary) {
    for _ in 0..5 {
        answered(format!("http://{}{SESSION}", replica.rest), StatusCode::NOT_FOUND).await;
        for listener in [replica.rest, replica.ops] {
            // It may have been unready for a moment, on such a machine.
            eventually(LIMIT, "a probe that says ready", || async move {
                let answer = caller().get(format!("http://{listener}/readyz")).send().await.unwrap();
                let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
                if status == StatusCode::OK { Ok(()) } else { Err(format!("{status}: {text}")) }
            })
            .await;
        }
    }
    modest(replica);
}

/// Memory and descriptors stay bounded: of memory the most that it ever had counts, so that this is asked at the end of an attack.
pub fn modest(replica: &Binary) {
    let pid = replica.process.pid();
    let memory = replica.process.peak_memory();
    assert!((1..MOST_MEMORY).contains(&memory), "{} MiB", memory >> 20);
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit: usize = line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(open + 32 < limit, "{open} of {limit} descriptors");
}

/// A value of a series, summed over its labels; 0 where there is none.
pub async fn metric(ops: SocketAddr, series: &str, label: &str) -> f64 {
    let text = caller().get(format!("http://{ops}/metrics")).send().await.unwrap().text().await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with(series) && line.contains(label));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
