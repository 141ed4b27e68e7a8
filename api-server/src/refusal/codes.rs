//! The one enum of error codes (SPEC §3): word, status and meaning stand side by side, and the OpenAPI document lists them.

use ::http::StatusCode;
use poem_openapi::Enum;

macro_rules! error_codes {
    ($($name:ident $word:literal $status:ident $meaning:literal;)*) => {
        /// A stable machine word for what went wrong. Words are never reused for another meaning; new ones may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
        #[oai(rename = "ErrorCode")]
        pub enum ErrorCode {
            $(#[doc = $meaning] #[oai(rename = $word)] $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word on the wire.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The HTTP status that this code is always answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// One line for the document.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

error_codes! {
    InvalidRequest "invalid_request" BAD_REQUEST "a parameter or the body is malformed; `errors` names each field";
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "the Idempotency-Key was used before with another body";
    CredentialsRequired "credentials_required" UNAUTHORIZED "the gateway's bearer token is missing or wrong";
    AdminCredentialsRequired "admin_credentials_required" UNAUTHORIZED "the administrator's name or password is missing or wrong";
    AdminSessionRequired "admin_session_required" UNAUTHORIZED "the administrator's session has ended or run out, or this way in \
        is not open to them: sign in, or show a token";
    SignInRefused "sign_in_refused" UNAUTHORIZED "the administrator's name or password is wrong, or the account is disabled";
    InsecureTransport "insecure_transport" BAD_REQUEST "administrators sign in over TLS, or at an address of their own machine";
    RoleRequired "role_required" FORBIDDEN "the administrator has none of the roles that may do this (`x-galaxy-roles`)";
    SecondFactorRequired "second_factor_required" FORBIDDEN "the administrator must set up a second factor first";
    ConfirmationRequired "confirmation_required" FORBIDDEN "this wants a code of the second factor within the last ten minutes: \
        POST /api/v1/admin/auth/confirm";
    PersonRequired "person_required" FORBIDDEN "a program's token may not do this: a person signs in";
    SignInTicketExpired "sign_in_ticket_expired" GONE "the ticket is unknown, expired, used or out of tries; sign in again";
    PasswordIncorrect "password_incorrect" UNPROCESSABLE_ENTITY "the present password is wrong; the try was counted";
    NoSession "no_session" CONFLICT "the caller came without a session, so there is none to do this with";
    NoSecondFactor "no_second_factor" CONFLICT "the administrator has no second factor, or began no set-up of one";
    SecondFactorUnavailable "second_factor_unavailable" CONFLICT "this installation has no BACKEND_SECRETS_KEY, so nobody can have \
        a second factor";
    AdminTokenNotFound "admin_token_not_found" NOT_FOUND "the administrator has no such token";
    UserUnknown "user_unknown" UNAUTHORIZED "X-User-ID names nobody who may act: missing, unknown, deleted or permanently blocked";
    CrossSite "cross_site" FORBIDDEN "a browser sent this write from another site, which administrators' operations do not take";
    AccountBlocked "account_blocked" FORBIDDEN "a sanction keeps this account from signing in";
    Sanctioned "sanctioned" FORBIDDEN "a sanction forbids this action";
    NotFound "not_found" NOT_FOUND "no such path";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "the path exists, this method does not; `Allow` lists those that do";
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE "the body is over the limit";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "the body must be application/json in UTF-8, \
        without a Content-Encoding";
    RateLimited "rate_limited" TOO_MANY_REQUESTS "too many requests or wrong codes from this address, requests for \
        this e-mail, or invites by this user; see `Retry-After`";
    Internal "internal" INTERNAL_SERVER_ERROR "an unexpected condition; the request id leads to the log";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "the service is overloaded or a part it needs is away; see `Retry-After`";
    Timeout "timeout" GATEWAY_TIMEOUT "the request took longer than it may";
    ChallengeExpired "challenge_expired" GONE "the challenge is unknown, expired, out of tries or already used; ask for a new code";
    CodeIncorrect "code_incorrect" UNPROCESSABLE_ENTITY "the code is wrong; the try was counted";
    SessionNotFound "session_not_found" NOT_FOUND "no such session";
    AccountNotFound "account_not_found" NOT_FOUND "no such account";
    UserNameTaken "user_name_taken" CONFLICT "another account has this user name, or one that looks like it";
    NoteNotFound "note_not_found" NOT_FOUND "the account or the game has no such note";
    SanctionNotFound "sanction_not_found" NOT_FOUND "the account has no such sanction";
    EntitlementNotFound "entitlement_not_found" NOT_FOUND "the account has no such entitlement";
    EngineVersionNotFound "engine_version_not_found" NOT_FOUND "no such engine version";
    EngineVersionExists "engine_version_exists" CONFLICT "this engine version is already registered";
    EngineVersionDisabled "engine_version_disabled" CONFLICT "this engine version may not be used for new starts";
    EngineVersionIncompatible "engine_version_incompatible" CONFLICT "only a higher patch of the same major.minor may \
        take a running engine's place; anything else needs force-stop and force-start";
    GameNotFound "game_not_found" NOT_FOUND "no such game, or not visible to the caller";
    GameStateConflict "game_state_conflict" CONFLICT "the game's state does not allow this action";
    NotGameOwner "not_game_owner" FORBIDDEN "only who runs the game may do this";
    GameFull "game_full" CONFLICT "the game already has max_players members";
    NotEnoughPlayers "not_enough_players" CONFLICT "the game has fewer than min_players members";
    EnrollmentClosed "enrollment_closed" CONFLICT "the game takes nobody any more: not open, or past enrollment_ends_at";
    LimitReached "limit_reached" CONFLICT "the account's plan allows no more of this";
    ApplicationNotFound "application_not_found" NOT_FOUND "no such application";
    ApplicationExists "application_exists" CONFLICT "the caller has already applied to this game";
    ApplicationDecided "application_decided" CONFLICT "the application was decided before";
    AlreadyMember "already_member" CONFLICT "the user is already a member of this game";
    InviteNotFound "invite_not_found" NOT_FOUND "no such invite, or not for the caller";
    InviteExists "invite_exists" CONFLICT "the user already has an open invite to this game";
    InviteClosed "invite_closed" CONFLICT "the invite was redeemed, declined, revoked, or has expired";
    MembershipNotFound "membership_not_found" NOT_FOUND "no such membership";
    MembershipEnded "membership_ended" CONFLICT "the membership has ended before";
    NotAMember "not_a_member" FORBIDDEN "the caller is no active member of this game";
    RaceNameTaken "race_name_taken" CONFLICT "somebody else holds this race name, or one that looks like it";
    RaceNameNotFound "race_name_not_found" NOT_FOUND "the caller has no such race name to register: not pending, or lapsed";
    RaceNameInvalid "race_name_invalid" UNPROCESSABLE_ENTITY "the race name is empty, too long, mixes scripts, or has \
        characters that cannot be used";
    RuntimeNotFound "runtime_not_found" NOT_FOUND "the game has no runtime";
    RuntimeBusy "runtime_busy" CONFLICT "another job on this runtime is under way";
    TurnAlreadyClosed "turn_already_closed" CONFLICT "the turn is being generated, or is not the current one";
    GamePaused "game_paused" CONFLICT "the game is paused";
    GameNotRunning "game_not_running" CONFLICT "the game is not running";
    EngineRejected "engine_rejected" UNPROCESSABLE_ENTITY "the engine refused the content; `errors` carries its own words";
    EngineUnreachable "engine_unreachable" SERVICE_UNAVAILABLE "the game's engine does not answer; try again";
    EngineFailed "engine_failed" BAD_GATEWAY "the game's engine answered, and badly: an error of its own, or something \
        that breaks its contract; the administrators see what";
    AdminAccountNotFound "admin_account_not_found" NOT_FOUND "no administrator has this name";
    AdminAccountExists "admin_account_exists" CONFLICT "an administrator has this name already";
    LastAdministrator "last_administrator" CONFLICT "nobody else could log in as an owner any more";
    DeliveryNotFound "delivery_not_found" NOT_FOUND "no such mail delivery";
    DeliveryStateConflict "delivery_state_conflict" CONFLICT "a delivery that is sent, being sent or expired is not sent again";
    DeliverySecret "delivery_secret" FORBIDDEN "the delivery holds a code: what it says is shown to nobody but who gets it";
    DeliveryWiped "delivery_wiped" CONFLICT "the delivery's contents are gone, as a login code's are once it is \
        decided; a new code must be asked for";
    NotificationNotFound "notification_not_found" NOT_FOUND "no such notification";
    DeadLetterNotFound "dead_letter_not_found" NOT_FOUND "no such route or notification";
    NotDeadLettered "not_dead_lettered" CONFLICT "only what is dead-lettered or quarantined is re-driven; this is not, or not any more";
    QueueNotFound "queue_not_found" NOT_FOUND "no such queue";
    ReportNotFound "report_not_found" NOT_FOUND "there is no report for this turn";
}

impl ErrorCode {
    /// What a 401 with this code asks for (RFC 9110 §11.6.1).
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::CredentialsRequired => Some(r#"Bearer realm="galaxy-gateway""#),
            // The gateway's token was right, the user that it named was not.
            Self::UserUnknown => Some(r#"Bearer realm="galaxy-user""#),
            Self::AdminCredentialsRequired => Some(r#"Basic realm="galaxy-admin""#),
            // No browser asks for a name and a password of its own where this stands.
            Self::AdminSessionRequired | Self::SignInRefused => Some(r#"Bearer realm="galaxy-admin""#),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_by_the_path_that_it_has() {
        for code in ErrorCode::ALL {
            let named = code.meaning().split_once("POST ").map(|(_, path)| path);
            assert!(named.is_none_or(|path| path.starts_with("/api/v1/")), "{}", code.word());
        }
    }

    #[test]
    fn every_401_carries_a_challenge_and_nothing_else_does() {
        for code in ErrorCode::ALL {
            assert_eq!(code.challenge().is_some(), code.status() == StatusCode::UNAUTHORIZED, "{}", code.word());
        }
    }
}
