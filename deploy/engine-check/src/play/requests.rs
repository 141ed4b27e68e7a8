//! Requests that an engine refuses, and those that look odd and are taken.

use reqwest::Method;
use serde_json::json;

use super::Play;
use crate::answer::Answer;
use crate::ask::{Ask, encode};
use crate::table;

/// What a client may send, with what the platform puts around it.
const LARGE: usize = 1 << 20;
/// More than anybody needs.
const HUGE: usize = 8 << 20;

const WRITES: [(Method, &str); 5] = [
    (Method::POST, "/api/v1/admin/init"),
    (Method::PUT, "/api/v1/admin/turn"),
    (Method::POST, "/api/v1/admin/race/banish"),
    (Method::PUT, "/api/v1/command"),
    (Method::PUT, "/api/v1/order"),
];

impl Play<'_> {
    pub(super) async fn requests(&mut self) {
        let (race, turn) = (self.race(0), self.turn());
        self.caller.expect(table::UNKNOWN_PATH, Ask::get("/api/v1/no-such-path")).await;
        for (method, path) in [(Method::DELETE, "/api/v1/admin/status"), (Method::GET, "/api/v1/order")] {
            self.caller.expect(table::WRONG_METHOD, Ask { method, ..Ask::get(path) }).await;
        }
        for (method, path) in WRITES {
            let ask = Ask { method, ..Ask::get(path) };
            for body in ["{\"race_name\": ", "[1]", "null", ""] {
                self.caller.expect(table::NOT_JSON, ask.clone().text("application/json", body)).await;
            }
        }
        for ask in [Ask::order(&race, turn, &json!([])), Ask::command(&race, &json!([]))] {
            self.caller.expect(table::NOT_DECLARED, Ask { content_type: "text/plain", ..ask }).await;
        }
        let padded = |bytes: usize| {
            let order = json!({"race_name": race, "turn": turn, "orders": []}).to_string();
            let space = " ".repeat(bytes.saturating_sub(order.len()));
            let ask = Ask::send(Method::PUT, "/api/v1/order", &json!(null));
            ask.text("application/json", order.replacen('{', &format!("{{{space}"), 1))
        };
        self.caller.expect(table::LARGE_BODY, padded(LARGE)).await;
        self.huge(&padded(HUGE)).await;

        let stranger = "Nobody Here";
        for ask in [
            Ask::banish(stranger),
            Ask::command(stranger, &json!([])),
            Ask::order(stranger, turn, &json!([])),
            Ask::report(stranger, turn),
        ] {
            self.caller.expect(table::UNKNOWN_RACE, ask).await;
        }
        for query in ["turn=0", "race_name=Alpha&turn=soon", "race_name=Alpha", "race_name=Alpha&turn=-1"] {
            self.caller.expect(table::BAD_REPORT, Ask::get(format!("/api/v1/report?{query}"))).await;
        }
        for name in self.races.clone() {
            for space in ["+", "%20"] {
                let path = format!("/api/v1/report?race_name={}&turn={turn}", encode(&name, space));
                self.caller.expect(table::REPORT_NAMES, Ask::get(path)).await;
            }
        }
        let nonsense = json!([{"kind": "engine-check-nonsense"}]);
        self.caller.expect(table::NONSENSE, Ask::order(&race, turn, &nonsense)).await;
        self.caller.expect(table::NONSENSE, Ask::command(&race, &nonsense)).await;
    }

    /// Hanging up on it is an answer too, but not the engine's end.
    async fn huge(&mut self, ask: &Ask) {
        let hung_up = match self.caller.apart(ask).await {
            Ok(answer) => answer.suits(&table::HUGE_BODY),
            Err(_) => Ok(()),
        };
        let alive: Result<Answer, _> = self.caller.quietly(&Ask::status()).await;
        let alive = alive.and_then(|answer| match answer.status {
            200 => Ok(()),
            _ => Err(answer.fault("the engine is not itself any more")),
        });
        self.caller.note(table::HUGE_BODY, hung_up.and(alive));
    }
}
