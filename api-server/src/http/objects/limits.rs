//! What one account may have instead of what its plan allows.

use poem_openapi::Object;
use shared::domain::plan::Overrides;

/// What one account may have instead of what its plan allows.
#[derive(Debug, Object)]
pub struct AccountLimits {
    /// Own private games at once; null: the plan's.
    pub private_games: Option<i32>,
    /// Active memberships at once; null: the plan's.
    pub memberships: Option<i32>,
    /// Registered race names; null: the plan's.
    pub race_names: Option<i32>,
}

/// Limits to be set, all three at once: an absent one is the plan's again.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAccountLimits {
    /// Own private games at once; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub private_games: Option<i32>,
    /// Active memberships at once; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub memberships: Option<i32>,
    /// Registered race names; null: the plan's.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub race_names: Option<i32>,
}

impl From<NewAccountLimits> for Overrides {
    fn from(body: NewAccountLimits) -> Self {
        Self { private_games: body.private_games, memberships: body.memberships, race_names: body.race_names }
    }
}

impl From<Overrides> for AccountLimits {
    fn from(of: Overrides) -> Self {
        Self { private_games: of.private_games, memberships: of.memberships, race_names: of.race_names }
    }
}
