//! Gathering: a public game with applications, a private one with invites, and their start.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::cast::{Cast, Player, Seat, Table};
use super::measure::between;
use super::stage::{Stage, id, millis, number, text};
use crate::gateway::{As, Call};
use crate::mailbox::INVITE_SUBJECT;

/// Statuses of a game in the order in which it goes through them.
const WAY: [&str; 6] = ["draft", "enrollment_open", "ready_to_start", "starting", "running", "finished"];

impl Stage {
    /// The engine, a game, applications: three are approved, one is refused.
    pub(super) async fn public_game(&mut self, cast: &Cast) -> Result<Table> {
        self.register_engine().await?;
        let name = format!("{} Open", self.run);
        let body = self.game_body(&name, "Everybody may apply.", 3, 4);
        let game = self.rest.call(As::Admin, &Call::create("/admin/games", body)).await?.expect(201)?;
        ensure!(
            text(&game, "visibility")? == "public" && text(&game, "status")? == "draft",
            "expected a public draft, got {game}"
        );
        let mut table = Table { game_id: id(&game, "game_id")?, name: name.clone(), seats: Vec::new(), owner: None };
        self.advance(As::Admin, &table, "open-enrollment", "enrollment_open").await?;
        self.story.say(format!(
            "The administrator registers engine {} and opens the public game \"{name}\"",
            self.summary.engine_version
        ));

        for (player, title, aggressiveness) in
            [("Ada", "Hegemony", 1.0), ("Boris", "Union", 0.2), ("Chloe", "Garden", 0.1)]
        {
            let player = cast.get(player)?;
            let race = format!("{} {title}", self.run);
            self.sees_game(player, &table).await?;
            let application = self.apply(player, &table, &race).await?.expect(201)?;
            let application_id = id(&application, "application_id")?;
            ensure!(
                text(&application, "status")? == "submitted",
                "expected a submitted application, got {application}"
            );
            let approved = self.decide(&table, application_id, "approve", "approved").await?;
            self.owe(player, "lobby.application.approved", Some(table.game_id), Some(format!("You are in: {name}")));
            let entry = self.told(player, "lobby.application.approved", Some(table.game_id)).await?;
            let took = approved.map_or("in the end".to_owned(), |at| self.time_push(at, &entry));
            self.story
                .say(format!("{} applies as \"{race}\", is approved, and hears of it by push: {took}", player.name));
            table.seats.push(Seat { player: player.name, race, aggressiveness });
        }
        self.refuse_a_look_alike(cast, &table).await?;
        self.turn_one_down(cast, &table).await?;
        self.advance(As::Admin, &table, "ready-to-start", "ready_to_start").await?;
        self.count_members(As::Admin, &table).await?;
        Ok(table)
    }

    async fn register_engine(&self) -> Result<()> {
        let (version, image) = (&self.summary.engine_version, &self.summary.engine_image);
        let body = json!({ "version": version, "image": image });
        let answer = self.rest.call(As::Admin, &Call::create("/admin/engine-versions", body)).await?;
        if answer.code() != "engine_version_exists" {
            answer.expect(201)?;
            return Ok(());
        }
        // Somebody ran the demo here before. A stack that went over to another driver runs another image.
        let path = format!("/admin/engine-versions/{version}");
        let known = self.rest.call(As::Admin, &Call::get(&path)).await?.expect(200)?;
        if text(&known, "image")? != image {
            self.rest.call(As::Admin, &Call::patch(&path, json!({ "image": image }))).await?.expect(200)?;
        }
        Ok(())
    }

    fn game_body(&self, name: &str, description: &str, min_players: u32, max_players: u32) -> Value {
        json!({
            "name": name,
            "description": description,
            "min_players": min_players,
            "max_players": max_players,
            "enrollment_ends_at": Utc::now() + Duration::days(1),
            "turn_schedule": self.options.schedule,
            "target_engine_version": self.summary.engine_version,
        })
    }

    async fn sees_game(&self, player: &Player, table: &Table) -> Result<()> {
        let games = self.rest.list(As::User(player.user_id), "/user/lobby/games").await?;
        let seen = games.iter().any(|game| id(game, "game_id").is_ok_and(|found| found == table.game_id));
        ensure!(seen, "expected {} to see the game {} in the lobby", player.name, table.name);
        Ok(())
    }

    async fn apply(&self, player: &Player, table: &Table, race: &str) -> Result<crate::gateway::Answer> {
        let path = format!("/user/lobby/games/{}/applications", table.game_id);
        self.rest.call(As::User(player.user_id), &Call::create(path, json!({ "race_name": race }))).await
    }

