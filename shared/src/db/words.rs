//! How closed words stand in columns: as text. Which column holds which word is said once, in `shared/sqlx.toml`: every query that
//! reads the column gets the type. A word that this build does not know is an error of the row.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

use crate::domain::{account, admin_access, delivery, game, lobby, notification, plan, runtime};

macro_rules! codec {
    ($($name:ty),+ $(,)?) => {$(
        impl Type<Postgres> for $name {
            fn type_info() -> PgTypeInfo {
                <str as Type<Postgres>>::type_info()
            }

            fn compatible(ty: &PgTypeInfo) -> bool {
                <str as Type<Postgres>>::compatible(ty)
            }
        }

        impl PgHasArrayType for $name {
            fn array_type_info() -> PgTypeInfo {
                <&str as PgHasArrayType>::array_type_info()
            }
        }

        impl Encode<'_, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <&str as Encode<'_, Postgres>>::encode(self.as_str(), buffer)
            }
        }

        impl<'r> Decode<'r, Postgres> for $name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                Ok(<&str as Decode<'r, Postgres>>::decode(value)?.parse::<Self>()?)
            }
        }
    )+};
}

codec! {
    account::IdentityKind,
    account::SanctionKind,
    account::SessionStatus,
    admin_access::EndReason,
    admin_access::Outcome,
    admin_access::Via,
    delivery::AttemptOutcome,
    delivery::DeliveryStatus,
    game::GameStatus,
    game::PauseReason,
    game::Visibility,
    lobby::ApplicationStatus,
    lobby::InviteStatus,
    lobby::MembershipStatus,
    lobby::RaceNameStatus,
    notification::NotificationStatus,
    notification::RouteStatus,
    plan::Plan,
    runtime::Health,
    runtime::RuntimeStatus,
}
