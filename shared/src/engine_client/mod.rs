//! The HTTP client of a game engine (SPEC §9), used by the api-server (commands, orders, reports) and the
//! runtime-controller (everything else). It keeps no state of a game: every call says which engine and with which token.
//!
//! Nothing here retries: who calls knows whether the call may be repeated (`docs/runtime.md`).

mod door;
mod error;
mod http;
mod types;

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use serde_json::value::RawValue;

pub use self::door::EngineFault;
pub use self::error::EngineError;
use self::http::Call;
pub use self::http::LONGEST_WAIT;
pub use self::types::{EngineRace, EngineStatus, EngineTarget};
use crate::config::EngineLimits;
use crate::ids::GameId;
use crate::service::listen::Budget;

/// How long a call may take, from its first byte to the last of its answer.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Writes: init, turn, banish, command, order (`BACKEND_ENGINE_CALL_TIMEOUT`).
    pub call: Duration,
    /// Reads: healthz, status, report (`BACKEND_ENGINE_PROBE_TIMEOUT`).
    pub probe: Duration,
}

/// Calls engines. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct EngineClient {
    http: reqwest::Client,
    timeouts: Timeouts,
    room: Option<Budget<String>>,
    report: usize,
}

/// Answers to commands and orders: they are the game's own, and pass on to the player.
const ANSWER: usize = 1 << 20;
/// A status: one of a thousand races fits, with the longest names, each letter of them escaped.
const STATUS: usize = 512 << 10;
/// The answer of `/healthz`, which nobody reads.
const HEALTH: usize = 64 << 10;
/// The longest report where nothing else is set: the default of `BACKEND_RUNTIME_REPORT_LIMIT`.
pub const REPORT_LIMIT: usize = 1 << 20;

