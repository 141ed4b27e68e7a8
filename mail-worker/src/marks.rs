//! The marks before `DATA`, of all conversations in one statement.
//!
//! A commit of its own for each mail is most of what a mail costs beside a relay that answers at once. So one task writes the
//! marks: one statement is under way, and whatever is asked for meanwhile goes with the next. `docs/mail.md` says what a crash
//! at each step leads to.

use std::sync::Arc;

use shared::db::mail::data_begins_together;
use shared::db::{Db, Error};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use uuid::Uuid;

/// What the statement found of one row: whether `DATA` may begin, or that the mail's time has passed (`false`). `None`: the row
/// is another's, or somebody has it locked just now; the statement waits for nobody. An error is that of all who asked.
pub type Found = Result<Option<bool>, Arc<Error>>;

struct Ask {
    id: Uuid,
    token: i64,
    answer: oneshot::Sender<Found>,
}

/// Asks for marks. No more are asked for at once than there are conversations.
pub struct Marks(UnboundedSender<Ask>);

/// Writes them, until nobody is left who could ask.
pub struct Writer {
    db: Db,
    asks: UnboundedReceiver<Ask>,
}

impl Marks {
    /// Both ends; the second is to be [run](Writer::run).
    pub fn new(db: Db) -> (Self, Writer) {
        let (sender, asks) = unbounded_channel();
        (Self(sender), Writer { db, asks })
    }

    /// Marks the row, if it still has this token. The mark is committed when the answer comes.
    pub async fn set(&self, id: Uuid, token: i64) -> Found {
        let (answer, answered) = oneshot::channel();
        let lost = || Err(Arc::new(Error::Lost));
        if self.0.send(Ask { id, token, answer }).is_err() {
            return lost();
        }
        answered.await.unwrap_or_else(|_| lost())
    }
}

impl Writer {
    /// Writes until every [`Marks`] is gone.
    pub async fn run(mut self) {
        while let Some(first) = self.asks.recv().await {
            let mut asks = vec![first];
            while let Ok(next) = self.asks.try_recv() {
                asks.push(next);
            }
            self.write(asks).await;
        }
    }

    async fn write(&self, mut asks: Vec<Ask>) {
        // Whose call was dropped while it waited never comes to DATA: a mark would only say that it might have.
        asks.retain(|ask| !ask.answer.is_closed());
        if asks.is_empty() {
            return;
        }
        let rows: Vec<(Uuid, i64)> = asks.iter().map(|ask| (ask.id, ask.token)).collect();
        let writing = async {
            let mut conn = self.db.acquire().await?;
            data_begins_together(&mut conn, &rows).await
        };
        let found = self.db.try_within(writing).await.map_err(Arc::new);
        for Ask { id, token, answer } in asks {
            let said = match &found {
                Ok(begun) => Ok(begun.get(&(id, token)).copied()),
                Err(error) => Err(Arc::clone(error)),
            };
            // Who does not wait any more finds its mark, if there is one, as after a crash.
            let _ = answer.send(said);
        }
    }
}
