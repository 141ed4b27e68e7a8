//! What administrators do: each operation asks for a role (`http/request/rights.rs`), and every write leaves a line in the trail.

pub mod admin_accounts;
pub mod audit_log;
pub mod auth;
pub mod engine_versions;
pub mod games;
pub mod mail;
pub mod notifications;
pub mod overview;
pub mod push;
pub mod queues;
pub mod runtimes;
pub mod search;
pub mod stats;
pub mod users;
pub mod workers;

/// The operations of this group.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (
            admin_accounts::list::Operation,
            admin_accounts::create::Operation,
            admin_accounts::get::Operation,
            admin_accounts::enable::Operation,
            admin_accounts::disable::Operation,
            admin_accounts::reset_password::Operation,
            admin_accounts::patch::Operation,
            admin_accounts::reset_second_factor::Operation,
        ),
        auth::operations(),
        users::operations(),
        games::operations(),
        (
            runtimes::list::Operation,
            runtimes::export::Operation,
            runtimes::get::Operation,
            runtimes::log::Operation,
            runtimes::restart::Operation,
            runtimes::restart_many::Operation,
            runtimes::patch_many::Operation,
            runtimes::patch::Operation,
            runtimes::force_next_turn::Operation,
            runtimes::accept_turn::Operation,
            runtimes::release::Operation,
            runtimes::cancel_job::Operation,
            runtimes::reconcile::Operation,
        ),
        (
            engine_versions::list::Operation,
            engine_versions::create::Operation,
            engine_versions::get::Operation,
            engine_versions::patch::Operation,
            engine_versions::disable::Operation,
        ),
        (
            mail::deliveries::list::Operation,
            mail::deliveries::export::Operation,
            mail::deliveries::get::Operation,
            mail::deliveries::attempts::Operation,
            mail::deliveries::content::Operation,
            mail::deliveries::resend::Operation,
            mail::deliveries::resend_many::Operation,
            mail::dead_letters::list::Operation,
            mail::dead_letters::export::Operation,
            mail::dead_letters::dismiss::Operation,
            mail::dead_letters::dismiss_many::Operation,
        ),
        (
            notifications::list::Operation,
            notifications::export::Operation,
            notifications::get::Operation,
            notifications::dead_letters::list::Operation,
            notifications::dead_letters::export::Operation,
            notifications::dead_letters::redrive::Operation,
            notifications::dead_letters::redrive_many::Operation,
            notifications::dead_letters::dismiss::Operation,
            notifications::dead_letters::dismiss_many::Operation,
        ),
        (
            queues::list::Operation,
            queues::pause::Operation,
            queues::resume::Operation,
            workers::list::Operation,
            overview::get::Operation,
            stats::get::Operation,
            search::find::Operation,
            push::subscribers::list::Operation,
            audit_log::list::Operation,
            audit_log::export::Operation,
        ),
    )
}
