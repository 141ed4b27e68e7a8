//! The statements, and what a worker does between them.

use super::{
    Action, BUDGET, Id, Queue, Remembered, Row, Run, STRIKES, Stage, State, Status, Task, Verdict, Worker, Wrongs,
};

/// The due time of what was tried before: later than that of any row at its first attempt.
const AGAIN: u8 = 9;

impl Queue {
    pub(super) fn begin(&self) -> State {
        let status = if self.late_commits { Status::Unborn } else { Status::Due };
        let row = |due| Row {
            status,
            due,
            token: 0,
            failures: 0,
            suspect: false,
            crashes: 0,
            owner: None,
            overdue: false,
            remembered: Remembered::default(),
        };
        let id = |worker| Id { worker, no: 1 };
        State {
            rows: (0..self.rows).map(row).collect(),
            leases: (0..self.workers).map(id).collect(),
            workers: (0..self.workers).map(|worker| Worker::new(id(worker), 1)).collect(),
            left: self.faults,
            wrongs: Wrongs::default(),
        }
    }

    /// What may happen next. Some of it changes nothing, and is no step.
    pub(super) fn possible(&self, state: &State, out: &mut Vec<Action>) {
        for (row, at) in state.rows.iter().zip(0..) {
            if row.status == Status::Unborn {
                out.push(Action::Commit(at));
            }
            if row.status == Status::Active && !row.overdue && state.unknown_to_its_owner(row, at, self.guards.reclaim)
            {
                out.push(Action::Overdue(at));
            }
        }
        out.extend(state.leases.iter().filter(|id| self.may_expire(state, **id)).map(|id| Action::Expire(*id)));
        for (worker, at) in state.workers.iter().zip(0..) {
            self.possible_for(state, worker, at, out);
        }
        self.possible_faults(state, out);
    }

    fn possible_for(&self, state: &State, worker: &Worker, w: u8, out: &mut Vec<Action>) {
        match worker.run {
            Run::Gone => return out.push(Action::Start(w)),
            Run::Stopped | Run::CutOff => out.push(Action::Return(w)),
            Run::Well => {}
        }
        // A worker that is well renews in time.
        let late = worker.run != Run::Well || worker.id.is_some_and(|id| !state.leases.contains(&id));
        if worker.trusts && late {
            out.push(Action::Doubt(w));
        }
        if worker.run == Run::Stopped {
            return;
        }
        if worker.id.is_some() && !worker.trusts {
            out.push(Action::Drop(w));
        }
        for (k, task) in worker.tasks.iter().enumerate() {
            if task.stage == Stage::Begun && (worker.trusts || !self.guards.lease_before_effect) {
                out.push(Action::Effect(w, k, Verdict::Done));
                if state.left.failures > 0 {
                    out.push(Action::Effect(w, k, Verdict::Failed));
                }
            }
        }
        if worker.run == Run::CutOff {
            return;
        }
        for (k, task) in worker.tasks.iter().enumerate() {
            match task.stage {
                Stage::Claimed => out.push(Action::Hold(w, k)),
                Stage::Begun => {}
                Stage::Over(_) => {
                    out.push(Action::Finish(w, k, true));
                    if state.left.lost_answers > 0 {
                        out.push(Action::Finish(w, k, false));
                    }
                }
            }
        }
        let Some(id) = worker.id else { return out.push(Action::Register(w)) };
        if !worker.judges && (!self.guards.judges_late || state.all_handed_in()) {
            out.push(Action::Judge(w));
        }
        // What a worker may claim the database decides, and not the worker's own trust: it may have been sent before.
        if state.leases.contains(&id) {
            self.possible_claims(state, worker, w, out);
            if self.guards.rescue {
                let lost = state.rows.iter().zip(0..).filter(|(row, _)| state.is_lost(row, worker));
                out.extend(lost.map(|(_, at)| Action::Rescue(w, at)));
            }
        }
    }

    fn possible_claims(&self, state: &State, worker: &Worker, w: u8, out: &mut Vec<Action>) {
        let unheard = state.left.lost_answers > 0;
        let doubtful = worker.doubtful && self.guards.reclaim;
        if doubtful {
            out.push(Action::Reclaim(w));
        }
        if self.guards.suspects_alone && worker.tasks.is_empty() && !(doubtful && self.guards.reclaim_before_suspects) {
            out.push(Action::ClaimSuspect(w));
            if unheard {
                out.push(Action::ClaimUnheard(w, true));
            }
        }
        if doubtful {
            return;
        }
        if !self.guards.claim_locks {
            out.extend((0..self.rows).map(|row| Action::Take(w, row)));
        }
        if self.late_commits {
            out.push(Action::Look(w));
        }
        if self.guards.sweep || !self.late_commits || worker.mark.is_none() {
            out.push(Action::Sweep(w));
            if unheard {
                out.push(Action::ClaimUnheard(w, false));
            }
        }
    }

