//! Temporary: `gen` only, until the rest of the tool is written.
mod r#gen;

fn main() -> anyhow::Result<()> {
    r#gen::proto::generate(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(std::path::Path::new(".")),
    )
}
