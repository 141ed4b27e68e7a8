//! `GET /admin/auth/me`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use shared::db;
use shared::domain::admin_access::Role;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::{AdminSession, roles_of};
use crate::http::objects::words::Closed;
use crate::http::request::rights::RIGHTS;
use crate::use_cases::caller::Admin;

/// The second factor of who asks.
#[derive(Debug, Object)]
pub struct AdminFactor {
    /// Whether there is one.
    pub enabled: bool,
    /// Whether there must be one before anything else goes.
    pub required: bool,
    /// Recovery codes that are good.
    pub recovery_codes_left: i64,
}

/// Who asks, and what they may do.
#[derive(Debug, Object)]
pub struct AdminMe {
    /// The administrator's name.
    pub user_name: String,
    /// Where they are told that their second factor was reset.
    pub email: Option<String>,
    /// Their roles; of a token its own.
    pub roles: Vec<Closed<Role>>,
    /// The operations, by id, that one of these roles is for.
    pub permissions: Vec<String>,
    /// How they came in.
    pub via: String,
    /// Their second factor.
    pub factor: AdminFactor,
    /// Their session, where they came in by one.
    pub session: Option<AdminSession>,
    /// Whether a name and a password with each request (HTTP Basic) are taken here, from accounts without a second factor.
    pub basic: bool,
}

codes!(AdminGetMeCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Who one is
    ///
    /// Name, roles, what they are for, and the session.
    #[oai(path = "/admin/auth/me", method = "get", operation_id = "admin_get_me")]
    async fn call(&self, app: Data<&Arc<App>>, admin: Admin) -> Result<Json<AdminMe>, Fail<AdminGetMeCodes>> {
        let mut conn = app.db.acquire().await?;
        let account = db::admin_accounts::get(&mut conn, &admin.name).await?;
        let session = match admin.session {
            Some(session) => db::admin_sessions::get(&mut conn, &admin.name, session).await?,
            None => None,
        };
        let recovery_codes_left = db::admin_factors::recovery_codes_left(&mut conn, &admin.name).await?;
        let permissions = RIGHTS.iter().filter(|right| admin.roles.meet(right.roles));
        Ok(Json(AdminMe {
            email: account.and_then(|account| account.email),
            roles: roles_of(admin.roles),
            permissions: permissions.map(|right| right.operation.to_owned()).collect(),
            via: admin.via.to_string(),
            factor: AdminFactor {
                enabled: admin.has_factor,
                required: app.config.admin.require_totp && admin.roles.may_write(),
                recovery_codes_left,
            },
            session: session.map(|session| AdminSession::seen(session, admin.session)),
            basic: app.config.admin.basic,
            user_name: admin.name,
        }))
    }
}
