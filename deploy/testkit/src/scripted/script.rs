//! What a scripted engine is told.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The file that an engine reads in its state directory.
pub const FILE: &str = "script.json";

/// Behaviour, as JSON; every member may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The first rule that fits a call decides about it. None fits: the contract's own answer.
    pub rules: Vec<Rule>,
    /// The turn at which the game is finished; `GALAXY_TURN_LIMIT` where it is left out, and without that never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_limit: Option<i32>,
    /// Who wins then; the first race that is left, where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winners: Option<Vec<String>>,
    /// Bytes of padding in each report.
    pub report_bytes: usize,
    /// What happens at start. Read once, when the process begins.
    pub boot: Boot,
}

/// How the process begins.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Boot {
    /// Printed before anything else: the engine's last words, where it dies.
    pub say: String,
    /// Nobody is listened to for so long.
    pub delay_ms: u64,
    /// The process ends by itself so long after it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub die_after_ms: Option<u64>,
    /// SIGTERM is ignored.
    pub deaf: bool,
}

/// A call of the engine API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `GET /healthz`.
    Healthz,
    /// `POST /api/v1/admin/init`.
    Init,
    /// `GET /api/v1/admin/status`.
    Status,
    /// `PUT /api/v1/admin/turn`.
    Turn,
    /// `POST /api/v1/admin/race/banish`.
    Banish,
    /// `PUT /api/v1/command`.
    Command,
    /// `PUT /api/v1/order`.
    Order,
    /// `GET /api/v1/report`.
    Report,
}

/// When the process ends (code 3) because of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Die {
    /// Before anything was done.
    Before,
    /// When it was done and nothing was answered yet.
    After,
}

/// What is to become of some calls. What is said in the order of the members happens in that order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Which calls; left out: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Only while the engine stands at this turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<i32>,
    /// So many calls that fit are passed over first.
    pub skip: u32,
    /// Only so many are taken; left out: all. Counted in the state directory, so that a killed engine goes on counting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Printed.
    pub say: String,
    /// Waits before anything is done. A turn holds the engine meanwhile: another one waits for it.
    pub delay_ms: u64,
    /// Waits for ever instead.
    pub hang: bool,
    /// The process ends, before or after the effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub die: Option<Die>,
    /// The engine stands at this turn all of a sudden.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_turn: Option<i32>,
    /// A turn that is generated goes on by so many (1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<i32>,
    /// Whether the call has its effect; left out: unless `status` is an error, or `raw` or `close` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<bool>,
    /// Waits when it is done: a late answer.
    pub late_ms: u64,
    /// The connection ends without an answer.
    pub close: bool,
    /// The whole answer, from its first byte to the last, in place of all that follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of the answer.
    pub headers: BTreeMap<String, String>,
    /// The body as it is, in place of the contract's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Members that replace those of the contract's answer; `null` takes one away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<serde_json::Map<String, Value>>,
    /// So many blanks after the body.
    pub pad: usize,
    /// Of the answer only so many bytes are sent, and the connection ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<usize>,
    /// The answer goes out byte by byte, with this pause between two.
    pub dribble_ms: u64,
}

impl Rule {
    /// A rule for one kind of call.
    pub fn on(call: Call) -> Self {
        Self { call: Some(call), ..Self::default() }
    }

    pub(super) fn fits(&self, call: Call, turn: i32) -> bool {
        self.call.is_none_or(|wanted| wanted == call) && self.turn.is_none_or(|wanted| wanted == turn)
    }

    pub(super) fn has_effect(&self) -> bool {
        self.effect.unwrap_or(!self.close && self.raw.is_none() && self.status.is_none_or(|status| status < 300))
    }
}

impl Script {
    /// A script of these rules.
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: rules.into_iter().collect(), ..Self::default() }
    }

    /// As JSON, for `GALAXY_SCRIPT`.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Puts it into an engine's state directory, which is made where it is missing. It holds from the next call on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, state_dir: &Path) -> Result<()> {
        std::fs::create_dir_all(state_dir)?;
        // In one step: the engine may read at any moment.
        let (file, new) = (state_dir.join(FILE), state_dir.join("script.json.new"));
        std::fs::write(&new, self.json())?;
        std::fs::rename(&new, &file).with_context(|| file.display().to_string())
    }

    /// What holds now for the engine with this state directory.
    pub(super) fn read(state_dir: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(state_dir.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                std::env::var("GALAXY_SCRIPT").unwrap_or_default()
            }
            Err(error) => return Err(error).context(FILE),
        };
        let mut script: Self = match text.trim() {
            "" => Self::default(),
            text => serde_json::from_str(text).context("the script")?,
        };
        let limit = || std::env::var("GALAXY_TURN_LIMIT").ok()?.parse().ok();
        script.turn_limit = script.turn_limit.or_else(limit);
        Ok(script)
    }
}
