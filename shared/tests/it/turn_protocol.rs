//! The protocol of a turn (SPEC §8) against a model of everything that may happen to it: attempts that die, attempts that go on though
//! their row was taken from them, calls that arrive late, twice and in another order, answers that are lost, engines that restart. What
//! decides is the product's own [`TickPlan`]; the engine is the contract's; the reference is the list of whole numbers.

use shared::domain::runtime::TickPlan;
use shared::random::Random;

/// What an engine makes of `expected_turn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engines {
    /// As the contract says.
    ByContract,
    /// Each call for a turn generates one: to see that the model finds it.
    Careless,
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Status,
    Turn { expected: i32 },
}

#[derive(Debug, Clone, Copy)]
struct Request {
    from: u64,
    call: Call,
}

/// An answer finds the call that it belongs to, or nobody.
#[derive(Debug, Clone, Copy)]
struct Answer {
    to: Request,
    said: Said,
}

/// What an engine says to whoever asked.
#[derive(Debug, Clone, Copy)]
enum Said {
    Turn(i32),
    Refused,
    Unreachable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin,
    Status,
    Turn,
    Finish(i32),
    Over,
}

/// One attempt of one controller. Its id is the fencing token that it claimed the row with.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    id: u64,
    expected: i32,
    step: Step,
}

struct World {
    random: Random,
    engines: Engines,
    /// The engine's own, on its disk.
    turn: i32,
    generated: Vec<i32>,
    /// The database's.
    current: i32,
    expected: Option<i32>,
    token: u64,
    recorded: Vec<i32>,
    /// On the way.
    requests: Vec<Request>,
    answers: Vec<Answer>,
    attempts: Vec<Attempt>,
    fault: Option<String>,
}

impl World {
    fn new(seed: u64, engines: Engines) -> Self {
        Self {
            random: Random::seeded(seed),
            engines,
            turn: 0,
            generated: Vec::new(),
            current: 0,
            expected: None,
            token: 0,
            recorded: Vec::new(),
            requests: Vec::new(),
            answers: Vec::new(),
            attempts: Vec::new(),
            fault: None,
        }
    }

    fn chance(&self, of: f64) -> bool {
        self.random.unit() < of
    }

    fn any(&self, len: usize) -> Option<usize> {
        let len = u64::try_from(len).unwrap();
        (len > 0).then(|| usize::try_from(self.random.below(len)).unwrap())
    }

    /// A controller claims the row: whoever had it is not asked.
    fn claim(&mut self) {
        self.token += 1;
        self.attempts.push(Attempt { id: self.token, expected: 0, step: Step::Begin });
    }

    fn wrong(&mut self, attempt: Attempt, what: &str) {
        // Of an attempt that lost its row nothing is heard any more.
        if attempt.id == self.token {
            self.fault
                .get_or_insert(format!("{what}: {attempt:?}, engine at {}, recorded {}", self.turn, self.current));
        }
    }

    /// What an attempt does next of itself.
    fn advance(&mut self, at: usize) {
        let mut attempt = self.attempts[at];
        let holds = attempt.id == self.token;
        match attempt.step {
            Step::Begin if holds => {
                attempt.expected = *self.expected.get_or_insert(self.current);
                attempt.step = Step::Status;
                self.requests.push(Request { from: attempt.id, call: Call::Status });
            }
            Step::Finish(turn) if holds => {
                (self.current, self.expected) = (turn, None);
                self.recorded.push(turn);
                // The finish raises the token: it cannot be applied twice.
                self.token += 1;
                attempt.step = Step::Over;
            }
            Step::Begin | Step::Finish(_) => attempt.step = Step::Over,
            // Nothing comes any more: in the end it gives up.
            Step::Status | Step::Turn if !self.is_awaited(attempt.id) => attempt.step = Step::Over,
            Step::Status | Step::Turn | Step::Over => {}
        }
        self.attempts[at] = attempt;
    }

    fn is_awaited(&self, id: u64) -> bool {
        self.requests.iter().any(|request| request.from == id) || self.answers.iter().any(|answer| answer.to.from == id)
    }

    fn hear(&mut self, Answer { to, said }: Answer) {
        let id = to.from;
        let waits = match to.call {
            Call::Status => Step::Status,
            Call::Turn { .. } => Step::Turn,
        };
        let Some(at) = self.attempts.iter().position(|attempt| attempt.id == id && attempt.step == waits) else {
            return;
        };
        let mut attempt = self.attempts[at];
        match (said, attempt.step) {
            (Said::Unreachable, _) => attempt.step = Step::Over,
            (Said::Refused, _) => {
                self.wrong(attempt, "refused");
                attempt.step = Step::Over;
            }
            (Said::Turn(turn), step) => match TickPlan::new(attempt.expected, turn, false) {
                TickPlan::Generate if step == Step::Status => {
                    attempt.step = Step::Turn;
                    self.requests.push(Request { from: id, call: Call::Turn { expected: attempt.expected } });
                }
                TickPlan::Record => attempt.step = Step::Finish(turn),
                TickPlan::Generate | TickPlan::Mismatch => {
                    self.wrong(attempt, &format!("answered {turn}"));
                    attempt.step = Step::Over;
                }
            },
        }
        self.attempts[at] = attempt;
    }

