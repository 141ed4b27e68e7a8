//! What is written down of the platform each minute, for charts (SPEC §5 admin).

use super::word::words;

words! {
    /// A figure that is written down each minute. Rows are counted to 10 000.
    StatSeries, "series of figures" {
        /// Games that are paused.
        GamesPaused = "games_paused",
        /// Games that run.
        GamesRunning = "games_running",
        /// Runtime jobs that failed for good.
        JobsDead = "jobs_dead",
        /// Runtime jobs that wait, due or not.
        JobsWaiting = "jobs_waiting",
        /// Dead letters among the mails.
        MailsDead = "mails_dead",
        /// Mails sent in the minute.
        MailsSent = "mails_sent",
        /// Mails that wait, due or not.
        MailsWaiting = "mails_waiting",
        /// Notifications that could not be expanded.
        NotificationsDead = "notifications_dead",
        /// Notifications that wait for their expansion.
        NotificationsWaiting = "notifications_waiting",
        /// The number of the push log's newest event. What it grows by is how many events there were; it begins anew with each epoch.
        PushSequence = "push_sequence",
        /// Routes that could not be dispatched.
        RoutesDead = "routes_dead",
        /// Routes delivered in the minute.
        RoutesDelivered = "routes_delivered",
        /// Routes that wait, due or not.
        RoutesWaiting = "routes_waiting",
        /// Turns generated in the minute.
        TurnsGenerated = "turns_generated",
        /// Turns that were due more than a minute ago.
        TurnsLate = "turns_late",
    }
}
