//! `init`, and its repetitions.

use std::path::Path;

use serde_json::json;

use super::{Play, Stopped};
use crate::ask::Ask;
use crate::book::Fault;
use crate::table;
use crate::watch::races;

impl Play<'_> {
    fn init(&self) -> Ask {
        Ask::init(&self.game_id, &self.races, &self.options.settings)
    }

    pub(super) async fn begin(&mut self) -> Result<(), Stopped> {
        let Ok(answer) = self.expect_at(table::INIT, self.init(), 0).await else {
            return Err("the game does not begin".to_owned());
        };
        if let Some((name, _)) = races(&self.status).into_iter().find(|(_, extinct)| *extinct) {
            self.caller.note(table::INIT, Err(answer.fault(format!("{name} begins extinct"))));
        }
        let _ = self.expect_at(table::INIT_AGAIN, self.init(), 0).await;
        let fewer: Vec<String> = self.races.iter().take(2).cloned().collect();
        self.caller.expect(table::INIT_OTHER_RACES, Ask::init(&self.game_id, &fewer, &self.options.settings)).await;
        let other = json!({"engine_check": "other settings"});
        self.caller.expect(table::INIT_OTHER_SETTINGS, Ask::init(&self.game_id, &self.races, &other)).await;
        let _ = self.expect_at(table::STATUS, Ask::status(), 0).await;
        if let Some(dir) = self.subject.state_dir() {
            let outcome = if holds_something(dir) {
                Ok(())
            } else {
                Err(Fault::plain(format!("{} holds no file with anything in it", dir.display())))
            };
            self.caller.note(table::STATE_WRITTEN, outcome);
        }
        Ok(())
    }

    /// The same `init` in a later turn.
    pub(super) async fn init_later(&mut self) {
        let turn = self.turn();
        let _ = self.expect_at(table::INIT_LATER, self.init(), turn).await;
    }
}

/// Whether there is a file with something in it, at any depth.
fn holds_something(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| match path.symlink_metadata() {
        Ok(meta) if meta.is_dir() => holds_something(&path),
        Ok(meta) => meta.is_file() && meta.len() > 0,
        Err(_) => false,
    })
}
