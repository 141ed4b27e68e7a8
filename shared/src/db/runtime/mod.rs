//! Runtimes (SPEC §8): the record of a game's engine, the jobs on it, its turn timer, what was done, and the kept reports.
//!
//! Lock order everywhere: the game's row first, then its record, timer and jobs. A job is enqueued under the game's row
//! lock, in the transaction that changes the game.

pub mod amends;
mod images;
mod jobs;
mod many;
mod operations;
pub mod questions;
mod records;
mod reports;
pub mod seen;
mod timers;
mod turns;

pub use images::{GameOnDisk, PinnedImage, games_on_disk, set_record_image};
pub use jobs::{
    Job, JobWork, NewJob, enqueue_if_idle, enqueue_job, enqueue_stop, has_active_job, job_note, job_progress, job_step,
    job_work, latest_jobs, mend_jobs,
};
pub use many::{RuntimeFilter, replaceable};
pub use operations::{Operation, count_operation, delete_old_operations, operations, record_operation, record_turn};
pub use records::{
    EngineFacts, Prepared, RuntimeRecord, engine_facts, engine_replaced, hold_engine, is_generating, prepare_record,
    record, record_container, record_containerless, record_endpoint, record_health, records, renew_token,
    set_extinct_races, set_record_status, target, turn_advanced,
};
pub use reports::{keep_report, kept_report, kept_size, kept_turns};
pub use timers::{WaitingTimer, mend_timer, waiting_timers};
pub use turns::{
    Begun, Forced, TurnWork, begin_generation, force_turn, generation_broken_off, next_turn_at, park_turn,
    resume_turns, start_turns, turn_settled, turn_work,
};
