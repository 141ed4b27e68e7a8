//! The statements that write, and what happens to the database.

use super::{Action, Cursor, Db, Disaster, Epoch, Event, Log, Phase, Reader, Replica, State, Tick, Writer, bit};

/// Rows of a page: the least that may end inside a tick and may cross one.
const PAGE: usize = 2;

/// The last hour: two slots are enough to have one that is not written.
const LAST_HOUR: u8 = 1;

impl Log {
    pub(super) fn begin(&self) -> State {
        let writer = Writer { phase: Phase::Open, xid: None, ev_id: None, before: 0 };
        let db = Db::fresh();
        State {
            saved: (self.disaster == Disaster::Crash).then(|| db.clone()),
            db,
            writers: vec![writer; usize::from(self.writers)],
            replicas: vec![Replica::default(); usize::from(self.replicas)],
            reader: Reader { at: Cursor { epoch: 1, seq: 0 }, told: Vec::new(), excused: 0, wronged: false },
            rollbacks: self.rollbacks,
            over: self.disaster == Disaster::None,
        }
    }

    pub(super) fn possible(&self, state: &State, out: &mut Vec<Action>) {
        for (writer, w) in state.writers.iter().zip(0..) {
            if writer.phase != Phase::Open {
                continue;
            }
            if writer.xid.is_none() {
                out.push(Action::Begin(w));
            }
            if writer.ev_id.is_none() {
                out.push(Action::Draw(w));
            }
            if writer.xid.is_some() && writer.ev_id.is_some() {
                out.push(Action::Commit(w));
                if state.rollbacks > 0 {
                    out.push(Action::RollBack(w));
                }
            }
        }
        for (replica, r) in state.replicas.iter().zip(0..) {
            out.push(match replica {
                Replica { ticking: Some(_), .. } => Action::Write(r),
                Replica { opens: true, .. } => Action::OpenEpoch(r),
                _ => Action::Count(r),
            });
        }
        out.extend((0..self.replicas).map(Action::Read));
        if self.retention {
            out.extend([Action::Age, Action::Expire]);
            if state.db.hour < LAST_HOUR {
                out.push(Action::Hour);
            }
            out.extend((0..state.db.hour).map(Action::Empty));
        }
        if !state.over {
            match state.saved {
                Some(_) => out.push(Action::GoBack),
                None => out.push(Action::Save),
            }
        }
    }

