//! Games: administrators do for public ones what owners do for private ones.

pub mod applications;
pub mod cancel;
pub mod create;
pub mod end;
pub mod export;
pub mod force_start;
pub mod force_stop;
pub mod get;
pub mod list;
pub mod members;
pub mod memberships;
pub mod notes;
pub mod open_enrollment;
pub mod patch;
pub mod pause;
pub mod pause_many;
pub mod ready_to_start;
pub mod resume;
pub mod resume_many;
pub mod retry_start;
pub mod start;
pub mod timeline;

/// The operations on games.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (list::Operation, export::Operation, create::Operation, get::Operation, patch::Operation),
        (
            open_enrollment::Operation,
            ready_to_start::Operation,
            start::Operation,
            retry_start::Operation,
            pause::Operation,
            pause_many::Operation,
            resume::Operation,
            resume_many::Operation,
            cancel::Operation,
            end::Operation,
            force_start::Operation,
            force_stop::Operation,
        ),
        (
            applications::list::Operation,
            applications::get::Operation,
            applications::approve::Operation,
            applications::reject::Operation,
        ),
        (
            memberships::list::Operation,
            memberships::get::Operation,
            memberships::remove::Operation,
            memberships::block::Operation,
            members::ban::Operation,
        ),
        (notes::list::Operation, notes::create::Operation, notes::get::Operation, timeline::Operation),
    )
}
