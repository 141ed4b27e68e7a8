//! The lobby.

pub mod engine_versions;
pub mod games;
pub mod invites;
pub mod my;
pub mod race_names;

/// The lobby's operations.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (games::list::Operation, games::create::Operation, games::get::Operation, games::patch::Operation),
        (
            games::open_enrollment::Operation,
            games::ready_to_start::Operation,
            games::start::Operation,
            games::retry_start::Operation,
            games::pause::Operation,
            games::resume::Operation,
            games::cancel::Operation,
            games::end::Operation,
            games::leave::Operation,
        ),
        (
            games::applications::list::Operation,
            games::applications::create::Operation,
            games::applications::get::Operation,
            games::applications::approve::Operation,
            games::applications::reject::Operation,
            games::applications::withdraw::Operation,
        ),
        (
            games::invites::list::Operation,
            games::invites::create::Operation,
            games::invites::get::Operation,
            games::invites::redeem::Operation,
            games::invites::decline::Operation,
            games::invites::revoke::Operation,
            invites::redeem::Operation,
        ),
        (
            games::memberships::list::Operation,
            games::memberships::get::Operation,
            games::memberships::remove::Operation,
            games::memberships::block::Operation,
        ),
        (my::games::Operation, my::applications::Operation, my::invites::Operation, my::race_names::Operation),
        (race_names::register::Operation, engine_versions::Operation),
    )
}
