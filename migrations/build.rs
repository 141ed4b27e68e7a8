//! Rebuilds the crate when a migration changes: the macro that embeds them cannot tell cargo about new files.
fn main() {
    println!("cargo::rerun-if-changed=sql");
}
