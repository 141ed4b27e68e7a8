//! Before `init`: who is let in, and what an engine without a game answers.

use reqwest::Method;
use serde_json::{Value, json};

use super::Play;
use crate::ask::{Ask, Auth};
use crate::table;

impl Play<'_> {
    /// Every call that needs the token, in a form that would do.
    fn guarded(&self) -> Vec<Ask> {
        vec![
            Ask::init(&self.game_id, &["Nobody".to_owned()], &json!({})),
            Ask::status(),
            Ask::turn(0),
            Ask::banish("Nobody"),
            Ask::command("Nobody", &json!([])),
            Ask::order("Nobody", 0, &json!([])),
            Ask::report("Nobody", 0),
        ]
    }

    pub(super) async fn before_init(&mut self) {
        let token = self.caller.token.clone();
        let shorter: String = token.chars().take(token.chars().count().saturating_sub(1)).collect();
        let wrong = ["Bearer wrong", "Bearer", "Basic Z2FsYXh5OmdhbGF4eQ=="].map(str::to_owned).into_iter();
        let near = [format!("Bearer {shorter}"), format!("Bearer {token}x"), format!("Basic {token}")];
        let wrong: Vec<String> = wrong.chain(near).collect();
        for ask in self.guarded() {
            self.caller.expect(table::NO_TOKEN, ask.clone().auth(Auth::None)).await;
            for wrong in &wrong {
                self.caller.expect(table::WRONG_TOKEN, ask.clone().auth(Auth::Other(wrong.clone()))).await;
            }
        }
        self.caller.expect(table::STATUS_BEFORE, Ask::status()).await;
        let race = self.race(0);
        for ask in [
            Ask::turn(0),
            Ask::banish(&race),
            Ask::command(&race, &json!([])),
            Ask::order(&race, 0, &json!([])),
            Ask::report(&race, 0),
        ] {
            self.caller.expect(table::CALLS_BEFORE, ask).await;
        }
        let other = Ask::init("0192f0c1-7b1e-7000-8000-00000000beef", &self.races, &self.options.settings);
        self.caller.expect(table::OTHER_GAME, other).await;
        let races: [Value; 3] = [
            json!([]),
            json!([{"race_name": "Twin"}, {"race_name": "Twin"}]),
            json!([{"race_name": ""}, {"race_name": "Alpha"}]),
        ];
        for races in races {
            let body = json!({"game_id": self.game_id, "races": races, "settings": {}});
            self.caller.expect(table::BAD_RACES, Ask::send(Method::POST, "/api/v1/admin/init", &body)).await;
        }
    }
}
