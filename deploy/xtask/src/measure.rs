//! `cargo xtask measure`: the latency of each GET on a seeded stack, through the REST API (docs/scale.md).

use std::time::Duration;

use anyhow::Result;
use testkit::openapi::{Contract, ContractClient, ContractRequest, Operation};
use testkit::seed::{self, Caller, Samples, Variant};
use testkit::stack::Summary;

/// Prints the table.
///
/// # Errors
/// When no stack is up, or it is not seeded.
pub fn measure(calls: usize) -> Result<()> {
    let stack = Summary::read(&crate::local().join("stack.json"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let samples = Samples::read(&mut seed::connect(&stack.postgres_dsn).await?).await?;
        let contract = Contract::committed()?;
        let base = stack.rest.first().map(String::as_str).unwrap_or_default();
        let client = ContractClient::with_contract(contract.clone(), base);
        println!("{:>7} {:>7}  milliseconds in {calls} calls, of a page of 200 where it is a list", "p50", "p95");
        // Nobody has a token there, and an export is as long as its list.
        let asked = |operation: &&Operation| {
            operation.method == "GET" && operation.id != "admin_get_token" && !operation.path.ends_with("/export")
        };
        for operation in contract.operations().iter().filter(asked) {
            for variant in samples.variants(&contract, operation)? {
                let client = caller(&client, &stack, &samples, variant.caller);
                let (median, slow) = percentiles(&client, &variant, calls).await;
                let filters: Vec<String> =
                    variant.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let who = if variant.caller == (Caller::User { heavy: true }) { "heavy user" } else { "" };
                println!("{median:7.1} {slow:7.1}  {} {} {who}", operation.name(), filters.join("&"));
            }
        }
        Ok(())
    })
}

fn caller(client: &ContractClient, stack: &Summary, samples: &Samples, caller: Caller) -> ContractClient {
    let gateway = client.with_bearer(&stack.gateway_token);
    match caller {
        Caller::Admin => client.with_basic(&stack.admin_user, &stack.admin_password),
        Caller::Gateway => gateway,
        Caller::User { heavy: true } => gateway.with_header("X-User-ID", &samples.heavy_user),
        Caller::User { heavy: false } => gateway.with_header("X-User-ID", &samples.ordinary_user),
    }
}

/// The middle one and the slowest but a twentieth, in milliseconds.
async fn percentiles(client: &ContractClient, variant: &Variant, calls: usize) -> (f64, f64) {
    let request = || -> ContractRequest {
        let request = variant.query.iter().fold(client.get(&variant.path), |r, (name, value)| r.query(name, value));
        if variant.is_list { request.query("limit", 200) } else { request }
    };
    let mut times: Vec<Duration> = Vec::with_capacity(calls);
    // The first one fills caches and opens connections.
    request().send().await.expect(200);
    for _ in 0..calls {
        times.push(request().send().await.expect(200).took);
    }
    times.sort();
    let at = |share: usize| times.get(calls * share / 100).or(times.last()).map_or(0.0, |t| t.as_secs_f64() * 1000.0);
    (at(50), at(95))
}
