use galaxy_model::queue::{Faults, Guards, Queue, must};

use super::{breaks, holds};

const NONE: Faults =
    Faults { kills: 0, stops: 0, cuts: 0, outages: 0, lost_answers: 0, hangs: 0, failures: 0, redrives: 0 };

fn with(faults: Faults) -> Queue {
    Queue { faults, ..Queue::calm() }
}

fn without(queue: Queue, take_out: impl Fn(&mut Guards)) -> Queue {
    let mut guards = Guards::ALL;
    take_out(&mut guards);
    Queue { guards, ..queue }
}

fn stopped_and_killed() -> Queue {
    with(Faults { kills: 1, stops: 1, ..NONE })
}

fn poisoned() -> Queue {
    Queue { workers: 1, poison: Some(0), ..Queue::calm() }
}

fn late() -> Queue {
    Queue { rows: 3, late_commits: true, ..with(Faults { failures: 1, ..NONE }) }
}

#[test]
fn it_holds_where_workers_are_killed_stopped_and_cut_off() {
    holds(stopped_and_killed(), 100_000);
    holds(with(Faults { cuts: 1, failures: 1, ..NONE }), 45_000);
    holds(with(Faults { cuts: 1, stops: 1, ..NONE }), 100_000);
    holds(with(Faults { kills: 2, ..NONE }), 5_000);
}

#[test]
fn it_holds_where_answers_are_lost() {
    holds(with(Faults { lost_answers: 2, failures: 1, ..NONE }), 2_000);
    holds(Queue { workers: 1, ..with(Faults { lost_answers: 1, kills: 2, ..NONE }) }, 2_000);
}

#[test]
fn it_holds_where_attempts_hang_and_fail() {
    holds(with(Faults { hangs: 1, failures: 2, ..NONE }), 4_000);
    holds(with(Faults { hangs: 1, stops: 1, ..NONE }), 120_000);
}

#[test]
fn it_holds_where_people_set_rows_going_again() {
    holds(with(Faults { redrives: 1, failures: 2, ..NONE }), 1_000);
    holds(with(Faults { redrives: 1, stops: 1, ..NONE }), 35_000);
}

#[test]
fn it_holds_in_an_outage() {
    holds(with(Faults { outages: 2, ..NONE }), 12_000);
}

#[test]
fn it_holds_where_a_row_kills_its_worker() {
    holds(poisoned(), 150);
    holds(Queue { workers: 2, ..poisoned() }, 2_500);
}

#[test]
fn it_holds_where_rows_are_committed_late() {
    holds(late(), 9_000);
}

#[test]
fn without_the_claims_lock_two_workers_have_a_row() {
    let found = || without(Queue::calm(), |guards| guards.claim_locks = false);
    breaks(found(), must::ONE_HOLDER);
    breaks(found(), must::EFFECT_BY_THE_HOLDER);
}

#[test]
fn without_the_token_a_late_finish_lands_on_another_attempt() {
    breaks(without(stopped_and_killed(), |guards| guards.finish_by_token = false), must::RECORDED_BY_THE_HOLDER);
}

#[test]
fn without_the_token_a_step_in_mid_work_is_recorded_late() {
    breaks(without(stopped_and_killed(), |guards| guards.hold_by_token = false), must::RECORDED_BY_THE_HOLDER);
}

#[test]
fn a_rescue_that_does_not_raise_the_token_lets_the_former_holder_write() {
    breaks(without(stopped_and_killed(), |guards| guards.rescue_raises = false), must::RECORDED_BY_THE_HOLDER);
}

#[test]
fn a_finish_that_does_not_raise_the_token_is_applied_twice() {
    let found =
        || without(with(Faults { lost_answers: 1, failures: 1, ..NONE }), |guards| guards.finish_raises = false);
    breaks(found(), must::RECORDED_ONCE);
    breaks(found(), must::FAILURES_ARE_ITS_OWN);
}

#[test]
fn without_the_lease_a_stopped_worker_comes_back_with_an_effect() {
    breaks(without(stopped_and_killed(), |guards| guards.lease_before_effect = false), must::EFFECT_BY_THE_HOLDER);
}

#[test]
fn without_the_margin_a_worker_that_is_cut_off_has_an_effect_beside_the_next() {
    let found = || without(with(Faults { cuts: 1, ..NONE }), |guards| guards.margin = false);
    breaks(found(), must::EFFECT_BY_THE_HOLDER);
    breaks(found(), must::ONE_HOLDER);
}

#[test]
fn who_judges_at_once_after_an_outage_calls_the_living_dead() {
    let found = || without(with(Faults { outages: 1, ..NONE }), |guards| guards.judges_late = false);
    breaks(found(), must::SUSPECT_FOR_CAUSE);
}

#[test]
fn a_suspect_beside_others_is_blamed_for_their_deaths() {
    breaks(without(poisoned(), |guards| guards.suspects_alone = false), must::STRIKES_ARE_ITS_OWN);
}

#[test]
fn a_row_that_is_not_given_back_after_a_lost_answer_fails_unworked() {
    let queue = with(Faults { lost_answers: 1, ..NONE });
    breaks(without(queue, |guards| guards.reclaim = false), must::FAILURES_ARE_ITS_OWN);
}

#[test]
fn a_row_of_which_a_former_attempt_is_known_is_not_given_back_without_its_token() {
    let queue = with(Faults { lost_answers: 2, failures: 1, ..NONE });
    breaks(without(queue, |guards| guards.reclaim_by_token = false), must::FAILURES_ARE_ITS_OWN);
}

#[test]
fn a_suspect_that_is_not_given_back_before_the_next_is_blamed_for_its_death() {
    let queue = Queue { workers: 1, ..with(Faults { lost_answers: 1, kills: 2, ..NONE }) };
    breaks(without(queue, |guards| guards.reclaim_before_suspects = false), must::STRIKES_ARE_ITS_OWN);
}

#[test]
fn without_the_sweep_a_row_below_the_watermark_waits_for_ever() {
    breaks(without(late(), |guards| guards.sweep = false), must::ENDS);
}

#[test]
fn without_the_rescue_a_row_of_the_dead_is_lost() {
    breaks(without(with(Faults { kills: 1, ..NONE }), |guards| guards.rescue = false), must::ENDS);
}
