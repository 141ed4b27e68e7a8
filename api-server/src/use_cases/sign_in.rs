//! Sign-in by mailed code (SPEC §6): the account and session that a right code makes. The codes stand in [`super::challenges`].

use std::net::IpAddr;
use std::time::Duration;

use shared::db;
use shared::db::accounts::{NewAccount, NewIdentity};
use shared::domain::account::{IdentityKind, SanctionKind};
use shared::domain::country::CountryCode;
use shared::ids::{DeviceSessionId, UserId};
use shared::secret::Secret;

use super::challenges::{self, Confirmation};
use super::secrets;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// What a right code gives.
pub struct SignedIn {
    /// Who signed in.
    pub user_id: UserId,
    /// The session.
    pub device_session_id: DeviceSessionId,
    /// The opaque token, answered once.
    pub session_token: Secret,
    /// Whether the account was made now.
    pub account_created: bool,
}

/// Counts the try, compares, and in one transaction uses the challenge up, finds or makes the account and opens the session.
///
/// # Errors
/// `challenge_expired`, `code_incorrect`, `rate_limited`, `account_blocked` (after a right code alone: who cannot read
/// the mailbox learns of no sanction), or what the database answers.
pub async fn confirm_code(app: &App, confirmation: &Confirmation<'_>) -> Result<SignedIn, Problem> {
    let challenge = challenges::compare(app, confirmation).await?;
    let mut tx = app.db.begin().await?;
    if !db::auth::consume(&mut tx, confirmation.challenge_id).await? {
        return Err(challenges::expired());
    }
    let newcomer = Newcomer {
        kind: IdentityKind::Email,
        external_id: &challenge.address,
        display_name: None,
        language: challenge.preferred_language.as_deref().unwrap_or("en"),
        time_zone: confirmation.time_zone.unwrap_or("UTC"),
        ip: Some(confirmation.ip),
    };
    let Owner { user_id, created, sanctions } = owner(app, &mut tx, &newcomer).await?;
    if bars_sign_in(&sanctions) {
        // The code was right and is used up all the same.
        tx.commit().await?;
        return Err(account_blocked());
    }
    let (device_session_id, session_token) =
        open_session(app, &mut tx, user_id, confirmation.client_public_key.as_ref()).await?;
    tx.commit().await?;
    Ok(SignedIn { user_id, device_session_id, session_token, account_created: created })
}

/// Whether these sanctions keep an account from opening a session.
pub(super) fn bars_sign_in(sanctions: &[SanctionKind]) -> bool {
    sanctions.iter().any(|kind| matches!(kind, SanctionKind::LoginBlock | SanctionKind::PermanentBlock))
}

/// Said only to whoever has proven that the account is theirs, or to the gateway.
pub(super) fn account_blocked() -> Problem {
    Problem::new(ErrorCode::AccountBlocked, "This account may not sign in.")
}

/// Opens a session: the token is random, answered once, and stored as its SHA-256. The caller holds the account: a session
/// that is opened while it is deleted or blocked would outlive the revocation.
pub(super) async fn open_session(
    app: &App,
    conn: &mut sqlx::PgConnection,
    user_id: UserId,
    key: Option<&[u8; 32]>,
) -> Result<(DeviceSessionId, Secret), Problem> {
    let token = secrets::fresh(&app.random);
    let id = DeviceSessionId::new();
    db::sessions::insert(conn, id, user_id, key.map(<[u8; 32]>::as_slice), &secrets::hash(token.expose())).await?;
    Ok((id, token))
}

/// An identity, and what an account is made with if nobody owns it yet.
pub(super) struct Newcomer<'a> {
    /// Where it is from.
    pub kind: IdentityKind,
    /// Normalised.
    pub external_id: &'a str,
    /// Free name, checked.
    pub display_name: Option<&'a str>,
    /// BCP 47, checked.
    pub language: &'a str,
    /// IANA, checked.
    pub time_zone: &'a str,
    /// The client's address, where there is one: it declares the account's country.
    pub ip: Option<IpAddr>,
}

