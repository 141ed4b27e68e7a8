//! The push log: append, tick, read, retention, epochs (SPEC §12, docs/push.md).
//!
//! Each writer is a transaction with one event. Its number in the cluster and its number from the sequence are drawn in either
//! order, and it commits whenever it likes. Replicas tick, one reader follows by its cursor, and disasters put the
//! database back to an earlier state.

mod db;
mod steps;

use stateright::{Model, Property};

pub use db::{Cursor, Db, Epoch, Event, Snapshot, Tick};

/// What the log stands on. Each is taken out in a test, and the checker then finds what it is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guards {
    /// A tick's snapshot is the one that it counted with.
    pub tick_in_one_statement: bool,
    /// `push_ticks` has a primary key: of two ticks at once one is written.
    pub primary_key: bool,
    /// A tick counts those too that were under way at the tick before.
    pub under_way: bool,
    /// Inside a tick the order is that of `ev_id`; without, of `xid`.
    pub order_by_ev_id: bool,
    /// A tick commits synchronously.
    pub tick_is_flushed: bool,
    /// The reader takes only the number that follows its own.
    pub dense: bool,
    /// Retention leaves the tick below the oldest that is within the window.
    pub keep_predecessor: bool,
    /// A slot is emptied only when no kept tick refers to anything in it.
    pub slot_is_past: bool,
    /// And only under a lock that no writer's transaction lets anybody have.
    pub slot_is_locked: bool,
    /// Each tick compares the timeline, the system and the oids with the epoch's.
    pub compares_database: bool,
    /// Each tick compares the head with the highest that the replica has seen.
    pub remembers_head: bool,
    /// In a restored dump events and ids are emptied, and genesis takes a snapshot of its own.
    pub empties_foreign: bool,
}

impl Guards {
    /// The log as it is.
    pub const ALL: Self = Self {
        tick_in_one_statement: true,
        primary_key: true,
        under_way: true,
        order_by_ev_id: true,
        tick_is_flushed: true,
        dense: true,
        keep_predecessor: true,
        slot_is_past: true,
        slot_is_locked: true,
        compares_database: true,
        remembers_head: true,
        empties_foreign: true,
    };
}

/// How the database comes to be an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disaster {
    /// It does not.
    None,
    /// It crashes: what was not flushed is lost. Commits are not, but for a tick's.
    Crash,
    /// A standby that lags is promoted. The replicas start anew with it, and remember nothing.
    Failover,
    /// A copy of its files is put back, on the same timeline. The replicas live.
    Restore,
    /// A dump is restored into another cluster. The replicas start anew.
    Dump,
}

/// A log with its writers and replicas, and what may happen to it.
#[derive(Debug, Clone)]
pub struct Log {
    /// Transactions, one event each.
    pub writers: u8,
    /// Processes that tick.
    pub replicas: u8,
    /// Transactions that roll back.
    pub rollbacks: u8,
    /// Ticks grow old, and are removed with their slots.
    pub retention: bool,
    /// What happens once.
    pub disaster: Disaster,
    /// What it stands on.
    pub guards: Guards,
}

/// How far a writer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Not committed.
    Open,
    /// Committed.
    Committed,
    /// Rolled back, or undone with its database.
    Undone,
}

/// A transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Writer {
    /// How far.
    pub phase: Phase,
    /// Its number in the cluster, once it has written anything.
    pub xid: Option<u8>,
    /// Its event's number from the sequence. With both, the event is inserted.
    pub ev_id: Option<u8>,
    /// Who had committed when the number was drawn, in bits.
    pub before: u8,
}

/// A process that ticks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Replica {
    /// The highest head that it has seen.
    pub remembered: Option<Cursor>,
    /// A tick whose statement runs: it has its snapshot and its count.
    pub ticking: Option<Tick>,
    /// The last tick was unsound: an epoch is to be opened.
    pub opens: bool,
}

/// Who follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reader {
    /// Where they are.
    pub at: Cursor,
    /// What they were told, in order: the cursor, and the event's writer.
    pub told: Vec<(Cursor, u8)>,
    /// Writers whose events a gap has told them of, in bits.
    pub excused: u8,
    /// A gap was told for an event within the window.
    pub wronged: bool,
}

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The database.
    pub db: Db,
    /// What it goes back to.
    pub saved: Option<Db>,
    /// The transactions.
    pub writers: Vec<Writer>,
    /// The processes.
    pub replicas: Vec<Replica>,
    /// The one that follows.
    pub reader: Reader,
    /// Transactions that may still roll back.
    pub rollbacks: u8,
    /// It happened.
    pub over: bool,
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A transaction writes something, and has a number.
    Begin(u8),
    /// It draws its event's number.
    Draw(u8),
    /// It commits.
    Commit(u8),
    /// It rolls back.
    RollBack(u8),
    /// A tick's statement takes its snapshot and counts.
    Count(u8),
    /// And writes.
    Write(u8),
    /// An epoch is opened, unless somebody else did.
    OpenEpoch(u8),
    /// The reader reads a page at a replica, or hears of a gap.
    Read(u8),
    /// A tick grows old.
    Age,
    /// The clean-up deletes ticks.
    Expire,
    /// The next hour begins, and with it the next slot.
    Hour,
    /// The clean-up empties a slot.
    Empty(u8),
    /// The state is kept that a disaster goes back to.
    Save,
    /// It goes back.
    GoBack,
}

