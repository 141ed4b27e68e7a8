//! One request, as it is sent and as a person repeats it.

use reqwest::Method;
use serde_json::{Value, json};

/// Characters of a body that a repeated request shows.
const SHOWN: usize = 2_000;

/// What stands in `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Auth {
    /// The engine's token.
    Token,
    /// No header.
    None,
    /// Something else.
    Other(String),
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) auth: Auth,
    pub(crate) content_type: &'static str,
    pub(crate) body: Option<String>,
}

/// How long an answer may take, as the platform waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// `BACKEND_ENGINE_PROBE_TIMEOUT`.
    Read,
    /// `BACKEND_ENGINE_CALL_TIMEOUT`.
    Write,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), auth: Auth::Token, content_type: "application/json", body: None }
    }

    pub(crate) fn send(method: Method, path: &str, body: &Value) -> Self {
        Self { method, body: Some(body.to_string()), ..Self::get(path) }
    }

    pub(crate) fn auth(self, auth: Auth) -> Self {
        Self { auth, ..self }
    }

    pub(crate) fn text(self, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { content_type, body: Some(body.into()), ..self }
    }

    pub(crate) fn init(game_id: &str, races: &[String], settings: &Value) -> Self {
        let races: Vec<Value> = races.iter().map(|race_name| json!({ "race_name": race_name })).collect();
        let body = json!({ "game_id": game_id, "races": races, "settings": settings });
        Self::send(Method::POST, "/api/v1/admin/init", &body)
    }

    pub(crate) fn status() -> Self {
        Self::get("/api/v1/admin/status")
    }

    pub(crate) fn turn(expected_turn: u64) -> Self {
        Self::send(Method::PUT, "/api/v1/admin/turn", &json!({ "expected_turn": expected_turn }))
    }

    pub(crate) fn banish(race_name: &str) -> Self {
        Self::send(Method::POST, "/api/v1/admin/race/banish", &json!({ "race_name": race_name }))
    }

    pub(crate) fn command(race_name: &str, commands: &Value) -> Self {
        Self::send(Method::PUT, "/api/v1/command", &json!({ "race_name": race_name, "commands": commands }))
    }

    pub(crate) fn order(race_name: &str, turn: u64, orders: &Value) -> Self {
        Self::send(Method::PUT, "/api/v1/order", &json!({ "race_name": race_name, "turn": turn, "orders": orders }))
    }

    /// As the platform asks: a space is a `+`.
    pub(crate) fn report(race_name: &str, turn: u64) -> Self {
        Self::get(format!("/api/v1/report?race_name={}&turn={turn}", encode(race_name, "+")))
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.method == Method::GET { Pace::Read } else { Pace::Write }
    }

    /// The same by hand. The token stays in its variable.
    pub(crate) fn curl(&self, base: &str) -> String {
        let mut words = vec!["curl -i".to_owned()];
        if self.method != Method::GET {
            words.push(format!("-X {}", self.method));
        }
        match &self.auth {
            Auth::Token => words.push("-H \"Authorization: Bearer $GALAXY_ENGINE_TOKEN\"".to_owned()),
            Auth::None => {}
            Auth::Other(value) => words.push(format!("-H {}", quoted(&format!("Authorization: {value}")))),
        }
        let (address, mut note) = (quoted(&format!("{base}{}", self.path)), String::new());
        if let Some(body) = &self.body {
            words.push(format!("-H {}", quoted(&format!("Content-Type: {}", self.content_type))));
            if body.len() > SHOWN {
                let start: String = body.chars().take(80).collect();
                words.push("--data-binary @body".to_owned());
                note = format!("  # body: {} bytes, {start}…", body.len());
            } else {
                words.push(format!("-d {}", quoted(body)));
            }
        }
        words.push(address);
        words.join(" ") + &note
    }
}

/// Percent-encodes all but letters and digits; a space as it is told.
pub(crate) fn encode(text: &str, space: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        b' ' => space.to_owned(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_can_be_repeated_by_hand() {
        let order = Ask::order("Ada's", 3, &json!([]));
        assert_eq!(
            order.curl("http://e:1"),
            "curl -i -X PUT -H \"Authorization: Bearer $GALAXY_ENGINE_TOKEN\" -H 'Content-Type: application/json' \
             -d '{\"orders\":[],\"race_name\":\"Ada'\\''s\",\"turn\":3}' 'http://e:1/api/v1/order'"
        );
        let report = Ask::report("Bêta Crucis", 0).auth(Auth::Other("Basic x".to_owned()));
        let path = "/api/v1/report?race_name=B%C3%AAta+Crucis&turn=0";
        assert_eq!(report.curl("http://e"), format!("curl -i -H 'Authorization: Basic x' 'http://e{path}'"));
        assert_eq!(Ask::get("/healthz").auth(Auth::None).curl("http://e"), "curl -i 'http://e/healthz'");
        let large = Ask::get("/x").text("application/json", " ".repeat(9_000)).curl("http://e");
        assert!(large.contains("--data-binary @body 'http://e/x'  # body: 9000 bytes"), "{large}");
    }
}