    /// Decides an application; answers when, unless the answer got lost.
    async fn decide(
        &self,
        table: &Table,
        application: Uuid,
        verb: &str,
        status: &str,
    ) -> Result<Option<DateTime<Utc>>> {
        let path = format!("{}/applications", table.manage());
        let answer = self.rest.call(As::Admin, &Call::post(format!("{path}/{application}/{verb}"))).await?;
        if !(answer.repeated && answer.code() == "application_decided") {
            let at = (!answer.repeated).then_some(answer.at);
            let application = answer.expect(200)?;
            ensure!(text(&application, "status")? == status, "expected {status}, got {application}");
            return Ok(at);
        }
        let all = self.rest.list(As::Admin, &path).await?;
        let found = all.iter().find(|a| id(a, "application_id").is_ok_and(|found| found == application));
        let decided = found.and_then(|a| a.get("status")).and_then(Value::as_str);
        ensure!(decided == Some(status), "expected application {application} to be {status}, got {decided:?}");
        Ok(None)
    }

    async fn refuse_a_look_alike(&self, cast: &Cast, table: &Table) -> Result<()> {
        let dmitri = cast.get("Dmitri")?;
        let taken = table.seats.first().map(|seat| seat.race.clone()).context("a seat")?;
        // Another case, a hyphen, zeros: another name to a program, the same to an eye.
        let look_alike = taken.replace(' ', "-").replace('o', "0").to_uppercase();
        self.apply(dmitri, table, &look_alike).await?.refused(409, "race_name_taken")?;
        self.story
            .say(format!("Dmitri would be \"{look_alike}\", which looks like Ada's \"{taken}\": race_name_taken"));
        Ok(())
    }

    async fn turn_one_down(&mut self, cast: &Cast, table: &Table) -> Result<()> {
        let dmitri = cast.get("Dmitri")?;
        let race = format!("{} Echo", self.run);
        let application = self.apply(dmitri, table, &race).await?.expect(201)?;
        let rejected = self.decide(table, id(&application, "application_id")?, "reject", "rejected").await?;
        let subject = "Your application to a game on Galaxy".to_owned();
        self.owe(dmitri, "lobby.application.rejected", Some(table.game_id), Some(subject));
        let entry = self.told(dmitri, "lobby.application.rejected", Some(table.game_id)).await?;
        let took = rejected.map_or("in the end".to_owned(), |at| self.time_push(at, &entry));
        self.story.say(format!("Dmitri applies as \"{race}\" and is turned down, and hears so by push: {took}"));
        Ok(())
    }

    /// A user's game, to which two others are invited by name.
    pub(super) async fn private_game(&mut self, cast: &Cast) -> Result<Table> {
        let dmitri = cast.get("Dmitri")?;
        let owner = As::User(dmitri.user_id);
        let name = format!("{} Duel", self.run);
        let body = self.game_body(&name, "For friends.", 2, 2);
        let game = self.rest.call(owner, &Call::create("/user/lobby/games", body)).await?.expect(201)?;
        ensure!(
            text(&game, "visibility")? == "private" && id(&game, "owner_user_id")? == dmitri.user_id,
            "expected Dmitri's private game, got {game}"
        );
        let game_id = id(&game, "game_id")?;
        let mut table = Table { game_id, name: name.clone(), seats: Vec::new(), owner: Some(dmitri.user_id) };
        self.advance(owner, &table, "open-enrollment", "enrollment_open").await?;
        let outsider = As::User(cast.get("Ada")?.user_id);
        let hidden = self.rest.call(outsider, &Call::get(format!("/user/lobby/games/{game_id}"))).await?;
        hidden.refused(404, "game_not_found")?;
        self.story.say(format!("Dmitri opens the private game \"{name}\"; to Ada it does not exist"));

        for (player, title, aggressiveness) in [("Eva", "Armada", 1.0), ("Chloe", "Meadow", 0.2)] {
            let player = cast.get(player)?;
            let race = format!("{} {title}", self.run);
            self.invite(owner, player, &table).await?;
            self.redeem(player, &table, &race).await?;
            table.seats.push(Seat { player: player.name, race, aggressiveness });
        }
        self.advance(owner, &table, "ready-to-start", "ready_to_start").await?;
        self.count_members(owner, &table).await?;
        Ok(table)
    }

