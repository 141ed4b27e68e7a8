//! The codes that the frame around an operation answers, by the operation's group. This is the one list of them: the
//! document adds them to each operation ([`crate::http::document`]), an operation may answer them too, and its own list
//! ([`crate::codes!`]) may not name them.

use crate::http::request::guard::Group;
use crate::refusal::ErrorCode;

/// What can be answered before, instead of, or in the middle of every operation. A path, a query and a body that nobody
/// wants can be malformed in any case.
const EVERYWHERE: &[ErrorCode] = &[
    ErrorCode::InvalidRequest,
    ErrorCode::PayloadTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
    ErrorCode::Timeout,
];

/// What is answered in one group beside that. Of administrators' operations only those that write answer `cross_site`, and only
/// those that ask for something that which says that it is missing ([`crate::http::request::rights`]).
const fn special(group: Group) -> &'static [ErrorCode] {
    match group {
        Group::Public => &[ErrorCode::RateLimited],
        Group::User => &[ErrorCode::CredentialsRequired, ErrorCode::UserUnknown],
        Group::Internal => &[ErrorCode::CredentialsRequired],
        Group::Admin => &[
            ErrorCode::AdminCredentialsRequired,
            ErrorCode::AdminSessionRequired,
            ErrorCode::RateLimited,
            ErrorCode::CrossSite,
            ErrorCode::RoleRequired,
            ErrorCode::SecondFactorRequired,
            ErrorCode::PersonRequired,
            ErrorCode::ConfirmationRequired,
        ],
        Group::AdminDoor => &[ErrorCode::RateLimited, ErrorCode::CrossSite],
        Group::Open => &[],
    }
}

/// All that the frame answers in a group.
pub fn codes(group: Group) -> impl Iterator<Item = ErrorCode> {
    EVERYWHERE.iter().chain(special(group)).copied()
}

/// Whether the frame answers this in a group.
pub const fn answers(group: Group, code: ErrorCode) -> bool {
    has(EVERYWHERE, code) || has(special(group), code)
}

/// Whether the frame answers this in any group.
pub fn answers_somewhere(code: ErrorCode) -> bool {
    Group::ALL.iter().any(|group| answers(*group, code))
}

/// Whether a code stands twice in a list. [`crate::codes!`] asks at compile time, so this is made of what a constant can do.
pub const fn repeats(codes: &[ErrorCode]) -> bool {
    match codes {
        [] => false,
        [first, rest @ ..] => has(rest, *first) || repeats(rest),
    }
}

/// Whether a list names a code that the frame answers in the group anyway. For [`crate::codes!`], as [`repeats`].
pub const fn names_any(group: Group, codes: &[ErrorCode]) -> bool {
    match codes {
        [] => false,
        [first, rest @ ..] => answers(group, *first) || names_any(group, rest),
    }
}

/// By their numbers: a constant cannot call `==` of an enum.
const fn has(codes: &[ErrorCode], wanted: ErrorCode) -> bool {
    match codes {
        [] => false,
        [first, rest @ ..] => *first as usize == wanted as usize || has(rest, wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_repeat_is_found() {
        use ErrorCode::{GameNotFound, NotAMember, QueueNotFound};
        assert!(!repeats(&[]));
        assert!(!repeats(&[GameNotFound]));
        assert!(!repeats(&[GameNotFound, NotAMember, QueueNotFound]));
        for planted in [
            &[GameNotFound, GameNotFound][..],
            &[GameNotFound, NotAMember, GameNotFound],
            &[QueueNotFound, GameNotFound, NotAMember, NotAMember],
        ] {
            assert!(repeats(planted), "{planted:?}");
        }
    }

    #[test]
    fn a_planted_code_of_the_frame_is_found_in_its_group_alone() {
        let named = |group, code| names_any(group, &[ErrorCode::GameNotFound, code]);
        for (group, planted, own) in [
            (Group::Public, ErrorCode::RateLimited, ErrorCode::CredentialsRequired),
            (Group::User, ErrorCode::UserUnknown, ErrorCode::RateLimited),
            (Group::Internal, ErrorCode::CredentialsRequired, ErrorCode::UserUnknown),
            (Group::Admin, ErrorCode::AdminCredentialsRequired, ErrorCode::UserUnknown),
        ] {
            assert!(named(group, planted), "{group:?}: {planted:?}");
            assert!(named(group, ErrorCode::Internal), "{group:?}");
            assert!(!named(group, own), "{group:?}: {own:?}");
            assert!(!names_any(group, &[]), "{group:?}");
        }
    }

    #[test]
    fn the_frame_says_nothing_twice() {
        for group in Group::ALL {
            assert!(!repeats(&codes(*group).collect::<Vec<_>>()), "{group:?}");
            assert!(codes(*group).all(|code| answers(*group, code) && answers_somewhere(code)), "{group:?}");
        }
    }
}