    /// Does it; `None` where it cannot be done.
    pub(super) fn apply(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Commit(row) => state.row(row)?.status = Status::Due,
            Action::Start(w) => {
                let worker = state.worker(w)?;
                *worker = Worker { registered: worker.registered, run: Run::Well, ..Worker::unregistered() };
                worker.judges = true;
            }
            Action::Register(w) => {
                let worker = state.worker(w)?;
                worker.registered += 1;
                let id = Id { worker: w, no: worker.registered };
                (worker.id, worker.trusts) = (Some(id), true);
                state.leases.push(id);
                state.leases.sort_unstable();
            }
            Action::Drop(w) => {
                let worker = state.worker(w)?;
                (worker.id, worker.judges) = (None, false);
                for task in worker.tasks.iter_mut().filter(|task| !matches!(task.stage, Stage::Over(_))) {
                    task.stage = Stage::Over(Verdict::Interrupted);
                }
            }
            Action::Judge(w) => state.worker(w)?.judges = true,
            Action::Look(w) => self.claim(state, w, false, false, true)?,
            Action::Sweep(w) => self.claim(state, w, true, false, true)?,
            Action::ClaimSuspect(w) => self.claim(state, w, true, true, true)?,
            Action::ClaimUnheard(w, suspect) => {
                state.left.lost_answers -= 1;
                self.claim(state, w, true, suspect, false)?;
            }
            Action::Reclaim(w) => {
                let worker = state.worker(w)?;
                worker.doubtful = false;
                let (id, tasks) = (worker.id?, worker.tasks.clone());
                let by_token = self.guards.reclaim_by_token;
                let held =
                    |row: &Row, at| tasks.iter().any(|task| task.row == at && (task.token == row.token || !by_token));
                for (row, at) in state.rows.iter_mut().zip(0..) {
                    if row.status == Status::Active && row.owner == Some(id) && !held(row, at) {
                        (row.status, row.owner, row.overdue) = (Status::Due, None, false);
                        row.token += 1;
                    }
                }
            }
            Action::Take(w, row) => {
                // The select saw the row while it was due, some time ago. The update asks nothing.
                let (id, row_no) = (state.worker(w)?.id?, row);
                let row = state.row(row)?;
                let had = row.owner?;
                if row.status != Status::Active || had.worker == w || row.token != 1 {
                    return None;
                }
                let (alone, token) = row.take(id);
                state.worker(w)?.tasks.push(Task::new(row_no, token, alone));
            }
            Action::Hold(w, k) => {
                let task = *state.worker(w)?.tasks.get(k)?;
                let row = state.row(task.row)?;
                let matches = row.token == task.token || !self.guards.hold_by_token;
                let holds = row.is_held(w, task);
                state.wrongs.stale_record |= matches && !holds;
                state.worker(w)?.tasks.get_mut(k)?.stage =
                    if matches { Stage::Begun } else { Stage::Over(Verdict::Interrupted) };
            }
            Action::Effect(w, k, verdict) => self.effect(state, w, k, verdict)?,
            Action::Finish(w, k, heard) => {
                let task = *state.worker(w)?.tasks.get(k)?;
                let Stage::Over(verdict) = task.stage else { return None };
                if !heard {
                    state.left.lost_answers -= 1;
                }
                self.finish(state, w, task, verdict)?;
                if heard {
                    state.worker(w)?.tasks.remove(k);
                }
            }
            Action::Rescue(_, at) => {
                let owner = state.row(at)?.owner?;
                let crashed = !state.leases.contains(&owner);
                self.rescue(state.row(at)?, crashed);
            }
            Action::Overdue(row) => state.row(row)?.overdue = true,
            Action::Doubt(_) | Action::Expire(_) | Action::Return(_) => self.happen(state, action)?,
            Action::Kill(_) | Action::Stop(_) | Action::Cut(_) | Action::Outage => self.happen(state, action)?,
            Action::Hang(..) | Action::Redrive(_) => self.happen(state, action)?,
        }
        if let Some(worker) = action.worker().and_then(|w| state.worker(w)) {
            worker.tasks.sort_unstable();
        }
        Some(())
    }

    /// The claim statement: the earliest due first, up to the free slots.
    fn claim(&self, state: &mut State, w: u8, sweep: bool, suspect: bool, heard: bool) -> Option<()> {
        let worker = state.worker(w)?;
        let (id, mark) = (worker.id?, worker.mark.filter(|_| !sweep));
        // A slot is free when its finish is written; a suspect has them all.
        let taken = if worker.tasks.iter().any(|task| task.alone) { self.slots } else { worker.tasks.len() };
        let free = if suspect { 1 } else { self.slots.saturating_sub(taken) };
        let fits = |row: &Row| {
            row.status == Status::Due
                && (row.suspect == suspect || !self.guards.suspects_alone)
                && mark.is_none_or(|mark| row.due >= mark)
        };
        let mut found: Vec<(u8, u8)> =
            state.rows.iter().zip(0..).filter(|(row, _)| fits(row)).map(|(row, at)| (row.due, at)).collect();
        found.sort_unstable();
        found.truncate(free);
        let first = found.first().map(|(due, _)| *due)?;
        for (_, at) in found {
            let (alone, token) = state.row(at)?.take(id);
            if heard {
                state.worker(w)?.tasks.push(Task::new(at, token, alone && self.guards.suspects_alone));
            }
        }
        let worker = state.worker(w)?;
        worker.doubtful |= !heard;
        if self.late_commits && heard && !suspect {
            worker.mark = Some(first);
        }
        Some(())
    }

    fn effect(&self, state: &mut State, w: u8, k: usize, verdict: Verdict) -> Option<()> {
        let task = *state.worker(w)?.tasks.get(k)?;
        let at = task.row;
        // Who hangs for longer than the deadline and keeps its lease may be late: docs/queue.md says "perhaps twice".
        let holds = state.row(at)?.is_held(w, task);
        state.wrongs.stale_effect |= !task.hung && !holds;
        if self.poison == Some(at) {
            return state.die(w);
        }
        if verdict == Verdict::Failed {
            state.left.failures -= 1;
            state.row(at)?.remembered.failed += 1;
        }
        state.worker(w)?.tasks.get_mut(k)?.stage = Stage::Over(verdict);
        Some(())
    }

    fn finish(&self, state: &mut State, w: u8, task: Task, verdict: Verdict) -> Option<()> {
        let row = state.row(task.row)?;
        let holds = row.is_held(w, task);
        if row.token != task.token && self.guards.finish_by_token {
            return Some(()); // stale: counted, and nothing else
        }
        let again = row.remembered.recorded == Some(task.token);
        row.remembered.recorded = Some(task.token);
        row.token += u8::from(self.guards.finish_raises);
        row.failures += u8::from(verdict == Verdict::Failed);
        row.suspect &= verdict == Verdict::Interrupted;
        (row.owner, row.overdue) = (None, false);
        row.status = match verdict {
            Verdict::Done => Status::Done,
            Verdict::Failed if row.failures >= BUDGET => Status::Dead,
            Verdict::Failed | Verdict::Interrupted => Status::Due,
        };
        if verdict == Verdict::Done {
            row.crashes = 0;
        } else {
            row.due = AGAIN;
        }
        state.wrongs.stale_record |= !holds;
        state.wrongs.recorded_twice |= again;
        Some(())
    }

    fn rescue(&self, row: &mut Row, crashed: bool) {
        row.crashes += u8::from(crashed && row.suspect);
        row.failures += u8::from(!crashed);
        row.status = match crashed {
            true if row.suspect && row.crashes >= STRIKES => Status::Quarantined,
            false if row.failures >= BUDGET => Status::Dead,
            _ => Status::Due,
        };
        row.suspect |= crashed;
        row.due = AGAIN;
        row.token += u8::from(self.guards.rescue_raises);
        (row.owner, row.overdue) = (None, false);
    }
}

impl Row {
    /// What the claim's update sets; answers whether the row is worked alone, and the token.
    fn take(&mut self, id: Id) -> (bool, u8) {
        (self.status, self.owner, self.overdue) = (Status::Active, Some(id), false);
        self.token += 1;
        (self.suspect, self.token)
    }

    /// Whether the worker has the row for this attempt, in truth.
    fn is_held(&self, w: u8, task: Task) -> bool {
        self.status == Status::Active && self.token == task.token && self.owner.is_some_and(|id| id.worker == w)
    }

    /// A clean slate; who had the row before has no say in it.
    pub(super) fn redrive(&mut self) {
        let recorded = self.remembered.recorded;
        *self = Self {
            status: Status::Due,
            due: AGAIN,
            token: self.token + 1,
            failures: 0,
            suspect: false,
            crashes: 0,
            owner: None,
            overdue: false,
            remembered: Remembered { recorded, ..Remembered::default() },
        };
    }
}

impl Task {
    fn new(row: u8, token: u8, alone: bool) -> Self {
        Self { row, token, alone, stage: Stage::Claimed, hung: false }
    }
}
