//! Runtimes (SPEC §8): the record of a game's engine, the jobs on it, its turn timer, what was done, and the kept reports.
//!
//! Lock order everywhere: the game's row first, then its record, timer and jobs. A job is enqueued under the game's row
//! lock, in the transaction that changes the game.

mod jobs;
mod operations;
mod records;
mod reports;
mod timers;
mod turns;

pub use jobs::{
    Job, JobWork, NewJob, enqueue_if_idle, enqueue_job, enqueue_stop, job_note, job_progress, job_step, job_work,
    latest_jobs,
};
pub use operations::{Operation, delete_old_operations, operations, record_operation};
pub use records::{
    EngineFacts, Prepared, RuntimeRecord, engine_facts, engine_replaced, games_to_watch, hold_engine, is_generating,
    prepare_record, record, record_container, record_containerless, record_endpoint, record_health, records,
    records_by_status, renew_token, set_extinct_races, set_record_image, set_record_status, target, turn_advanced,
};
pub use reports::{keep_report, kept_report, kept_turns};
pub use timers::{WaitingTimer, mend_timer, waiting_timers};
pub use turns::{
    Begun, Forced, TurnWork, begin_generation, force_turn, generation_broken_off, next_turn_at, park_turn,
    resume_turns, start_turns, turn_settled, turn_work,
};