    fn serve(&mut self, request: Request) {
        let said = match request.call {
            Call::Status => Said::Turn(self.turn),
            Call::Turn { expected } if expected == self.turn || self.engines == Engines::Careless => {
                self.turn += 1;
                self.generated.push(self.turn);
                Said::Turn(self.turn)
            }
            Call::Turn { expected } if expected == self.turn - 1 => Said::Turn(self.turn),
            Call::Turn { .. } => Said::Refused,
        };
        self.answers.push(Answer { to: request, said });
    }

    /// One thing happens.
    fn happen(&mut self, faults: bool) {
        if faults && self.chance(0.30) {
            match self.any(6).unwrap_or(0) {
                // A controller dies, or gives its call up; the call goes on without it.
                0 => {
                    if let Some(at) = self.any(self.attempts.len()) {
                        self.attempts.swap_remove(at);
                    }
                }
                // The row is taken from a controller that lives.
                1 => self.claim(),
                // An answer is lost.
                2 => {
                    if let Some(at) = self.any(self.answers.len()) {
                        self.answers.swap_remove(at);
                    }
                }
                // A call arrives, and arrives again later.
                3 => {
                    if let Some(at) = self.any(self.requests.len()) {
                        self.serve(self.requests[at]);
                    }
                }
                // The engine dies with all that it was asked, and is back where it was.
                4 => {
                    for request in std::mem::take(&mut self.requests) {
                        self.answers.push(Answer { to: request, said: Said::Unreachable });
                    }
                }
                // A call gets nowhere.
                _ => {
                    if let Some(at) = self.any(self.requests.len()) {
                        let lost = self.requests.swap_remove(at);
                        self.answers.push(Answer { to: lost, said: Said::Unreachable });
                    }
                }
            }
            return;
        }
        match self.any(3).unwrap_or(0) {
            0 => {
                if let Some(at) = self.any(self.attempts.len()) {
                    self.advance(at);
                }
            }
            1 => {
                if let Some(at) = self.any(self.requests.len()) {
                    let request = self.requests.swap_remove(at);
                    self.serve(request);
                }
            }
            _ => {
                if let Some(at) = self.any(self.answers.len()) {
                    let answer = self.answers.swap_remove(at);
                    self.hear(answer);
                }
            }
        }
        self.attempts.retain(|attempt| attempt.step != Step::Over);
        if self.attempts.iter().all(|attempt| attempt.id != self.token) {
            self.claim();
        }
    }

    /// Whether all is as it must be at any time.
    fn judge(&self) -> Result<(), String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let whole = |turns: &[i32]| turns.iter().zip(1..).all(|(turn, wanted)| *turn == wanted);
        if !whole(&self.generated) {
            return Err(format!("generated {:?}", self.generated));
        }
        if !whole(&self.recorded) {
            return Err(format!("recorded {:?}", self.recorded));
        }
        // Never ahead by more than the one that is being closed, never behind.
        if !(0..=1).contains(&(self.turn - self.current)) {
            return Err(format!("the engine is at {}, {} is recorded", self.turn, self.current));
        }
        Ok(())
    }

    fn run(&mut self, happenings: usize, faults: bool) -> Result<(), String> {
        for _ in 0..happenings {
            self.happen(faults);
            self.judge()?;
        }
        Ok(())
    }
}

#[test]
fn no_turn_is_doubled_skipped_or_out_of_order_whatever_happens_and_it_goes_on_when_the_faults_end() {
    let mut turns = 0;
    for seed in 0..600 {
        let mut world = World::new(seed, Engines::ByContract);
        let judged = world.run(400, true);
        assert_eq!(judged, Ok(()), "seed {seed}");
        let so_far = world.recorded.len();
        // What is still on its way from before arrives in any order among the rest.
        assert_eq!(world.run(400, false), Ok(()), "seed {seed}, after the faults");
        assert!(world.recorded.len() >= so_far + 5, "seed {seed}: {so_far}, then {}", world.recorded.len());
        turns += world.recorded.len();
    }
    assert!(turns > 600 * 10, "the model plays: {turns}");
}

#[test]
fn the_model_finds_an_engine_that_does_not_heed_the_turn_to_be_closed() {
    let found = (0..200).filter(|seed| World::new(*seed, Engines::Careless).run(400, true).is_err()).count();
    assert!(found >= 100, "found in {found} of 200");
}