    /// Does it; `None` where it cannot be done.
    pub(super) fn apply(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Begin(w) => {
                let xid = state.db.next_xid;
                state.db.next_xid += 1;
                state.db.under_way.push(xid);
                state.writer(w)?.xid = Some(xid);
                state.insert(w)?;
            }
            Action::Draw(w) => {
                let (ev_id, before) = (state.db.next_ev_id, state.db.committed);
                state.db.next_ev_id += 1;
                let writer = state.writer(w)?;
                (writer.ev_id, writer.before) = (Some(ev_id), before);
                state.insert(w)?;
            }
            Action::Commit(w) => {
                let writer = state.writer(w)?;
                writer.phase = Phase::Committed;
                let xid = writer.xid?;
                state.db.end(xid);
                state.db.committed |= bit(w);
                for event in state.db.events.iter_mut().filter(|event| event.writer == w) {
                    event.committed = true;
                }
            }
            Action::RollBack(w) => {
                state.rollbacks -= 1;
                let writer = state.writer(w)?;
                writer.phase = Phase::Undone;
                let xid = writer.xid?;
                state.db.end(xid);
                state.db.events.retain(|event| event.writer != w);
            }
            Action::Count(r) => self.count(state, r)?,
            Action::Write(r) => self.write(state, r)?,
            Action::OpenEpoch(r) => self.open_epoch(state, r)?,
            Action::Read(r) => self.read(state, r)?,
            Action::Age => {
                let epoch = state.db.epoch()?.epoch;
                let ticks = state.db.ticks.iter_mut().filter(|tick| tick.epoch == epoch && !tick.old);
                ticks.min_by_key(|tick| tick.tick_id)?.old = true;
            }
            Action::Expire => self.expire(&mut state.db)?,
            Action::Hour => state.db.hour += 1,
            Action::Empty(slot) => self.empty(&mut state.db, slot)?,
            Action::Save => state.saved = Some(state.db.clone()),
            Action::GoBack => self.go_back(state)?,
        }
        Some(())
    }

    /// The tick's statement up to its count.
    fn count(&self, state: &mut State, r: u8) -> Option<()> {
        let (last, snap) = (state.db.last()?.clone(), state.db.snapshot());
        let head = Cursor { epoch: last.epoch, seq: last.base_seq + last.n - 1 };
        let found = state.db.members(&last.snap, &snap, self.guards);
        let own = state.db.is_own() || !self.guards.compares_database;
        let replica = state.replicas.get_mut(usize::from(r))?;
        if !own || (self.guards.remembers_head && Some(head) < replica.remembered) {
            replica.opens = true;
            return Some(());
        }
        replica.remembered = replica.remembered.max(Some(head));
        let n = u8::try_from(found.len()).ok()?;
        if n > 0 {
            let (tick_id, base_seq) = (last.tick_id + 1, head.seq + 1);
            replica.ticking = Some(Tick { epoch: last.epoch, tick_id, base_seq, n, snap, old: false });
        }
        Some(())
    }

    /// The rest of it: the primary key decides.
    fn write(&self, state: &mut State, r: u8) -> Option<()> {
        let mut tick = state.replicas.get_mut(usize::from(r))?.ticking.take()?;
        if self.guards.primary_key && state.db.ticks_of(tick.epoch).any(|other| other.tick_id == tick.tick_id) {
            return Some(());
        }
        if !self.guards.tick_in_one_statement {
            tick.snap = state.db.snapshot();
        }
        let head = Cursor { epoch: tick.epoch, seq: tick.base_seq + tick.n - 1 };
        state.db.ticks.push(tick);
        let replica = state.replicas.get_mut(usize::from(r))?;
        replica.remembered = replica.remembered.max(Some(head));
        if self.disaster == Disaster::Crash && self.guards.tick_is_flushed && !state.over {
            state.saved = Some(state.db.clone());
        }
        Some(())
    }

    /// Under a lock that waits for ticks under way.
    fn open_epoch(&self, state: &mut State, r: u8) -> Option<()> {
        if state.replicas.iter().any(|replica| replica.ticking.is_some()) {
            return None;
        }
        let (last, epoch) = (state.db.last()?.clone(), state.db.epoch()?);
        let head = Cursor { epoch: last.epoch, seq: last.base_seq + last.n - 1 };
        let replica = state.replicas.get_mut(usize::from(r))?;
        replica.opens = false;
        if state.db.is_own() && Some(head) >= replica.remembered {
            return Some(());
        }
        let remembered = replica.remembered.map_or(0, |cursor| cursor.epoch);
        let no = epoch.epoch.max(remembered) + 1;
        let foreign = epoch.system != state.db.system && self.guards.empties_foreign;
        if foreign && state.db.events.iter().any(|event| !event.committed) {
            return None; // TRUNCATE waits for their transactions
        }
        let snap = if foreign { state.db.snapshot() } else { last.snap };
        if foreign {
            state.db.events.clear();
            // Nobody was told of these and nobody will be: the gap says so.
            state.reader.excused |= state.db.committed;
        }
        state.db.epochs.push(Epoch { epoch: no, timeline: state.db.timeline, system: state.db.system });
        state.db.ticks.push(Tick { epoch: no, tick_id: 0, base_seq: 0, n: 1, snap, old: false });
        Some(())
    }

    /// A page, if it begins where the reader is; else the bounds tell why not. The replica serves what it has seen, and nothing
    /// before it has seen anything.
    fn read(&self, state: &mut State, r: u8) -> Option<()> {
        let at = state.reader.at;
        let seen = state.replicas.get(usize::from(r))?.remembered?;
        if seen <= at {
            return None; // nothing new that it knows of
        }
        let mut page = state.db.after(at, PAGE, self.guards);
        page.retain(|(seq, _)| seen.epoch == at.epoch && *seq <= seen.seq);
        let mut next = at.seq + 1;
        let fits = |seq: u8, next: u8| seq == next || !self.guards.dense;
        if page.first().is_some_and(|(seq, _)| fits(*seq, next)) {
            for (seq, event) in page {
                if !fits(seq, next) {
                    break;
                }
                next = seq + 1;
                let cursor = Cursor { epoch: at.epoch, seq };
                state.reader.told.push((cursor, event.writer));
                state.reader.at = cursor;
            }
            return Some(());
        }
        let (head, readable) = state.db.bounds()?;
        let lagged = head.epoch == at.epoch && at.seq + 1 < readable;
        if lagged {
            let kept = state.db.ticks_of(head.epoch).filter(|tick| !tick.old).map(|tick| tick.base_seq).min();
            state.reader.wronged |= kept.is_some_and(|kept| at.seq + 1 >= kept);
        }
        if head.epoch > at.epoch || (lagged && self.guards.dense) {
            state.reader.at = Cursor { epoch: head.epoch, seq: readable - 1 };
            let ahead = state.db.after(state.reader.at, usize::from(self.writers), self.guards);
            let ahead = ahead.iter().fold(0, |ahead, (_, event)| ahead | bit(event.writer));
            // What has no number yet is no part of the gap.
            let last = state.db.last()?.snap.clone();
            let numbered =
                state.writers.iter().zip(0..).filter(|(writer, _)| {
                    writer.phase == Phase::Committed && writer.xid.is_some_and(|xid| last.sees(xid))
                });
            let numbered = numbered.fold(0, |numbered, (_, writer)| numbered | bit(writer));
            state.reader.excused |= numbered & !ahead;
        }
        Some(())
    }

    /// Deletes ticks past the window, and those of earlier epochs.
    fn expire(&self, db: &mut Db) -> Option<()> {
        let epoch = db.epoch()?.epoch;
        let within = db.ticks_of(epoch).filter(|tick| !tick.old).map(|tick| tick.tick_id).min();
        let kept = match within {
            Some(first) if self.guards.keep_predecessor => first.saturating_sub(1),
            Some(first) => first,
            None => db.ticks_of(epoch).map(|tick| tick.tick_id).max()?,
        };
        db.ticks.retain(|tick| tick.epoch == epoch && tick.tick_id >= kept);
        Some(())
    }

    /// TRUNCATE of a slot that is not being written.
    fn empty(&self, db: &mut Db, slot: u8) -> Option<()> {
        let base = db.base()?.snap.clone();
        let its = |event: &&Event| event.slot == slot;
        if self.guards.slot_is_locked && db.events.iter().filter(its).any(|event| !event.committed) {
            return None;
        }
        let refers = |event: &Event| event.committed && (event.xid >= base.xmax || base.xip.contains(&event.xid));
        if self.guards.slot_is_past && db.events.iter().filter(its).any(refers) {
            return None;
        }
        db.events.retain(|event| event.slot != slot);
        Some(())
    }

    fn go_back(&self, state: &mut State) -> Option<()> {
        state.db = state.saved.take()?;
        state.over = true;
        state.db.recover();
        match self.disaster {
            Disaster::None | Disaster::Crash | Disaster::Restore => {}
            Disaster::Failover => state.db.timeline += 1,
            Disaster::Dump => {
                state.db.system += 1;
                (state.db.next_xid, state.db.ended_xid) = (1, 0);
            }
        }
        let alive = matches!(self.disaster, Disaster::Crash | Disaster::Restore);
        for replica in &mut state.replicas {
            // Its connection is gone, and the statement on it.
            *replica = Replica { remembered: replica.remembered.filter(|_| alive), ..Replica::default() };
        }
        for (writer, w) in state.writers.iter_mut().zip(0..) {
            let began = writer.xid.is_some() || writer.ev_id.is_some();
            if began && state.db.committed & bit(w) == 0 {
                writer.phase = Phase::Undone;
            }
        }
        Some(())
    }
}

impl Db {
    /// Whether the newest epoch was opened in this very database.
    pub(super) fn is_own(&self) -> bool {
        self.epoch().is_some_and(|epoch| epoch.timeline == self.timeline && epoch.system == self.system)
    }
}

impl State {
    fn writer(&mut self, w: u8) -> Option<&mut Writer> {
        self.writers.get_mut(usize::from(w))
    }

    /// The event is there once its transaction and its own number are.
    fn insert(&mut self, w: u8) -> Option<()> {
        let Writer { xid, ev_id, .. } = *self.writer(w)?;
        if let (Some(xid), Some(ev_id)) = (xid, ev_id) {
            let slot = self.db.hour;
            self.db.events.push(Event { writer: w, ev_id, xid, slot, committed: false });
        }
        Some(())
    }
}
