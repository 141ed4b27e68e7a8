//! Who calls, and with which request. Users and administrators do the same things to games through the same use cases, so a
//! use case takes a [`Caller`] and asks it what differs.

use std::net::IpAddr;

use shared::db;
use shared::db::audit_log::NewEntry;
use shared::db::games::LockedGame;
use shared::db::notifications::NewNotification;
use shared::domain::account::SanctionKind;
use shared::domain::admin_access::{Outcome, Role, Roles, Via};
use shared::domain::game::Actor;
use shared::domain::notification::{Audience, Payload};
use shared::ids::{AdminSessionId, GameId, UserId};
use shared::secret::Secret;
use sqlx::PgConnection;
use uuid::Uuid;

use super::change::Change;
use crate::refusal::{ErrorCode, Problem};

/// The user on whose behalf the gateway calls, as read from the database for this very request.
#[derive(Debug, Clone)]
pub struct User {
    /// The id of their account.
    pub id: UserId,
    /// The kinds of the sanctions in force.
    pub sanctions: Vec<SanctionKind>,
}

/// The administrator who calls.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The account's name.
    pub name: String,
    /// What they may do: a token's roles, or the account's.
    pub roles: Roles,
    /// How they came in.
    pub via: Via,
    /// Their session, where they came in by one.
    pub session: Option<AdminSessionId>,
    /// Whether the account has a second factor.
    pub has_factor: bool,
    /// Whether a factor was given in this session within the last ten minutes.
    pub confirmed: bool,
    /// What their password was compared with, where they came in by HTTP Basic.
    pub password_hash: Option<Secret>,
}

impl Admin {
    /// Refuses whoever has not given a code within the last ten minutes, where there is a factor to give it by, and whoever is no
    /// person.
    ///
    /// # Errors
    /// `person_required`, `confirmation_required`.
    pub fn confirmed(&self) -> Result<(), Problem> {
        if self.via == Via::Token {
            return Err(Problem::new(
                ErrorCode::PersonRequired,
                "A program's token may not do this: sign in as a person.",
            ));
        }
        if self.has_factor && !self.confirmed {
            return Err(Problem::new(
                ErrorCode::ConfirmationRequired,
                "This wants a code of the second factor within the last ten minutes: POST /api/v1/admin/auth/confirm.",
            ));
        }
        Ok(())
    }

    /// Whether they see no e-mail addresses: a viewer, and nothing else.
    pub fn sees_no_addresses(&self) -> bool {
        self.roles == Roles::of(&[Role::Viewer])
    }
}

/// What identifies a request, in answers, logs, traces and the rows that the request writes.
#[derive(Debug, Clone)]
pub struct Context {
    /// `X-Request-ID`, as given or made.
    pub request_id: String,
    /// W3C `traceparent` of the request's span; rows that the request causes carry it on.
    pub traceparent: Option<String>,
    /// The client's address: the last hop of `X-Forwarded-For` that is no trusted proxy, else the peer of the socket.
    pub ip: IpAddr,
    /// Whether nobody between the client and us can read what is sent: by TLS, as this process or a trusted proxy saw it, or because
    /// it comes from this very machine, or from one whose own loopback leads here.
    pub secure: bool,
    /// Why an administrator does it, as they say: the trail keeps it.
    pub reason: Option<String>,
    /// What it is a part of, by an id of the administrator's own: the trail keeps it, too.
    pub operation_id: Option<Uuid>,
}

/// Who calls, and the request that they call with.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    who: Who<'a>,
    /// The request that they call with.
    pub context: &'a Context,
}

