//! What must stand in the logs, and what must not: no address, code, token or key (SPEC §16).

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use galaxy_e2e::mailbox::{CODE_SUBJECT, Mailbox, code};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use testkit::stack::Stack;

/// Tokens and keys of the sessions that this program's demos opened.
static SESSIONS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What may be told of who fails.
const CALLER: &str = "where a player calls from";

/// Notes what a demo's players keep to themselves.
pub fn remember(secrets: &[String]) {
    SESSIONS.lock().unwrap().extend_from_slice(secrets);
}

/// What a stack must keep to itself.
pub struct Secrets {
    /// What it is, and how it reads.
    texts: BTreeSet<(&'static str, String)>,
    /// Six digits each.
    codes: BTreeSet<String>,
}

impl Secrets {
    /// Those of this stack. It must run.
    pub async fn of(stack: &Stack) -> Secrets {
        let summary = stack.summary();
        let basic = STANDARD.encode(format!("{}:{}", summary.admin_user, summary.admin_password));
        let pepper = std::fs::read_to_string(stack.config().dir.join("code-pepper.secret")).unwrap();
        let mut texts = BTreeSet::from([
            ("a player's address", "@players.example".to_owned()),
            ("a player's address", "%40players.example".to_owned()),
            (CALLER, "203.0.113.".to_owned()),
            ("the gateway's token", summary.gateway_token.clone()),
            ("the workers' token", summary.worker_token.clone()),
            ("the administrator's password", summary.admin_password.clone()),
            ("the administrator's credentials", basic),
            ("the pepper", pepper),
        ]);
        texts.extend(SESSIONS.lock().unwrap().iter().map(|secret| ("a session's token or key", secret.clone())));
        let mut codes = BTreeSet::new();
        for mail in Mailbox::new(summary).unwrap().mails(None, 0).await.unwrap() {
            texts.extend(mail.envelope_to.iter().map(|to| ("a recipient's address", to.clone())));
            if mail.subject.starts_with(CODE_SUBJECT) {
                codes.extend(code(&mail));
            }
        }
        let mut conn = PgConnection::connect(summary.postgres_dsn.split('?').next().unwrap()).await.unwrap();
        let engines: Vec<String> =
            sqlx::query_scalar("SELECT engine_token FROM backend.runtime_records").fetch_all(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        texts.extend(engines.into_iter().map(|token| ("an engine's token", token)));
        // Shorter ones would be found in anything.
        assert!(texts.iter().all(|(_, text)| text.len() >= 8), "a secret of less than 8 characters");
        Secrets { texts, codes }
    }

    /// What this line of a log, or of a span, tells, if it is one of them.
    pub fn told_by(&self, line: &str) -> Option<&'static str> {
        // Who fails is named by network or IP address, in these lines alone (SPEC §6).
        let failed = line.contains("\"event\":\"code_refused\"") || line.contains("\"event\":\"admin_refused\"");
        let told = self.texts.iter().find(|(what, text)| !(failed && *what == CALLER) && line.contains(text.as_str()));
        let told = told.map(|(what, _)| *what);
        told.or_else(|| self.has_code(line).then_some("a login code"))
    }

    /// Six digits may stand in an id or a time by chance: only as a word of what is said do they count.
    fn has_code(&self, line: &str) -> bool {
        if !self.codes.iter().any(|code| line.contains(code.as_str())) {
            return false;
        }
        let says = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| self.codes.contains(word));
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => {
                fields.iter().any(|(name, value)| !is_id(name) && value.as_str().is_some_and(says))
            }
            // A panic's words.
            _ => says(line),
        }
    }
}

fn is_id(field: &str) -> bool {
    matches!(field, "ts" | "caller" | "instance") || field.ends_with("_id")
}

/// Fails if the log of a process tells a secret, or does not name the request that was answered.
pub fn judge(file: &Path, secrets: &Secrets) {
    let name = file.display();
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.lines().any(|line| line.contains("\"msg\":\"starting\"")), "{name} is no process's log");
    for line in text.lines() {
        if let Some(what) = secrets.told_by(line) {
            panic!("{name} tells {what}: {line}");
        }
        if line.contains("\"msg\":\"answered\"") {
            for id in ["request_id", "otel_trace_id", "otel_span_id"] {
                assert!(line.contains(&format!("\"{id}\":\"")), "{name} answers without {id}: {line}");
            }
        }
    }
}

#[test]
fn secrets_are_found_and_ids_and_times_are_not_taken_for_them() {
    let secrets = Secrets {
        texts: BTreeSet::from([("a token", "s3cr3t-t0k3n".to_owned())]),
        codes: BTreeSet::from(["481516".to_owned()]),
    };
    for (line, what) in [
        (r#"{"ts":"2026-01-01T00:00:00.000000Z","msg":"refused","header":"Bearer s3cr3t-t0k3n"}"#, "a token"),
        (r#"{"ts":"2026-01-01T00:00:00.000000Z","msg":"sent the code 481516."}"#, "a login code"),
        (r#"{"ts":"2026-01-01T00:00:00.000000Z","msg":"sent","code":"481516"}"#, "a login code"),
        ("thread 'main' panicked at 'code: \"481516\"'", "a login code"),
    ] {
        assert_eq!(secrets.told_by(line), Some(what), "{line}");
    }
    for line in [
        r#"{"ts":"2026-01-01T00:00:00.481516Z","msg":"started","instance":"api-server@host:481516-00ff00ff"}"#,
        r#"{"ts":"2026-01-01T00:00:00.000000Z","msg":"done","row_id":"481516","rows":481516,"took":"2.481516s"}"#,
        r#"{"ts":"2026-01-01T00:00:00.000000Z","msg":"no game 0190a5a4-4815-7000-8000-481516481516"}"#,
    ] {
        assert_eq!(secrets.told_by(line), None, "{line}");
    }
}
