//! The sets of words that fields and parameters of the document have one of. `examples.json` says which has which, by these names.

use std::collections::BTreeMap;

use shared::db::queues;
use shared::domain::account::{SanctionKind, SessionStatus};
use shared::domain::admin_access::{EndReason, Outcome, Via};
use shared::domain::delivery::{AttemptOutcome, DeliveryStatus, RecipientStatus};
use shared::domain::game::{GameStatus, PauseReason, Visibility};
use shared::domain::lobby::{ApplicationStatus, InviteStatus, MembershipStatus, RaceNameStatus};
use shared::domain::notification::{AudienceKind, Channel, NotificationStatus, RouteStatus};
use shared::domain::plan::Plan;
use shared::domain::runtime::{Health, JobStatus, RuntimeStatus};
use shared::domain::search::{HitKind, HitMatch};
use shared::domain::stats::StatSeries;
use shared::domain::timeline::TimelineSource;
use shared::domain::word::Word;

fn all<W: Word>() -> (&'static str, Vec<&'static str>) {
    (W::NAME, W::texts())
}

fn some<W: Word>(name: &'static str, words: &[W]) -> (&'static str, Vec<&'static str>) {
    (name, words.iter().map(|word| (*word).into()).collect())
}

/// By name: a closed set of the domain, or a part of one.
pub(super) fn sets() -> BTreeMap<&'static str, Vec<&'static str>> {
    let notifications = [&queues::NOTIFICATIONS, &queues::ROUTES].map(|queue| queue.name);
    let every_queue =
        [&queues::MAIL, &queues::NOTIFICATIONS, &queues::ROUTES, &queues::RUNTIME_JOBS, &queues::RUNTIME_TURNS];
    BTreeMap::from([
        all::<ApplicationStatus>(),
        all::<AttemptOutcome>(),
        all::<AudienceKind>(),
        all::<Channel>(),
        all::<DeliveryStatus>(),
        all::<EndReason>(),
        all::<GameStatus>(),
        all::<Health>(),
        all::<HitKind>(),
        all::<HitMatch>(),
        all::<InviteStatus>(),
        all::<JobStatus>(),
        all::<MembershipStatus>(),
        all::<NotificationStatus>(),
        all::<Outcome>(),
        all::<Plan>(),
        all::<RaceNameStatus>(),
        all::<RecipientStatus>(),
        all::<RouteStatus>(),
        all::<RuntimeStatus>(),
        all::<SanctionKind>(),
        all::<SessionStatus>(),
        all::<StatSeries>(),
        all::<TimelineSource>(),
        all::<Via>(),
        all::<Visibility>(),
        some("DeliveryStatus::RESENDABLE", DeliveryStatus::RESENDABLE),
        some("RouteStatus::DEAD", RouteStatus::DEAD),
        some("PauseReason::RESUMABLE", PauseReason::RESUMABLE),
        ("queues of notifications", notifications.to_vec()),
        ("queues", every_queue.map(|queue| queue.name).to_vec()),
    ])
}