#[derive(Clone, Copy)]
enum Who<'a> {
    User(&'a User),
    Admin(&'a Admin),
}

impl<'a> Caller<'a> {
    /// A user, through the gateway.
    pub fn user(user: &'a User, context: &'a Context) -> Self {
        Self { who: Who::User(user), context }
    }

    /// An administrator, however they came in.
    pub fn admin(admin: &'a Admin, context: &'a Context) -> Self {
        Self { who: Who::Admin(admin), context }
    }

    /// The administrator; `None` for a user.
    pub fn as_admin(&self) -> Option<&'a Admin> {
        match self.who {
            Who::User(_) => None,
            Who::Admin(admin) => Some(admin),
        }
    }

    /// The user's id; `None` for an administrator.
    pub fn user_id(&self) -> Option<UserId> {
        match self.who {
            Who::User(user) => Some(user.id),
            Who::Admin(_) => None,
        }
    }

    /// The name that records of this request carry: an administrator's name, or a user's id as text.
    pub fn name(&self) -> String {
        match self.who {
            Who::User(user) => user.id.to_string(),
            Who::Admin(admin) => admin.name.clone(),
        }
    }

    /// The owner under whom this caller's idempotency keys are stored. Two owners may use the same key.
    pub fn idempotency_owner(&self) -> String {
        match self.who {
            Who::User(user) => user.id.to_string(),
            Who::Admin(admin) => format!("admin:{}", admin.name),
        }
    }

    /// The part that the caller has in a game, which decides what they may do to it.
    pub fn actor(&self, game: &LockedGame) -> Actor {
        match self.who {
            Who::Admin(_) => Actor::Administrator,
            Who::User(user) if game.owner_user_id == Some(user.id) => Actor::Owner,
            Who::User(_) => Actor::Other,
        }
    }

    /// Refuses a user who is under a sanction of this kind. Administrators are never refused.
    ///
    /// # Errors
    /// `sanctioned`.
    pub fn not_sanctioned(&self, kind: SanctionKind) -> Result<(), Problem> {
        match self.who {
            Who::User(user) if user.sanctions.contains(&kind) => {
                Err(Problem::new(ErrorCode::Sanctioned, format!("A sanction ({kind}) forbids this.")))
            }
            _ => Ok(()),
        }
    }

    /// Writes an entry of the audit log, in the transaction of the change, if the caller is an administrator. What users do
    /// is not written there. Why it was done, and what it is a part of, comes from the request ([`Context`]).
    pub async fn audit(
        &self,
        conn: &mut PgConnection,
        action: &str,
        target_type: &str,
        target_id: &str,
        change: impl Into<Change>,
    ) -> Result<(), Problem> {
        let Who::Admin(admin) = self.who else { return Ok(()) };
        let Change { detail, before, after } = change.into();
        let entry = NewEntry {
            actor: &admin.name,
            action,
            target_type,
            target_id,
            detail,
            request_id: &self.context.request_id,
            ip: &self.context.ip.to_string(),
            outcome: Outcome::Done,
            via: admin.via,
            session_id: admin.session,
            reason: self.context.reason.as_deref(),
            before,
            after,
            operation_id: self.context.operation_id,
        };
        Ok(db::audit_log::insert(conn, &entry).await?)
    }

    /// Writes a notification that this request causes. Wake `Topic::Notifications` after the commit.
    pub async fn notify(
        &self,
        conn: &mut PgConnection,
        payload: Payload,
        key: String,
        audience: Audience,
        game_id: GameId,
    ) -> Result<(), Problem> {
        db::notifications::produce(conn, self.notification(payload, key, audience, game_id)).await?;
        Ok(())
    }

    /// As [`Self::notify`], but no mail goes out. `why` says why not, and is stored with the
    /// notification.
    pub async fn notify_unmailed(
        &self,
        conn: &mut PgConnection,
        payload: Payload,
        key: String,
        audience: Audience,
        game_id: GameId,
        why: &str,
    ) -> Result<(), Problem> {
        let new = self.notification(payload, key, audience, game_id);
        db::notifications::produce_unmailed(conn, new, why).await?;
        Ok(())
    }

    fn notification(&self, payload: Payload, key: String, audience: Audience, game_id: GameId) -> NewNotification {
        NewNotification {
            payload,
            idempotency_key: key,
            audience,
            game_id: Some(game_id),
            request_id: Some(self.context.request_id.clone()),
            traceparent: self.context.traceparent.clone(),
        }
    }
}
