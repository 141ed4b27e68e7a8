//! `POST /user/games/{game_id}/orders`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, types::Any};
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::opaque::OpaqueJson;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::raw::{RawArray, RawBody, whole};
use crate::use_cases::caller::User;
use crate::use_cases::play;

/// Orders for a turn, in the engine's own language.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct Orders {
    /// The turn that they are for, which must be the open one.
    #[oai(validator(minimum(value = "0")))]
    pub turn: i32,
    /// JSON that only the engine understands.
    pub orders: Vec<Any<Value>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent<'a> {
    #[serde(deserialize_with = "whole")]
    turn: i32,
    #[serde(borrow)]
    orders: RawArray<'a>,
}

codes!(SendOrdersCodes:
    GameNotFound, NotAMember, GameNotRunning, GamePaused, TurnAlreadyClosed, EngineRejected, EngineFailed,
    EngineUnreachable, RateLimited
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Give orders for the open turn
    ///
    /// They replace the race's earlier orders for this turn. Orders and the answer are the engine's own JSON and pass unchanged.
    #[oai(path = "/user/games/:game_id/orders", method = "post", operation_id = "send_orders")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        body: RawBody<Orders>,
    ) -> Result<OpaqueJson, Fail<SendOrdersCodes>> {
        let sent: Sent<'_> = body.read()?;
        Ok(OpaqueJson(play::orders(&app, game_id.0.into(), user.id, sent.turn, sent.orders.0).await?))
    }
}
