//! `cargo xtask seed`: fills the database of the stack that is up (docs/scale.md).

use anyhow::Result;
use testkit::seed::{self, Sizes};
use testkit::stack::Summary;

/// Runs it.
///
/// # Errors
/// When no stack is up, or it was seeded before.
pub fn seed(sizes: Sizes) -> Result<()> {
    let stack = Summary::read(&crate::local().join("stack.json"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Sizes { accounts, games, memberships } = sizes;
        println!("\n── {accounts} accounts, {games} games, {memberships} memberships");
        let mut conn = seed::connect(&stack.postgres_dsn).await?;
        seed::seed(&mut conn, sizes, |step, took| println!("   [{:5.1} s] {step}", took.as_secs_f64())).await
    })
}
