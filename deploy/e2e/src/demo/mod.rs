//! The demo game: people sign up, gather, play and win, through REST, their mailboxes and the push stream alone. What is
//! not as it must be ends the story with a message that names what was expected. It is the end-to-end test as well.

mod audit;
mod cast;
mod lobby;
mod measure;
mod outcome;
mod play;
mod report;
mod sessions;
mod stage;
mod story;

use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::stack::Summary;

pub use measure::Latencies;
pub use outcome::Finish;
pub use report::Report;
pub use story::Story;

use stage::Stage;

/// How the demo is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// When turns are made.
    pub schedule: String,
    /// How long a player waits for anything that must come.
    pub patience: Duration,
    /// Whether parts of the platform die meanwhile: mails may then come twice under one Message-ID, and what is slow or
    /// broke off is not held against it.
    pub disturbed: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { schedule: "@every 1s".into(), patience: Duration::from_secs(30), disturbed: false }
    }
}

/// Plays it, telling `story`.
///
/// # Errors
/// The first expectation that did not hold.
pub async fn play(summary: &Summary, options: &Options, story: Story) -> Result<Report> {
    let began = Instant::now();
    let mut stage = Stage::set(summary, options, story).await?;
    stage.story.chapter("Signing up");
    let mut cast = stage.sign_up().await?;
    stage.story.chapter("The administrator prepares a public game");
    let public = stage.public_game(&cast).await?;
    stage.story.chapter("Dmitri invites to a private game");
    let private = stage.private_game(&cast).await?;
    stage.story.chapter("Chloe loses her phone");
    stage.lose_a_phone(&mut cast).await?;
    stage.story.chapter("Both games start");
    stage.start(&cast, &public).await?;
    stage.start(&cast, &private).await?;
    stage.story.chapter("The games");
    let finishes = stage.play_all(&cast, &[public, private]).await?;
    stage.story.chapter("Winners");
    stage.honour(&cast, &finishes).await?;
    stage.story.chapter("Counting");
    let counted = stage.audit(&cast, &finishes).await?;
    Ok(Report::new(&stage, cast.len(), finishes, counted, began.elapsed()))
}