/// Who owns an identity; held, so that neither deletion nor sanction comes before the transaction's end.
pub(super) struct Owner {
    /// The account.
    pub user_id: UserId,
    /// Whether it was made now.
    pub created: bool,
    /// The kinds of the sanctions in force.
    pub sanctions: Vec<SanctionKind>,
}

/// How many deletions of the identity's account in a row are met before the client is asked to come again.
pub(super) const DELETIONS_MET: usize = 3;

/// Finds or makes the account that owns an identity, and holds it. An account that is deleted in between frees the identity,
/// and the next look finds it free: whoever signs in after a deletion has a new account.
///
/// # Errors
/// `unavailable` when the identity changes hands faster than it can be held.
pub(super) async fn owner(app: &App, tx: &mut db::Tx, newcomer: &Newcomer<'_>) -> Result<Owner, Problem> {
    for _ in 0..DELETIONS_MET {
        if let Some((user_id, created)) = find_or_create(app, tx, newcomer).await?
            && let Some(sanctions) = db::accounts::hold(tx, user_id).await?
        {
            return Ok(Owner { user_id, created, sanctions });
        }
    }
    Err(changed_hands())
}

/// The identity's account was deleted, and made anew, each time that it was looked for.
pub(super) fn changed_hands() -> Problem {
    Problem::new(ErrorCode::Unavailable, "The identity changed hands just now; try again.")
        .retry_after(Duration::from_secs(1))
}

/// The account that owns the identity, made if there is none. Of two at once the second waits within the identity's
/// constraint, rolls its savepoint back, and finds the first one's account; `None` where that is gone again.
async fn find_or_create(
    app: &App,
    tx: &mut db::Tx,
    newcomer: &Newcomer<'_>,
) -> Result<Option<(UserId, bool)>, Problem> {
    if let Some(user_id) = db::accounts::by_identity(tx, newcomer.kind, newcomer.external_id).await? {
        return Ok(Some((user_id, false)));
    }
    let mut savepoint = db::savepoint(tx).await?;
    if let Some(user_id) = create(app, &mut savepoint, newcomer).await? {
        savepoint.commit().await?;
        return Ok(Some((user_id, true)));
    }
    savepoint.rollback().await?;
    Ok(db::accounts::by_identity(tx, newcomer.kind, newcomer.external_id).await?.map(|user_id| (user_id, false)))
}

/// Makes the account that owns the identity, with the sanctions that its last owner left, in one statement; `None` where
/// somebody else has made it meanwhile. An open transaction is to be rolled back then.
pub(super) async fn create(
    app: &App,
    conn: &mut sqlx::PgConnection,
    newcomer: &Newcomer<'_>,
) -> Result<Option<UserId>, Problem> {
    let country = newcomer.ip.and_then(|ip| app.geo.country(ip));
    let user_id = UserId::new();
    let hashes = app.config.auth.peppers.identities(newcomer.kind, newcomer.external_id);
    let identity = NewIdentity { kind: newcomer.kind, external_id: newcomer.external_id, hashes: &hashes };
    for _ in 0..app.config.auth.user_name_retries {
        let placeholder = format!("player-{:08x}", app.random.below(1 << 32));
        let account = NewAccount {
            user_id,
            user_name: &placeholder,
            display_name: newcomer.display_name,
            preferred_language: newcomer.language,
            time_zone: newcomer.time_zone,
            declared_country: country.as_ref().map(CountryCode::as_str),
        };
        match db::accounts::insert(conn, &account, Some(&identity)).await {
            Ok(true) => return Ok(Some(user_id)),
            Ok(false) => {}
            Err(error) if error.constraint() == Some("identities_kind_external_id_key") => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::internal(&"no free placeholder user name within the retry budget"))
}
