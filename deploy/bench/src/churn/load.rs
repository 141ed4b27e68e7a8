//! What is told: something to everybody now and then, and to single players all the time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use shared::db::notifications::{NewNotification, produce};
use shared::domain::notification::{Audience, BROADCAST_PRIORITY, Payload};
use shared::ids::{GameId, UserId};
use shared::queue::{Topic, Waker};
use sqlx::PgConnection;
use testkit::TestDb;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Transactions a second, of single players. One is about one game: its notifications take the lock of the game's row.
const BEATS: u32 = 10;
/// Nothing of a broadcast is under way any more. Each part walks an index of its queue.
const OVER: &str = "
    SELECT NOT (EXISTS (SELECT FROM notifications WHERE status IN ('pending', 'retrying') AND NOT suspect AND priority = $1)
             OR EXISTS (SELECT FROM notifications WHERE status = 'expanding' AND priority = $1)
             OR EXISTS (SELECT FROM notification_routes
                         WHERE status IN ('pending', 'retrying') AND NOT suspect AND priority = $1)
             OR EXISTS (SELECT FROM notification_routes WHERE status = 'dispatching' AND priority = $1))";

/// Whoever tells.
pub struct Producer<'a> {
    /// Where it is written.
    pub db: &'a TestDb,
    /// To tell the workers of it.
    pub waker: Waker,
    /// Single players; they have an address each.
    pub people: Vec<UserId>,
    /// What they are told about.
    pub games: Vec<GameId>,
    /// How many a broadcast is for.
    pub accounts: usize,
    /// Single players a second who are told of something.
    pub mails: usize,
    /// From one broadcast to the next, at least.
    pub every: Duration,
}

/// How much was told.
#[derive(Debug, Default)]
pub struct Told {
    /// Events that a gateway has to get.
    pub events: usize,
    /// Mails that a relay has to get.
    pub mails: usize,
}

impl Producer<'_> {
    /// Tells until then.
    pub async fn run(&self, until: Instant) -> Result<Told> {
        let (mut told, mut next, mut broadcasts) = (Told::default(), Instant::now(), 0);
        let mut beat = interval(Duration::from_secs(1) / BEATS);
        // A machine that is too slow for so much gets less: what is looked at is what stays, not how fast it goes.
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 0.. {
            beat.tick().await;
            if Instant::now() >= until {
                break;
            }
            self.single_players(number, &mut told).await?;
            if Instant::now() >= next && self.is_over().await? {
                next = Instant::now() + self.every;
                broadcasts += 1;
                let payload = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
                let mut tx = self.db.pool().begin().await?;
                tell(&mut tx, payload, format!("everybody-{broadcasts}"), Audience::Everyone, None).await?;
                tx.commit().await?;
                told.events += self.accounts;
                self.waker.wake(Topic::Notifications);
            }
        }
        Ok(told)
    }

    /// The part of a beat, about one game.
    async fn single_players(&self, number: usize, told: &mut Told) -> Result<()> {
        let game = *self.games.get(number % self.games.len().max(1)).context("a game")?;
        let mut tx = self.db.pool().begin().await?;
        for _ in 0..self.mails.div_ceil(usize::try_from(BEATS)?) {
            let player = *self.people.get(told.mails % self.people.len().max(1)).context("a player")?;
            let payload = Payload::LobbyApplicationApproved { game_id: game };
            let key = format!("player-{}", told.mails);
            tell(&mut tx, payload, key, Audience::Users(vec![player]), Some(game)).await?;
            told.mails += 1;
            told.events += 1;
        }
        tx.commit().await?;
        self.waker.wake(Topic::Notifications);
        Ok(())
    }

    async fn is_over(&self) -> Result<bool> {
        Ok(sqlx::query_scalar(OVER).bind(BROADCAST_PRIORITY).fetch_one(&self.db.pool()).await?)
    }
}

async fn tell(
    conn: &mut PgConnection,
    payload: Payload,
    key: String,
    audience: Audience,
    game_id: Option<GameId>,
) -> Result<()> {
    let new = NewNotification { payload, idempotency_key: key, audience, game_id, request_id: None, traceparent: None };
    ensure!(produce(conn, new).await?, "it was told before");
    Ok(())
}
