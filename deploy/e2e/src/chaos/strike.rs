//! A blow, as it is struck, and what it may be the reason of.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use shared::clock::Clock;
use testkit::StopMode;
use testkit::proxy::{Direction, TcpProxy};
use testkit::stack::Stack;

use super::database;
use super::plan::{Blow, Kind};

/// What a slow network holds back each packet for, each way. Leases are renewed in time all the same.
const SLOW: Duration = Duration::from_millis(150);

/// How long a killed process stays dead.
const DEAD: Duration = Duration::from_secs(1);

/// What a process may take to be ready, which only one that hangs does.
pub(super) const IN_TIME: Duration = Duration::from_secs(90);

/// What a process may take to end after SIGTERM: the default of `BACKEND_SHUTDOWN_TIMEOUT`. Work that it had to abandon shows in
/// its exit code.
const BUDGET: Duration = Duration::from_secs(30);

/// How much earlier than the blow the first copy of a mail may have come that came again: its answer was on the way, or its finish.
const SLACK: TimeDelta = TimeDelta::seconds(2);

/// How long after Postgres is back, or a zombie woke, a lease may still be lost for it.
const LEASE: TimeDelta = TimeDelta::seconds(5);

/// A blow that was struck, and when.
#[derive(Debug, Clone)]
pub(super) struct Struck {
    pub(super) blow: Blow,
    from: DateTime<Utc>,
    /// When it was over: the process was dead or went on, Postgres was back.
    until: DateTime<Utc>,
}

impl Struck {
    /// How long the process took to end, if it was asked to.
    pub(super) fn ending(&self) -> Option<Duration> {
        let took = (self.until - self.from).to_std().unwrap_or_default();
        (self.blow.kind == Kind::Terminate).then_some(took)
    }

    /// Whether it may be why a mail came at `first` and again at `next`: a mail-worker died or lost its lease in between, with an
    /// attempt in its hands. One that was asked to end hands back what it has, and is no reason. Which of the mail-workers made an
    /// attempt is written nowhere: a blow to one explains a copy that another one made, too.
    pub(super) fn explains(&self, first: DateTime<Utc>, next: DateTime<Utc>) -> bool {
        let takes_a_worker = match self.blow.kind {
            Kind::Kill | Kind::Freeze => self.blow.process == "mail-worker",
            Kind::Sever | Kind::Crash | Kind::Hold | Kind::Cut | Kind::Slow | Kind::HalfClose => true,
            Kind::Terminate => false,
        };
        let slack = if self.blow.kind == Kind::Kill { SLACK } else { SLACK + LEASE };
        takes_a_worker && self.from <= next && first <= self.until + slack
    }
}

/// Strikes it, and brings up again what it took down.
///
/// # Errors
/// When a process does not end as asked, does not come up again, or another has fallen with it.
pub(super) async fn strike(stack: &mut Stack, blow: Blow) -> Result<Struck> {
    let clock = Clock::system();
    if matches!(blow.kind, Kind::Freeze | Kind::Terminate) {
        // One that still starts has not learned yet what SIGTERM means, and has no lease to lose.
        stack.member(blow.process, blow.replica).wait_ready(IN_TIME).await?;
    }
    let from = clock.now();
    let until = match blow.kind {
        Kind::Kill => {
            let member = stack.member(blow.process, blow.replica);
            member.kill9();
            let dead = clock.now();
            tokio::time::sleep(DEAD).await;
            member.launch()?;
            if blow.lets_come_up {
                member.wait_ready(IN_TIME).await?;
            }
            dead
        }
        Kind::Terminate => {
            let member = stack.member(blow.process, blow.replica);
            member.terminate();
            member.wait_stopped(BUDGET).await?;
            let ended = clock.now();
            member.launch()?;
            member.wait_ready(IN_TIME).await?;
            ended
        }
        Kind::Freeze => {
            let member = stack.member(blow.process, blow.replica);
            member.freeze();
            tokio::time::sleep(blow.frozen).await;
            member.thaw();
            let thawed = clock.now();
            member.wait_ready(IN_TIME).await?;
            thawed
        }
        Kind::Sever => {
            let mut conn = database::connect(stack.summary()).await?;
            database::end_the_others(&mut conn).await?;
            clock.now()
        }
        Kind::Crash => {
            // Blocks the rounds alone: the load has other threads.
            tokio::task::block_in_place(|| stack.postgres().restart(StopMode::Immediate))
                .context("restart Postgres")?;
            clock.now()
        }
        Kind::Hold => {
            let network = network(stack)?;
            network.stall();
            tokio::time::sleep(blow.frozen).await;
            network.restore().await.context("let the packets pass")?;
            clock.now()
        }
        Kind::Cut => {
            let network = network(stack)?;
            network.cut().await;
            tokio::time::sleep(blow.frozen).await;
            network.restore().await.context("take connections again")?;
            clock.now()
        }
        Kind::Slow => {
            let network = network(stack)?;
            for way in [Direction::ToUpstream, Direction::ToClient] {
                network.delay(way, SLOW);
            }
            tokio::time::sleep(blow.frozen).await;
            network.restore().await.context("let the packets pass")?;
            clock.now()
        }
        Kind::HalfClose => {
            network(stack)?.half_close(blow.way);
            clock.now()
        }
    };
    if let Some(fallen) = stack.fallen() {
        bail!("after \"{blow}\" {fallen}");
    }
    Ok(Struck { blow, from, until })
}

fn network(stack: &Stack) -> Result<&TcpProxy> {
    stack.network().context("nothing lies between the processes and Postgres")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::chaos) fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    pub(in crate::chaos) fn struck(kind: Kind, process: &'static str, from: i64, until: i64) -> Struck {
        let (frozen, way) = (Duration::ZERO, Direction::ToUpstream);
        let blow = Blow { kind, process, replica: 0, frozen, way, lets_come_up: true };
        Struck { blow, from: at(from), until: at(until) }
    }

    #[test]
    fn only_what_takes_a_mail_worker_between_the_copies_explains_the_second() {
        let kill = struck(Kind::Kill, "mail-worker", 10, 10);
        assert!(kill.explains(at(9), at(16)));
        assert!(kill.explains(at(11), at(16)), "the content was under way");
        assert!(!kill.explains(at(14), at(16)), "it was over long before");
        assert!(!kill.explains(at(2), at(9)), "it came later");
        assert!(!struck(Kind::Kill, "notify-worker", 10, 10).explains(at(9), at(16)));
        assert!(!struck(Kind::Terminate, "mail-worker", 10, 11).explains(at(9), at(16)));
        assert!(struck(Kind::Freeze, "mail-worker", 10, 18).explains(at(16), at(18)), "the zombie's own copy");
        assert!(struck(Kind::Crash, "", 10, 12).explains(at(9), at(16)));
    }
}
