//! What Postgres holds: transactions, events, ticks and epochs, and the statements that only read them.

use super::Guards;

/// `pg_snapshot`: sees the transactions below `xmax` that were not under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Snapshot {
    /// One more than the highest transaction that had ended.
    pub xmax: u8,
    /// Those below it that were under way.
    pub xip: Vec<u8>,
}

impl Snapshot {
    /// `pg_visible_in_snapshot`.
    #[must_use]
    pub fn sees(&self, xid: u8) -> bool {
        xid < self.xmax && !self.xip.contains(&xid)
    }
}

/// A row of `push_events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    /// Its writer stands for what it says.
    pub writer: u8,
    /// From the sequence.
    pub ev_id: u8,
    /// The column: a number that means something in one cluster only.
    pub xid: u8,
    /// The hour of its insert.
    pub slot: u8,
    /// Its transaction has committed.
    pub committed: bool,
}

/// A row of `push_ticks`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tick {
    /// The column.
    pub epoch: u8,
    /// The column.
    pub tick_id: u8,
    /// The number of its first event.
    pub base_seq: u8,
    /// How many events.
    pub n: u8,
    /// What it sees.
    pub snap: Snapshot,
    /// It is past the window.
    pub old: bool,
}

/// A row of `push_epochs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// The column.
    pub epoch: u8,
    /// The column.
    pub timeline: u8,
    /// `system_identifier` and both oids.
    pub system: u8,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Db {
    /// The next transaction's number.
    pub next_xid: u8,
    /// The highest that has ended.
    pub ended_xid: u8,
    /// Under way.
    pub under_way: Vec<u8>,
    /// The sequence.
    pub next_ev_id: u8,
    /// The hour, which chooses the slot.
    pub hour: u8,
    /// The table.
    pub events: Vec<Event>,
    /// The table.
    pub ticks: Vec<Tick>,
    /// The table.
    pub epochs: Vec<Epoch>,
    /// What `pg_walfile_name` says.
    pub timeline: u8,
    /// As in [`Epoch::system`], of this database.
    pub system: u8,
    /// The writers that have committed, in bits.
    pub committed: u8,
}

/// A position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor {
    /// Moves when the database is another.
    pub epoch: u8,
    /// Dense within the epoch.
    pub seq: u8,
}

impl Db {
    /// Empty, with its first epoch: genesis sees nothing.
    pub(super) fn fresh() -> Self {
        let snap = Snapshot { xmax: 1, xip: Vec::new() };
        Self {
            next_xid: 1,
            ended_xid: 0,
            under_way: Vec::new(),
            next_ev_id: 1,
            hour: 0,
            events: Vec::new(),
            ticks: vec![Tick { epoch: 1, tick_id: 0, base_seq: 0, n: 1, snap, old: false }],
            epochs: vec![Epoch { epoch: 1, timeline: 1, system: 1 }],
            timeline: 1,
            system: 1,
            committed: 0,
        }
    }

    /// `pg_current_snapshot`.
    pub(super) fn snapshot(&self) -> Snapshot {
        let xmax = self.ended_xid + 1;
        Snapshot { xmax, xip: self.under_way.iter().copied().filter(|xid| *xid < xmax).collect() }
    }

    pub(super) fn end(&mut self, xid: u8) {
        self.under_way.retain(|other| *other != xid);
        self.ended_xid = self.ended_xid.max(xid);
    }

    /// All transactions under way are over, as after a crash.
    pub(super) fn recover(&mut self) {
        self.under_way.clear();
        self.ended_xid = self.next_xid - 1;
        self.events.retain(|event| event.committed);
    }

    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.epochs.iter().max_by_key(|epoch| epoch.epoch).copied()
    }

    pub(super) fn ticks_of(&self, epoch: u8) -> impl Iterator<Item = &Tick> {
        self.ticks.iter().filter(move |tick| tick.epoch == epoch)
    }

    /// The newest tick of the newest epoch.
    pub(super) fn last(&self) -> Option<&Tick> {
        self.ticks_of(self.epoch()?.epoch).max_by_key(|tick| tick.tick_id)
    }

    /// The oldest kept tick of the newest epoch.
    pub(super) fn base(&self) -> Option<&Tick> {
        self.ticks_of(self.epoch()?.epoch).min_by_key(|tick| tick.tick_id)
    }

    /// What the statement of a tick, and each that reads one, takes to be its events, in their order.
    pub(super) fn members(&self, prev: &Snapshot, snap: &Snapshot, guards: Guards) -> Vec<Event> {
        let new = |xid| xid >= prev.xmax && xid < snap.xmax && snap.sees(xid);
        let was_under_way = |xid| prev.xip.contains(&xid) && snap.sees(xid) && guards.under_way;
        let mut events: Vec<Event> = self.events.iter().filter(|event| event.committed).copied().collect();
        events.retain(|event| new(event.xid) || was_under_way(event.xid));
        events.sort_unstable_by_key(|event| if guards.order_by_ev_id { event.ev_id } else { event.xid });
        events
    }

    /// `events_after`: the events after a position with their numbers.
    pub(super) fn after(&self, at: Cursor, max_rows: usize, guards: Guards) -> Vec<(u8, Event)> {
        let below = self.ticks_of(at.epoch).filter(|tick| tick.base_seq <= at.seq + 1);
        let Some(from) = below.max_by_key(|tick| tick.base_seq) else { return Vec::new() };
        let mut ticks: Vec<&Tick> = self
            .ticks_of(at.epoch)
            .filter(|tick| usize::from(tick.base_seq) <= usize::from(at.seq) + max_rows)
            .filter(|tick| tick.tick_id + 1 >= from.tick_id)
            .collect();
        ticks.sort_by_key(|tick| tick.tick_id);
        let pairs = ticks.iter().zip(ticks.iter().skip(1));
        let numbered = pairs.flat_map(|(prev, tick)| {
            (tick.base_seq..).zip(self.members(&prev.snap, &tick.snap, guards)).collect::<Vec<_>>()
        });
        let mut page: Vec<(u8, Event)> = numbered.filter(|(seq, _)| *seq > at.seq).collect();
        page.sort_by_key(|(seq, _)| *seq);
        page.truncate(max_rows);
        page
    }

    /// `bounds`: the head, and the number of the oldest event that can be read.
    pub(super) fn bounds(&self) -> Option<(Cursor, u8)> {
        let (base, last) = (self.base()?, self.last()?);
        Some((Cursor { epoch: last.epoch, seq: last.base_seq + last.n - 1 }, base.base_seq + base.n))
    }
}