impl EngineClient {
    /// A client with these time limits. It uses no proxy and follows no redirect: an engine is its endpoint.
    ///
    /// # Errors
    /// [`EngineError::BadAnswer`] when the HTTP client cannot be set up at all.
    pub fn new(timeouts: Timeouts) -> Result<Self, EngineError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(timeouts.probe)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(2)
            // Shorter than any server's keep-alive: a call on a connection that the engine just closed would fail.
            .pool_idle_timeout(Duration::from_secs(3))
            .http1_only()
            .build()
            .map_err(|error| EngineError::BadAnswer(format!("no HTTP client: {error}")))?;
        Ok(Self { http, timeouts, room: None, report: REPORT_LIMIT })
    }

    /// A client with the limits that the installation sets.
    ///
    /// # Errors
    /// As [`EngineClient::new`].
    pub fn limited(limits: &EngineLimits) -> Result<Self, EngineError> {
        let timeouts = Timeouts { call: limits.call, probe: limits.probe };
        Ok(Self::new(timeouts)?.with_report_limit(limits.report))
    }

    /// The same, whose answers have so many bytes of memory in all and each engine, by its endpoint, while they are read. An engine
    /// that stops in the middle of its answer gives way to one that does not.
    #[must_use]
    pub fn with_room(self, room: Budget<String>) -> Self {
        Self { room: Some(room), ..self }
    }

    /// The memory that answers have while they are read; `None`: they are bounded one by one only.
    #[must_use]
    pub const fn room(&self) -> Option<&Budget<String>> {
        self.room.as_ref()
    }

    /// The same, which takes reports of so many bytes (`BACKEND_RUNTIME_REPORT_LIMIT`); a longer one is a bad answer.
    #[must_use]
    pub fn with_report_limit(self, bytes: u64) -> Self {
        Self { report: usize::try_from(bytes).unwrap_or(usize::MAX), ..self }
    }

    /// The time limits it was made with.
    #[must_use]
    pub const fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// `GET /healthz`: whether the engine serves. The only call that carries no token.
    ///
    /// # Errors
    /// [`EngineError`]; any answer but 2xx is a [`EngineError::Problem`].
    pub async fn health(&self, target: &EngineTarget) -> Result<(), EngineError> {
        let call = Call::new(Method::GET, "/healthz", self.timeouts.probe, HEALTH).open();
        self.send(target, call).await.map(drop)
    }

    /// `POST /api/v1/admin/init`: makes the game at turn 0. An identical one answers the status again, another 409. `settings` is
    /// an object that only the engine understands.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn init(
        &self,
        target: &EngineTarget,
        game_id: GameId,
        races: &[String],
        settings: &serde_json::Value,
    ) -> Result<EngineStatus, EngineError> {
        let races: Vec<_> = races.iter().map(|race_name| json!({ "race_name": race_name })).collect();
        let body = json!({ "game_id": game_id, "races": races, "settings": settings });
        let call = Call::new(Method::POST, "/api/v1/admin/init", self.timeouts.call, STATUS).body(&body)?;
        types::status(&self.send(target, call).await?)
    }

    /// `GET /api/v1/admin/status`.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Problem`] with 404 or 409 where no game was initialised yet.
    pub async fn status(&self, target: &EngineTarget) -> Result<EngineStatus, EngineError> {
        let call = Call::new(Method::GET, "/api/v1/admin/status", self.timeouts.probe, STATUS);
        types::status(&self.send(target, call).await?)
    }

    /// `PUT /api/v1/admin/turn`: closes turn `expected_turn`. Safe to repeat: an engine already past it by one answers
    /// its status and generates nothing.
    ///
    /// # Errors
    /// [`EngineError`]; after [`EngineError::Timeout`] or [`EngineError::Unreachable`] the turn may have been generated.
    pub async fn turn(&self, target: &EngineTarget, expected_turn: i32) -> Result<EngineStatus, EngineError> {
        let body = json!({ "expected_turn": expected_turn });
        let call = Call::new(Method::PUT, "/api/v1/admin/turn", self.timeouts.call, STATUS).body(&body)?;
        types::status(&self.send(target, call).await?)
    }

    /// `POST /api/v1/admin/race/banish`: removes a race. Safe to repeat.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn banish(&self, target: &EngineTarget, race_name: &str) -> Result<(), EngineError> {
        let body = json!({ "race_name": race_name });
        let call = Call::new(Method::POST, "/api/v1/admin/race/banish", self.timeouts.call, STATUS).body(&body)?;
        self.send(target, call).await.map(drop)
    }

    /// `PUT /api/v1/command`: `commands` is a JSON array that passes unchanged, as does the answer.
    ///
    /// # Errors
    /// [`EngineError`]; the engine's own validation errors are [`EngineError::Problem`] with their `code`.
    pub async fn command(
        &self,
        target: &EngineTarget,
        race_name: &str,
        commands: &RawValue,
    ) -> Result<Box<RawValue>, EngineError> {
        #[derive(serde::Serialize)]
        struct Body<'a> {
            race_name: &'a str,
            commands: &'a RawValue,
        }
        let call = Call::new(Method::PUT, "/api/v1/command", self.timeouts.call, ANSWER)
            .body(&Body { race_name, commands })?;
        types::raw(&self.send(target, call).await?)
    }

    /// `PUT /api/v1/order`: replaces the race's orders for `turn`. `orders` is a JSON array that passes unchanged.
    ///
    /// # Errors
    /// [`EngineError`]; the engine's own validation errors are [`EngineError::Problem`] with their `code`.
    pub async fn order(
        &self,
        target: &EngineTarget,
        race_name: &str,
        turn: i32,
        orders: &RawValue,
    ) -> Result<Box<RawValue>, EngineError> {
        #[derive(serde::Serialize)]
        struct Body<'a> {
            race_name: &'a str,
            turn: i32,
            orders: &'a RawValue,
        }
        let call = Call::new(Method::PUT, "/api/v1/order", self.timeouts.call, ANSWER).body(&Body {
            race_name,
            turn,
            orders,
        })?;
        types::raw(&self.send(target, call).await?)
    }

    /// `GET /api/v1/report`: one race's report of one turn, opaque JSON.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Problem`] with 404 where the engine has no such report.
    pub async fn report(
        &self,
        target: &EngineTarget,
        race_name: &str,
        turn: i32,
    ) -> Result<Box<RawValue>, EngineError> {
        let turn = turn.to_string();
        let query = [("race_name", race_name), ("turn", turn.as_str())];
        let call = Call::new(Method::GET, "/api/v1/report", self.timeouts.probe, self.report).query(&query);
        types::raw(&self.send(target, call).await?)
    }
}

#[cfg(test)]
mod tests;
