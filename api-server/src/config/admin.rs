//! How administrators come in (SPEC §4 "Administrators").

use std::time::Duration;

use shared::config::credentials::long_enough;
use shared::config::{Group, Reader, parse};

use crate::seal::Sealer;

/// Sessions, second factors, and the way in by name and password with each request.
#[derive(Debug)]
pub struct AdminConfig {
    /// How long a session stands unused.
    pub session_idle: Duration,
    /// How long a session lasts however much it is used.
    pub session_max: Duration,
    /// Whether HTTP Basic is taken.
    pub basic: bool,
    /// Whether whoever may write needs a second factor.
    pub require_totp: bool,
    /// Whether what the trail wants a reason for is refused without.
    pub require_reason: bool,
    /// What seals the secrets of second factors; `None`: nobody can have one.
    pub sealer: Option<Sealer>,
}

impl Group for AdminConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Administration");
        let session_idle = r.optional(
            "BACKEND_ADMIN_SESSION_IDLE",
            "30m",
            "How long an administrator's session stands unused; what a page asks for by itself does not count.",
            parse::positive_duration,
        );
        let session_max = r.optional(
            "BACKEND_ADMIN_SESSION_MAX",
            "12h",
            "How long an administrator's session lasts however much it is used.",
            parse::positive_duration,
        );
        let basic = r.optional(
            "BACKEND_ADMIN_BASIC",
            "true",
            "Take an administrator's name and password with each request (HTTP Basic), from accounts without a second factor.",
            parse::bool,
        );
        let require = r.optional(
            "BACKEND_ADMIN_REQUIRE_TOTP",
            "true",
            "Refuse administrators who may write everything but the set-up of their second factor until they have one. \
             Needs BACKEND_SECRETS_KEY; without that nobody can have one, and nobody is asked for it.",
            parse::bool,
        );
        let require_reason = r.optional(
            "BACKEND_ADMIN_REQUIRE_REASON",
            "false",
            "Refuse sanctions, the deletion of users, ends and bans, what is done by force, and what is done to many where no \
             reason is given (`reason` of the request).",
            parse::bool,
        );
        let (name, previous_name) = ("BACKEND_SECRETS_KEY", "BACKEND_SECRETS_KEY_PREVIOUS");
        let current = r.secret(
            name,
            "Seals the secrets of administrators' second factors in the database, 32 bytes or more; the same on every \
             replica. When it is lost every second factor must be reset.",
        );
        let previous = r.secret(
            previous_name,
            "The key before. What was sealed with it is opened as long as this is set, and sealed anew when it is used.",
        );
        for (name, secret) in [(name, &current), (previous_name, &previous)] {
            if let Some(secret) = secret {
                long_enough(r, name, secret);
            }
        }
        if current.is_none() && previous.is_some() {
            r.fault(previous_name, format!("needs {name}"));
        }
        let sealer = current.map(|current| Sealer::new(&current, previous.as_ref()));
        if sealer.is_none() && require {
            r.warn("BACKEND_SECRETS_KEY is not set: no administrator can have a second factor, and none is asked for");
        }
        let require_totp = require && sealer.is_some();
        Self { session_idle, session_max, basic, require_totp, require_reason, sealer }
    }
}
