//! How administrators come in, and what they may do there (SPEC §4 "Administrators").

use super::word::words;

words! {
    /// What an administrator looks after. An account has one role or more.
    Role, "role" {
        /// Reads everything, with e-mail addresses masked.
        Viewer = "viewer",
        /// People, mail and notes.
        Support = "support",
        /// Games and their runtimes.
        GameMaster = "game_master",
        /// Queues, mail, notifications, engine versions.
        Operator = "operator",
        /// Everything, administrators too.
        Owner = "owner",
    }

    /// How an administrator came in.
    Via, "way in" {
        /// By the cookie of a session.
        Session = "session",
        /// By a program's token.
        Token = "token",
        /// By name and password with each request.
        Basic = "basic",
    }

    /// What became of what somebody tried.
    Outcome, "outcome" {
        /// It was done.
        Done = "done",
        /// They might not.
        Refused = "refused",
    }

    /// Why a session ended before its time.
    EndReason, "reason for a session's end" {
        /// Its owner signed out.
        SignedOut = "signed_out",
        /// Its owner ended it from another one.
        Ended = "ended",
        /// The account has another password.
        PasswordChanged = "password_changed",
        /// The account has other roles.
        RolesChanged = "roles_changed",
        /// The account has another second factor, or none any more.
        FactorChanged = "factor_changed",
        /// The account was disabled.
        Disabled = "disabled",
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// These roles.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        match roles {
            [] => Self(0),
            [first, rest @ ..] => Self((1 << (*first as u8)) | Self::of(rest).0),
        }
    }

    /// As a column holds them. A word that this build does not know gives nothing.
    #[must_use]
    pub fn read(words: &[String]) -> Self {
        let known: Vec<Role> = words.iter().filter_map(|word| word.parse().ok()).collect();
        Self::of(&known)
    }

    /// Whether it is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a role is one of them.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & Self::of(&[role]).0 != 0
    }

    /// Whether one of them is one of `others`.
    #[must_use]
    pub const fn meet(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Those of them that somebody with the roles `whose` may hand on: an owner each.
    #[must_use]
    pub const fn within(self, whose: Self) -> Self {
        if whose.has(Role::Owner) { self } else { Self(self.0 & whose.0) }
    }

    /// Whether one of them may do more than read.
    #[must_use]
    pub const fn may_write(self) -> bool {
        self.0 & !Self::of(&[Role::Viewer]).0 != 0
    }

    /// Each of them, in the order of their declaration.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }

    /// Their words, as a column holds them.
    #[must_use]
    pub fn texts(self) -> Vec<String> {
        self.iter().map(|role| role.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in_and_reads_its_own_words() {
        for (n, role) in Role::ALL.iter().enumerate() {
            let one = Roles::of(&[*role]);
            assert!(Role::ALL.iter().enumerate().all(|(other, role)| one.has(*role) == (other == n)));
            assert_eq!(Roles::read(&one.texts()), one);
            assert_eq!(one.may_write(), *role != Role::Viewer);
        }
        let two = Roles::of(&[Role::Support, Role::Viewer]);
        assert_eq!(two.texts(), ["viewer", "support"]);
        assert!(Roles::read(&["emperor".to_owned()]).is_empty());
    }

    #[test]
    fn an_owner_hands_on_any_role_and_others_their_own() {
        let wanted = Roles::of(&[Role::Viewer, Role::Operator]);
        assert_eq!(wanted.within(Roles::of(&[Role::Owner])), wanted);
        assert_eq!(wanted.within(Roles::of(&[Role::Operator])), Roles::of(&[Role::Operator]));
        assert!(wanted.within(Roles::of(&[Role::Support])).is_empty());
        assert!(wanted.meet(Roles::of(&[Role::Operator])) && !wanted.meet(Roles::of(&[Role::Owner])));
    }
}
