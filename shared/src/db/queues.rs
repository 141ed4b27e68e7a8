//! The queues (SPEC §10): each one's table and words, the same for the worker that works it and for the administrator who
//! looks at it; and the switch of each, in `queues`.

use sqlx::PgConnection;

use crate::domain::delivery::DeliveryStatus;
use crate::domain::notification::{BROADCAST_PRIORITY, NotificationStatus, RouteStatus};
use crate::domain::runtime::{JobStatus, TurnStatus};
use crate::mail::Priority;
use crate::postgres::Error;
use crate::queue::{QueueSpec, Topic};

/// The outbox: worked by mail-worker.
pub static MAIL: QueueSpec = QueueSpec {
    name: "mail",
    table: "mail_deliveries",
    key: "delivery_id",
    active: DeliveryStatus::Sending.as_str(),
    dead: DeliveryStatus::DeadLettered.as_str(),
    priorities: Priority::COUNT,
    filter: "",
    removable: "",
    topic: Topic::Mail,
};

/// Notifications on their way to become routes: worked by notify-worker.
///
/// Only the head of each game's order is claimed: numbers follow the producers' commits, so whoever sees a number sees
/// all smaller ones. Routes go first when both are old enough to be removed; their notification follows once it has none.
pub static NOTIFICATIONS: QueueSpec = QueueSpec {
    name: "notifications",
    table: "notifications",
    key: "notification_id",
    active: NotificationStatus::Expanding.as_str(),
    dead: NotificationStatus::DeadLettered.as_str(),
    priorities: BROADCAST_PRIORITY + 1,
    // Not NOT EXISTS: the planner makes an anti-join of that, which reads the whole backlog. In a CASE, since it takes that
    // for likely to be true and so goes on reading the due rows in their order until it has enough.
    filter: "CASE WHEN q.game_seq IS NULL THEN true ELSE q.game_seq = (
               SELECT min(e.game_seq) FROM notifications e WHERE e.game_id = q.game_id
               AND e.status IN ('pending', 'retrying', 'expanding') AND e.game_seq IS NOT NULL) END",
    removable: "NOT EXISTS (SELECT FROM notification_routes r WHERE r.notification_id = q.notification_id)",
    topic: Topic::Notifications,
};

/// Routes on their way to the hub or to the outbox: worked by notify-worker.
///
/// Only the earliest undecided push of a user and game is claimed; expansion has seen to it that whoever has a number has
/// all smaller ones beside them. Pushes are left alone while the hub is away, mails are not.
pub static ROUTES: QueueSpec = QueueSpec {
    name: "notification_routes",
    table: "notification_routes",
    key: "route_id",
    active: RouteStatus::Dispatching.as_str(),
    dead: RouteStatus::DeadLettered.as_str(),
    priorities: BROADCAST_PRIORITY + 1,
    // A CASE for the reasons given at the filter of `notifications`.
    filter: "CASE WHEN q.channel <> 'push' THEN true WHEN {arg} = 'away' THEN false WHEN q.game_seq IS NULL THEN true ELSE q.game_seq = (
               SELECT min(e.game_seq) FROM notification_routes e WHERE e.user_id = q.user_id AND e.game_id = q.game_id
               AND e.status IN ('pending', 'retrying', 'dispatching') AND e.channel = 'push' AND e.game_seq IS NOT NULL) END",
    removable: "",
    topic: Topic::Routes,
};

/// Runtime jobs: worked by runtime-controller. A controller takes its own daemon's jobs, and those that no daemon has yet.
pub static RUNTIME_JOBS: QueueSpec = QueueSpec {
    name: "runtime_jobs",
    table: "runtime_jobs",
    key: "job_id",
    active: JobStatus::Running.as_str(),
    dead: JobStatus::Failed.as_str(),
    priorities: 1,
    filter: "(q.daemon_id IS NULL OR q.daemon_id = {arg})",
    removable: "",
    topic: Topic::RuntimeJobs,
};

/// Turn timers: worked by runtime-controller. A controller generates the turns of its own daemon's games.
pub static RUNTIME_TURNS: QueueSpec = QueueSpec {
    name: "runtime_turns",
    table: "runtime_turns",
    key: "game_id",
    active: TurnStatus::Generating.as_str(),
    dead: TurnStatus::Failed.as_str(),
    priorities: 1,
    filter: "q.daemon_id = {arg}",
    removable: "",
    topic: Topic::Turns,
};

/// Every queue, in descending order of its name.
pub static ALL: [&QueueSpec; 5] = [&RUNTIME_TURNS, &RUNTIME_JOBS, &NOTIFICATIONS, &ROUTES, &MAIL];

/// Pauses a queue, or lets it go on; whether it was otherwise before. A claim asks for it each time, so the next claim
/// obeys; whoever sleeps is woken by [`Topic::Control`] after the commit.
pub async fn pause(conn: &mut PgConnection, spec: &QueueSpec, paused: bool) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE queues SET paused = $2, updated_at = clock_timestamp() WHERE name = $1 AND paused <> $2",
        spec.name,
        paused
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_in_the_order_that_pages_are_cut_by() {
        assert!(ALL.windows(2).all(|two| two.first().map(|s| s.name) > two.last().map(|s| s.name)));
    }
}
