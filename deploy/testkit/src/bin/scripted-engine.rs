//! A game engine that does what its script says: see `testkit::scripted`.

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(testkit::scripted::serve())
}
