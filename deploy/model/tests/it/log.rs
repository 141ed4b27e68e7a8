use galaxy_model::log::{Disaster, Guards, Log, must};

use super::{breaks, holds};

fn calm() -> Log {
    Log { writers: 2, replicas: 1, rollbacks: 0, retention: false, disaster: Disaster::None, guards: Guards::ALL }
}

fn raced() -> Log {
    Log { replicas: 2, ..calm() }
}

fn cleaned() -> Log {
    Log { retention: true, ..calm() }
}

fn struck(disaster: Disaster) -> Log {
    Log { disaster, ..calm() }
}

fn without(log: Log, take_out: impl Fn(&mut Guards)) -> Log {
    let mut guards = Guards::ALL;
    take_out(&mut guards);
    Log { guards, ..log }
}

#[test]
fn it_holds_with_late_commits_and_replicas_that_race() {
    holds(Log { writers: 3, ..calm() }, 45_000);
    holds(Log { rollbacks: 1, ..raced() }, 2_400);
}

#[test]
fn it_holds_while_ticks_and_slots_are_cleaned_up() {
    holds(cleaned(), 5_000);
}

#[test]
fn it_holds_after_a_crash() {
    holds(struck(Disaster::Crash), 1_000);
}

#[test]
fn it_holds_after_a_failover() {
    holds(struck(Disaster::Failover), 9_000);
}

#[test]
fn it_holds_after_a_dump_is_restored() {
    holds(struck(Disaster::Dump), 7_000);
}

#[test]
fn it_holds_after_a_restore_that_the_only_replica_lived_through() {
    holds(struck(Disaster::Restore), 10_000);
}

#[test]
fn a_restore_is_not_noticed_where_a_replica_that_saw_less_ticks_on_first() {
    let found = || Log { replicas: 2, ..struck(Disaster::Restore) };
    breaks(found(), must::NUMBER_KEEPS_ITS_EVENT);
    breaks(found(), must::NOTHING_MISSED);
}

#[test]
fn a_tick_that_takes_its_snapshot_after_it_counted_loses_events() {
    let found = || without(Log { writers: 3, ..calm() }, |guards| guards.tick_in_one_statement = false);
    breaks(found(), must::NOTHING_MISSED);
}

#[test]
fn without_the_primary_key_two_ticks_give_the_same_numbers() {
    let found = || without(raced(), |guards| guards.primary_key = false);
    breaks(found(), must::NUMBER_KEEPS_ITS_EVENT);
}

#[test]
fn a_tick_that_forgets_who_was_under_way_loses_events() {
    breaks(without(calm(), |guards| guards.under_way = false), must::GETS_THERE);
}

#[test]
fn ordered_by_transaction_a_later_event_comes_first() {
    breaks(without(calm(), |guards| guards.order_by_ev_id = false), must::IN_ORDER);
}

#[test]
fn a_tick_that_is_not_flushed_is_undone_after_it_was_read() {
    let found = || without(struck(Disaster::Crash), |guards| guards.tick_is_flushed = false);
    breaks(found(), must::TOLD_IS_DURABLE);
}

#[test]
fn a_reader_that_takes_any_number_misses_what_was_removed() {
    breaks(without(cleaned(), |guards| guards.dense = false), must::NOTHING_MISSED);
}

#[test]
fn without_the_tick_below_it_the_oldest_within_the_window_cannot_be_read() {
    breaks(without(cleaned(), |guards| guards.keep_predecessor = false), must::NO_GAP_WITHIN_THE_WINDOW);
}

#[test]
fn a_slot_emptied_while_a_tick_refers_to_it_holds_the_reader_up() {
    breaks(without(cleaned(), |guards| guards.slot_is_past = false), must::GETS_THERE);
}

#[test]
fn a_slot_emptied_under_a_writer_loses_its_event() {
    breaks(without(cleaned(), |guards| guards.slot_is_locked = false), must::NOTHING_MISSED);
}

#[test]
fn a_failover_that_nobody_compares_gives_a_cursor_twice() {
    let found = || without(struck(Disaster::Failover), |guards| guards.compares_database = false);
    breaks(found(), must::NUMBER_KEEPS_ITS_EVENT);
}

#[test]
fn a_restore_that_nobody_remembers_gives_a_cursor_twice() {
    let found = || without(struck(Disaster::Restore), |guards| guards.remembers_head = false);
    breaks(found(), must::NUMBER_KEEPS_ITS_EVENT);
}

#[test]
fn transaction_numbers_of_another_cluster_hide_new_events() {
    let found = || without(struck(Disaster::Dump), |guards| guards.empties_foreign = false);
    breaks(found(), must::NOTHING_MISSED);
}
