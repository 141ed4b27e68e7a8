//! `PATCH /user/account`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::db;
use shared::db::accounts::ProfileChange;
use shared::domain::account;
use shared::domain::fault::Fault;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::Account;
use crate::http::request::body::Body;
use crate::refusal::{ErrorCode, FieldError, Problem};
use crate::use_cases::caller::User;

/// What to change; absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchAccount {
    /// Unique handle: 3 to 32 ASCII letters, digits, `_`, `-`, `.`; case is folded. Handles that look alike (`paypa1`,
    /// `paypal`) are one. `admin`, `root`, `support`, `galaxy` and the like, and what looks like them, are kept for the house:
    /// code `reserved`.
    pub user_name: Option<String>,
    /// Free name of 1 to 64 characters as people count them (extended grapheme clusters, so an emoji sequence is one) and at
    /// most 256 code points; null clears it. Letters, marks and digits of every script, symbols, emoji. Not control
    /// characters, invisible ones where neither script nor emoji needs them, words of mixed scripts, or what reads as a link.
    pub display_name: MaybeUndefined<String>,
    /// BCP 47 language tag.
    pub preferred_language: Option<String>,
    /// IANA time zone name, in any case.
    pub time_zone: Option<String>,
}

codes!(PatchAccountCodes: UserNameTaken, Sanctioned);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Change the own profile or settings
    ///
    /// Absent fields stay as they are.
    #[oai(path = "/user/account", method = "patch", operation_id = "patch_account")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        body: Body<PatchAccount>,
    ) -> Result<Json<Account>, Fail<PatchAccountCodes>> {
        if user.sanctions.contains(&account::SanctionKind::ProfileUpdateBlock) {
            return Err(Problem::new(ErrorCode::Sanctioned, "This account may not change its profile.").into());
        }
        let mut faults = Vec::new();
        let mut check = |field: &str, value: Option<&String>, rule: fn(&str) -> Result<String, Fault>| {
            value.and_then(|text| rule(text).map_err(|fault| faults.push(FieldError::of(field, fault))).ok())
        };
        let user_name = check("user_name", body.user_name.as_ref(), account::user_name);
        let preferred_language = check("preferred_language", body.preferred_language.as_ref(), account::language);
        let time_zone = check("time_zone", body.time_zone.as_ref(), account::time_zone);
        let display_name = match &body.display_name {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(text) => Some(check("display_name", Some(text), account::display_name)),
        };
        if !faults.is_empty() {
            return Err(Problem::fields(faults).into());
        }
        let change = ProfileChange {
            user_name: user_name.as_deref(),
            display_name: display_name.as_ref().map(Option::as_deref),
            preferred_language: preferred_language.as_deref(),
            time_zone: time_zone.as_deref(),
        };
        let mut tx = app.db.begin().await?;
        let changed = db::accounts::change_profile(&mut tx, user.id, &change).await.map_err(|error| {
            match error.constraint() {
                Some("accounts_user_name_key" | "accounts_canonical_user_name_key") => Problem::new(
                    ErrorCode::UserNameTaken,
                    "Another account has this user name, or one that looks like it.",
                ),
                _ => error.into(),
            }
        })?;
        // Deleted since the request began: there is nothing to change.
        let account = if changed { db::accounts::get(&mut tx, user.id).await? } else { None };
        tx.commit().await?;
        Ok(Json(account.ok_or_else(|| Problem::new(ErrorCode::UserUnknown, "No such account."))?.into()))
    }
}
