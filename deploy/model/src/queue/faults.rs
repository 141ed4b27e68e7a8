//! What happens to workers, and what the properties ask of a state.

use super::{Action, Id, Queue, Row, Run, Stage, State, Status, Worker};

impl Queue {
    pub(super) fn possible_faults(&self, state: &State, out: &mut Vec<Action>) {
        let left = state.left;
        for (worker, w) in state.workers.iter().zip(0..) {
            if worker.run != Run::Well {
                continue;
            }
            let kinds = [(left.kills, Action::Kill(w)), (left.stops, Action::Stop(w)), (left.cuts, Action::Cut(w))];
            out.extend(kinds.into_iter().filter(|(left, _)| *left > 0).map(|(_, action)| action));
            if left.hangs > 0 {
                let under_way = worker.tasks.iter().enumerate();
                let under_way = under_way.filter(|(_, task)| !task.hung && !matches!(task.stage, Stage::Over(_)));
                out.extend(under_way.map(|(k, _)| Action::Hang(w, k)));
            }
        }
        if left.redrives > 0 {
            let open = |row: &Row| matches!(row.status, Status::Due | Status::Dead | Status::Quarantined);
            let rows = state.rows.iter().zip(0..).filter(|(row, _)| open(row));
            out.extend(rows.map(|(_, at)| Action::Redrive(at)));
        }
        if left.outages > 0 && !state.leases.is_empty() {
            out.push(Action::Outage);
        }
    }

    /// A lease runs out where nobody renews it, and with [`super::Guards::margin`] only when its worker has stopped trusting it.
    pub(super) fn may_expire(&self, state: &State, id: Id) -> bool {
        let Some(worker) = state.workers.get(usize::from(id.worker)) else { return true };
        if worker.id != Some(id) {
            return true;
        }
        match worker.run {
            Run::Gone => true,
            Run::Stopped | Run::CutOff => !worker.trusts || !self.guards.margin,
            // It was late, and does not know yet.
            Run::Well => !worker.trusts,
        }
    }

    pub(super) fn happen(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Doubt(w) => state.worker(w)?.trusts = false,
            Action::Expire(id) => state.expire(id),
            Action::Return(w) => state.worker(w)?.run = Run::Well,
            Action::Kill(w) => {
                state.left.kills -= 1;
                state.die(w)?;
            }
            Action::Stop(w) => {
                state.left.stops -= 1;
                state.worker(w)?.run = Run::Stopped;
            }
            Action::Cut(w) => {
                state.left.cuts -= 1;
                state.worker(w)?.run = Run::CutOff;
            }
            Action::Outage => {
                state.left.outages -= 1;
                state.leases.clear();
                for worker in state.workers.iter_mut().filter(|worker| worker.id.is_some()) {
                    worker.trusts = false;
                }
            }
            Action::Redrive(at) => {
                state.left.redrives -= 1;
                state.row(at)?.redrive();
            }
            Action::Hang(w, k) => {
                state.left.hangs -= 1;
                let task = state.worker(w)?.tasks.get_mut(k)?;
                task.hung = true;
                let task = *task;
                let row = state.row(task.row)?;
                if row.token == task.token {
                    row.overdue = true;
                    row.remembered.failed += 1;
                }
            }
            _ => return None,
        }
        Some(())
    }
}

impl Action {
    /// Whose step it is.
    pub(super) fn worker(self) -> Option<u8> {
        match self {
            Self::Commit(_) | Self::Expire(_) | Self::Overdue(_) | Self::Outage | Self::Redrive(_) => None,
            Self::Start(w)
            | Self::Register(w)
            | Self::Doubt(w)
            | Self::Drop(w)
            | Self::Judge(w)
            | Self::Look(w)
            | Self::Sweep(w)
            | Self::ClaimSuspect(w)
            | Self::ClaimUnheard(w, _)
            | Self::Reclaim(w)
            | Self::Take(w, _)
            | Self::Hold(w, _)
            | Self::Effect(w, _, _)
            | Self::Finish(w, _, _)
            | Self::Rescue(w, _)
            | Self::Kill(w)
            | Self::Stop(w)
            | Self::Cut(w)
            | Self::Return(w)
            | Self::Hang(w, _) => Some(w),
        }
    }
}

impl Worker {
    pub(super) fn new(id: Id, registered: u8) -> Self {
        Self { run: Run::Well, id: Some(id), registered, trusts: true, judges: true, ..Self::unregistered() }
    }

    pub(super) fn unregistered() -> Self {
        Self {
            run: Run::Well,
            id: None,
            registered: 0,
            trusts: false,
            judges: false,
            doubtful: false,
            mark: None,
            tasks: Vec::new(),
        }
    }

    /// Whether it has the row, and its next step with it may be an effect that counts as its own.
    pub(super) fn may_affect(&self, row: usize) -> bool {
        let works =
            |task: &super::Task| usize::from(task.row) == row && !task.hung && !matches!(task.stage, Stage::Over(_));
        self.run != Run::Gone && self.trusts && self.tasks.iter().any(works)
    }
}

impl State {
    pub(super) fn row(&mut self, at: u8) -> Option<&mut Row> {
        self.rows.get_mut(usize::from(at))
    }

    pub(super) fn worker(&mut self, at: u8) -> Option<&mut Worker> {
        self.workers.get_mut(usize::from(at))
    }

    /// A process dies: its memory is gone, its rows and its lease are not.
    pub(super) fn die(&mut self, w: u8) -> Option<()> {
        let worker = self.worker(w)?;
        *worker = Worker { run: Run::Gone, registered: worker.registered, ..Worker::unregistered() };
        Some(())
    }

    /// The lease ends: from now on others may call its worker dead.
    fn expire(&mut self, id: Id) {
        self.leases.retain(|lease| *lease != id);
        let its = |row: &&mut Row| row.status == Status::Active && row.owner == Some(id);
        let rows: Vec<&mut Row> = self.rows.iter_mut().filter(its).collect();
        let alone = u8::from(rows.len() == 1);
        for row in rows {
            row.remembered.bereaved = true;
            row.remembered.bereaved_alone += alone;
        }
    }

    /// A row that its worker will not finish: under a living one its deadline decides, else it takes somebody who may judge.
    pub(super) fn is_lost(&self, row: &Row, judge: &Worker) -> bool {
        let alive = |id| self.leases.contains(&id);
        row.status == Status::Active && row.owner.is_some_and(|id| if alive(id) { row.overdue } else { judge.judges })
    }

    /// Whether a row has an owner that keeps its lease and will not come to know of the row.
    pub(super) fn unknown_to_its_owner(&self, row: &Row, at: u8, reclaim: bool) -> bool {
        let owner = row.owner.and_then(|id| self.workers.get(usize::from(id.worker)).filter(|w| w.id == Some(id)));
        let knows = |w: &Worker| w.tasks.iter().any(|task| task.row == at && task.token == row.token);
        owner.is_some_and(|w| !(knows(w) || w.doubtful && reclaim))
    }

    /// Whether all that can have handed in what they did under a lease that they lost; whoever asks, too.
    pub(super) fn all_handed_in(&self) -> bool {
        self.workers.iter().filter(|worker| worker.run == Run::Well).all(|worker| {
            let knows = worker.trusts || worker.id.is_none();
            knows && !worker.tasks.iter().any(|task| self.owned_by_a_former(worker, task.row, task.token))
        })
    }

    fn owned_by_a_former(&self, worker: &Worker, row: u8, token: u8) -> bool {
        self.rows.get(usize::from(row)).is_some_and(|row| row.token == token && row.owner != worker.id)
    }
}
