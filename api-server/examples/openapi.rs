//! Prints the OpenAPI document: `cargo run -p api-server --example openapi > api-server/openapi.json`, as `cargo xtask gen` does.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() -> anyhow::Result<()> {
    print!("{}", api_server::http::openapi_text()?);
    Ok(())
}
