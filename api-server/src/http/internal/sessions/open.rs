//! `POST /internal/users/{user_id}/sessions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path};
use shared::domain::account;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::Session;
use crate::http::request::body::Body;
use crate::refusal::Problem;
use crate::use_cases::identities;

/// What the device brings along.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct OpenSession {
    /// Ed25519 public key of the device: 32 bytes, base64.
    #[oai(validator(max_length = 64))]
    pub client_public_key: Option<String>,
}

/// A new session, and its token.
#[derive(Debug, Object)]
pub struct OpenedSession {
    /// The session.
    #[oai(flatten)]
    pub session: Session,
    /// The session's opaque token. Answered once; only its hash is kept.
    pub session_token: String,
}

codes!(OpenSessionCodes: AccountNotFound, AccountBlocked);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Open a session
    ///
    /// For a user whose identity the gateway has checked. Each call opens another one: the answer holds a secret, so
    /// `Idempotency-Key` is ignored.
    #[oai(path = "/internal/users/:user_id/sessions", method = "post", operation_id = "open_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        body: Body<OpenSession>,
    ) -> Result<Created<OpenedSession>, Fail<OpenSessionCodes>> {
        let key = body.client_public_key.as_deref().map(account::client_public_key).transpose();
        let key = key.map_err(|why| Problem::field("/client_public_key", "format", why))?;
        let (session, token) = identities::open_session(&app, user_id.0.into(), key.as_ref()).await?;
        let path = format!("/internal/sessions/{}", session.device_session_id);
        let session_token = token.expose().clone();
        Ok(Created::at(&path, OpenedSession { session: session.into(), session_token }))
    }
}
