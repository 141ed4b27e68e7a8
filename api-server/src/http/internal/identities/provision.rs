//! `POST /internal/identities/provision`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::domain::account::{self, IdentityKind};
use shared::domain::email::Address;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::words::Closed;
use crate::http::request::body::{Body, Cleaned};
use crate::refusal::Problem;
use crate::use_cases::identities;

/// An identity whose owner the gateway has checked.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ProvisionIdentity {
    /// Where it is from.
    pub kind: Closed<IdentityKind>,
    /// The address, in any spelling; or the id of the Telegram account, 1 to 128 visible ASCII characters.
    #[oai(validator(min_length = 1, max_length = 320))]
    pub external_id: String,
    /// A hint for an account that is made by this call, such as the name that a messenger shows: what cannot stand in a
    /// profile is taken away, or the hint is dropped; it is never an error. An account that is there does not look at it.
    pub display_name: Option<String>,
}

/// What `account::display_name_hint` cleans.
pub(crate) struct Hint;

impl Cleaned for Hint {
    const MEMBERS: &'static [&'static str] = &["display_name"];
}

/// Who owns an identity.
#[derive(Debug, Object)]
pub struct Provisioned {
    /// The account.
    pub user_id: Uuid,
    /// Whether this call made it.
    pub created: bool,
}

codes!(ProvisionIdentityCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Find or make the account of an identity
    ///
    /// However many calls at once make one account. An address finds the account that signed up by code. An account that
    /// is there is answered as it is: its name stays, and its sanctions are asked for when a session is opened.
    #[oai(path = "/internal/identities/provision", method = "post", operation_id = "provision_identity")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        body: Body<ProvisionIdentity, Hint>,
    ) -> Result<Json<Provisioned>, Fail<ProvisionIdentityCodes>> {
        let kind = body.kind.0;
        let external_id = match kind {
            IdentityKind::Telegram => account::external_id(&body.external_id),
            IdentityKind::Email => Address::parse(&body.external_id).map(Address::into_string).map_err(String::from),
        };
        let external_id = external_id.map_err(|why| Problem::field("/external_id", "format", why))?;
        let name = body.display_name.as_deref().and_then(account::display_name_hint);
        let (user_id, created) = identities::provision(&app, kind, &external_id, name.as_deref()).await?;
        Ok(Json(Provisioned { user_id: user_id.uuid(), created }))
    }
}