/// Names of the properties.
pub mod must {
    /// What a tick must never do.
    pub const NUMBER_KEEPS_ITS_EVENT: &str = "a cursor never names another event than it did";
    /// Inside an epoch; a new one may tell again what the old one had told.
    pub const TOLD_ONCE: &str = "no event is told twice in an epoch";
    /// Without a gap.
    pub const NOTHING_MISSED: &str = "whoever has read to the head was told all that was committed";
    /// The reader is never held up for good.
    pub const GETS_THERE: &str = "whoever follows gets to the head";
    /// If A was committed before B was inserted, A comes first.
    pub const IN_ORDER: &str = "what was committed before another was inserted comes before it";
    /// What the window promises.
    pub const NO_GAP_WITHIN_THE_WINDOW: &str = "no gap for an event within the window";
    /// After a crash.
    pub const TOLD_IS_DURABLE: &str = "what was told is not undone by a crash";
}

impl Model for Log {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        crate::after(state, |next| self.apply(next, action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(must::NUMBER_KEEPS_ITS_EVENT, |model: &Self, s: &State| {
                let now = |at: Cursor| s.db.after(Cursor { seq: at.seq - 1, ..at }, 1, model.guards);
                let same = |at: Cursor, writer| {
                    now(at).first().is_none_or(|(seq, event)| *seq != at.seq || event.writer == writer)
                };
                s.reader.told.iter().all(|(at, writer)| !s.serves(at.epoch) || same(*at, *writer))
            }),
            Property::always(must::TOLD_ONCE, |_, s: &State| {
                let told: std::collections::HashSet<_> =
                    s.reader.told.iter().map(|(at, writer)| (at.epoch, writer)).collect();
                told.len() == s.reader.told.len()
            }),
            Property::always(must::NOTHING_MISSED, |model: &Self, s: &State| !model.is_at_head(s) || s.was_told_all()),
            Property::always(must::GETS_THERE, |model: &Self, s: &State| {
                (model.is_at_head(s) && s.was_told_all()) || crate::goes_on(model, s, |action| action.has_to())
            }),
            Property::always(must::IN_ORDER, |_, s: &State| {
                let told = &s.reader.told;
                told.iter().enumerate().all(|(k, (_, writer))| {
                    let before = s.writers.get(usize::from(*writer)).map_or(0, |writer| writer.before);
                    let first = |other: u8| told.iter().position(|(_, told)| *told == other);
                    told.iter().skip(k).all(|(_, late)| before & bit(*late) == 0 || first(*late) < first(*writer))
                })
            }),
            Property::always(must::NO_GAP_WITHIN_THE_WINDOW, |_, s: &State| !s.reader.wronged),
            Property::always(must::TOLD_IS_DURABLE, |model: &Self, s: &State| {
                model.disaster != Disaster::Crash
                    || s.reader.told.iter().all(|(_, writer)| s.db.committed & bit(*writer) != 0)
            }),
        ]
    }
}

/// A writer in a set of bits.
fn bit(writer: u8) -> u8 {
    1 << writer
}

impl Log {
    /// Whether all is numbered and read: the reader has nothing to wait for but new commits.
    fn is_at_head(&self, state: &State) -> bool {
        let (Some(last), Some((head, _))) = (state.db.last(), state.db.bounds()) else { return false };
        let unnumbered = state.db.members(&last.snap, &state.db.snapshot(), Guards { under_way: true, ..self.guards });
        state.db.is_own() && unnumbered.is_empty() && state.reader.at == head
    }
}

impl Action {
    /// Whether it happens in the end, whatever else does.
    fn has_to(self) -> bool {
        !matches!(
            self,
            Self::RollBack(_) | Self::Age | Self::Expire | Self::Hour | Self::Empty(_) | Self::Save | Self::GoBack
        )
    }
}

impl State {
    /// Whether somebody reads this epoch's numbers to those who follow.
    fn serves(&self, epoch: u8) -> bool {
        let seen = |replica: &Replica| replica.remembered.is_some_and(|head| head.epoch == epoch);
        self.db.epoch().is_some_and(|newest| newest.epoch == epoch) && self.replicas.iter().any(seen)
    }

    fn was_told_all(&self) -> bool {
        let told = self.reader.told.iter().fold(self.reader.excused, |told, (_, writer)| told | bit(*writer));
        let mut committed = self.writers.iter().zip(0..).filter(|(writer, _)| writer.phase == Phase::Committed);
        committed.all(|(_, writer)| told & bit(writer) != 0)
    }
}