    async fn invite(&mut self, owner: As, player: &Player, table: &Table) -> Result<()> {
        let path = format!("/user/lobby/games/{}/invites", table.game_id);
        let invited =
            self.rest.call(owner, &Call::create(path, json!({ "invited_user_name": player.user_name }))).await?;
        let (at, repeated) = (invited.at, invited.repeated);
        let invite = invited.expect(201)?;
        ensure!(
            id(&invite, "invited_user_id")? == player.user_id,
            "expected an invite for {}, got {invite}",
            player.name
        );
        let subject = INVITE_SUBJECT.to_owned();
        self.owe(player, "lobby.invite.received", Some(table.game_id), Some(subject));
        let entry = self.told(player, "lobby.invite.received", Some(table.game_id)).await?;
        let took = if repeated { "in the end".to_owned() } else { self.time_push(at, &entry) };
        self.story.say(format!("He invites {}, whose client hears of it: {took}", player.user_name));
        Ok(())
    }

    async fn redeem(&self, player: &Player, table: &Table, race: &str) -> Result<()> {
        let who = As::User(player.user_id);
        let mine = self.rest.list(who, "/user/lobby/my/invites").await?;
        let invite = mine.iter().find(|invite| id(invite, "game_id").is_ok_and(|game| game == table.game_id));
        let invite =
            id(invite.with_context(|| format!("expected an invite among {}'s own", player.name))?, "invite_id")?;
        let path = format!("/user/lobby/games/{}/invites/{invite}/redeem", table.game_id);
        let answer = self.rest.call(who, &Call::create(path, json!({ "race_name": race }))).await?;
        // The lost answer was a yes.
        if !(answer.repeated && matches!(answer.code(), "invite_closed" | "already_member")) {
            let status = if answer.status == 201 { 201 } else { 200 };
            answer.expect(status)?;
        }
        self.story.say(format!("{} joins as \"{race}\"", player.name));
        Ok(())
    }

    async fn count_members(&self, manager: As, table: &Table) -> Result<()> {
        let game = self.rest.call(manager, &Call::get(table.manage())).await?.expect(200)?;
        let seats = table.seats.len();
        ensure!(
            number(&game, "approved_count")? == seats as u64,
            "expected {seats} members of {}, got {game}",
            table.name
        );
        let members = self.rest.list(manager, &format!("{}/memberships", table.manage())).await?;
        let known = |race: &str| members.iter().any(|m| text(m, "race_name").is_ok_and(|found| found == race));
        ensure!(
            table.seats.iter().all(|seat| known(&seat.race)),
            "expected every race of {}, got {members:?}",
            table.name
        );
        Ok(())
    }

    /// A transition, repeated harmlessly: what a lost answer had already done is found out by looking.
    async fn advance(&self, manager: As, table: &Table, verb: &str, status: &str) -> Result<()> {
        let answer = self.rest.call(manager, &Call::post(format!("{}/{verb}", table.manage()))).await?;
        let game = if answer.repeated && answer.code() == "game_state_conflict" {
            self.rest.call(manager, &Call::get(table.manage())).await?.expect(200)?
        } else {
            answer.expect(200)?
        };
        let place = |status: &str| WAY.iter().position(|known| *known == status);
        let reached = place(text(&game, "status")?) >= place(status);
        ensure!(reached, "expected {} to be {status} after {verb}, got {game}", table.name);
        Ok(())
    }

    /// Starts it, and waits until the game runs: the next start finds the system idle. The operations log tells when the
    /// container was being created.
    pub(super) async fn start(&mut self, cast: &Cast, table: &Table) -> Result<()> {
        let manager = table.owner.map_or(As::Admin, As::User);
        let by = if table.owner.is_some() { "Dmitri" } else { "The administrator" };
        self.advance(manager, table, "start", "starting").await?;
        self.story.say(format!("{by} starts \"{}\"", table.name));
        let first = table.seats.first().context("a seat")?;
        self.told(cast.get(first.player)?, "game.started", Some(table.game_id)).await?;
        let path = format!("/admin/runtimes/{}", table.game_id);
        let runtime = self.rest.call(As::Admin, &Call::get(path)).await?.expect(200)?;
        let took =
            until_created(&runtime).with_context(|| format!("expected a start and its `create` in {runtime}"))?;
        self.latencies.container.push(took);
        let what = if self.summary.driver == "docker" { "container" } else { "process" };
        self.story.say(format!("Its {what} was being created {} after that, and the engine answers", millis(took)));
        Ok(())
    }
}

/// From the intent to start until its container was first being created, both by the database's clock.
fn until_created(runtime: &Value) -> Option<std::time::Duration> {
    let time = |value: &Value, field| DateTime::parse_from_rfc3339(text(value, field).ok()?).ok();
    let job = runtime.get("job")?;
    let operations = runtime.get("operations")?.as_array()?;
    let begun = operations.iter().rfind(|op| op.get("op").and_then(Value::as_str) == Some("create"))?;
    Some(between(time(job, "created_at")?.to_utc(), time(begun, "at")?.to_utc()))
}
