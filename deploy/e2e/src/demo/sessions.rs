//! Signing in by mailed code, the profile, and a session that is revoked.

use std::net::Ipv4Addr;

use anyhow::{Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use uuid::Uuid;

use super::cast::{Cast, NAMES, Player};
use super::stage::{Stage, id, millis, text};
use crate::gateway::{Answer, As, Call, News};
use crate::sign_in::{self, SignedIn};

impl Stage {
    pub(super) async fn sign_up(&mut self) -> Result<Cast> {
        let mut cast = Cast::default();
        for (number, name) in NAMES.into_iter().enumerate() {
            let word = self.run.to_lowercase();
            let email = format!("{}.{word}@players.example", name.to_lowercase());
            // From the block for documentation (RFC 5737): the gateway passes its clients' addresses on.
            let address = Ipv4Addr::new(203, 0, 113, u8::try_from(number)? + 1);
            // Some devices hold a key, the others only the opaque token.
            let key = (number % 2 == 0).then(|| SigningKey::from_bytes(&rand::random()));
            let signed_in = self.sign_in(&email, address, key.as_ref()).await?;
            ensure!(signed_in.new || self.options.disturbed, "expected a new account for {email}");
            self.check_session(&signed_in, key.as_ref()).await?;
            let user_name = format!("{}-{word}", name.to_lowercase());
            self.name_account(signed_in.user_id, name, &user_name).await?;
            let with = if key.is_some() { "an Ed25519 key" } else { "a session token" };
            let took = millis(signed_in.took);
            self.story.say(format!(
                "{name} asks for a code, has the mail after {took}, signs in with {with}, and is {user_name}"
            ));
            let SignedIn { user_id, session, token, .. } = signed_in;
            cast.0.push(Player { name, email, address, user_id, user_name, session, token });
        }
        let duplicate = Call::patch("/user/account", json!({ "user_name": cast.get("Ada")?.user_name }));
        let answer = self.rest.call(As::User(cast.get("Boris")?.user_id), &duplicate).await?;
        answer.refused(409, "user_name_taken")?;
        self.story.say("Boris wants Ada's user name too, and is refused: user_name_taken");
        Ok(cast)
    }

    /// Asks for a code, reads the mail, confirms it.
    async fn sign_in(&mut self, email: &str, address: Ipv4Addr, key: Option<&SigningKey>) -> Result<SignedIn> {
        let signed_in = sign_in::by_code(&self.rest, &self.mailbox, self.patience(), email, address, key).await?;
        self.codes_asked += signed_in.codes;
        if signed_in.tries == signed_in.codes {
            self.latencies.mail.push(signed_in.took);
        }
        self.secrets.push(signed_in.token.clone());
        self.secrets.extend(key.map(|key| STANDARD.encode(key.verifying_key().as_bytes())));
        Ok(signed_in)
    }

    /// The gateway finds the session by its id and by its token, with the key that the device brought.
    async fn check_session(&self, signed_in: &SignedIn, key: Option<&SigningKey>) -> Result<()> {
        let key = key.map(|key| STANDARD.encode(key.verifying_key().as_bytes()));
        let resolve = Call::post("/internal/sessions/resolve").with(json!({ "session_token": signed_in.token }));
        let get = Call::get(format!("/internal/sessions/{}", signed_in.session));
        for call in [resolve, get] {
            let session = self.rest.call(As::Gateway, &call).await?.expect(200)?;
            let right = id(&session, "device_session_id")? == signed_in.session
                && id(&session, "user_id")? == signed_in.user_id
                && text(&session, "status")? == "active"
                && session.get("client_public_key").and_then(Value::as_str) == key.as_deref();
            ensure!(right, "expected the session that was just opened, got {session}");
        }
        Ok(())
    }

    async fn name_account(&self, user: Uuid, name: &str, user_name: &str) -> Result<()> {
        let names = json!({ "user_name": user_name, "display_name": name });
        let account = self.rest.call(As::User(user), &Call::patch("/user/account", names)).await?.expect(200)?;
        let read = self.rest.call(As::User(user), &Call::get("/user/account")).await?.expect(200)?;
        let kept = |field, value| text(&read, field).is_ok_and(|found| found == value);
        let right = kept("user_name", user_name) && kept("display_name", name) && kept("time_zone", "Europe/Berlin");
        ensure!(right && account == read, "expected the changed profile, got {account} and {read}");
        Ok(())
    }

    /// Chloe signs in on another device, revokes the first, and the gateway hears of it.
    pub(super) async fn lose_a_phone(&mut self, cast: &mut Cast) -> Result<()> {
        let Some(chloe) = cast.0.iter_mut().find(|player| player.name == "Chloe") else { bail!("Chloe is missing") };
        let lost = std::mem::take(&mut chloe.token);
        let lost_session = chloe.session;
        let new = self.sign_in(&chloe.email, chloe.address, None).await?;
        ensure!(new.user_id == chloe.user_id && !new.new, "expected the same account at the second sign-in");
        (chloe.session, chloe.token) = (new.session, new.token);
        let sessions = self.rest.list(As::User(chloe.user_id), "/user/sessions").await?;
        let has =
            |session: Uuid| sessions.iter().any(|s| id(s, "device_session_id").is_ok_and(|found| found == session));
        ensure!(has(lost_session) && has(chloe.session), "expected both of Chloe's sessions, got {sessions:?}");
        self.story.say("Chloe signs in on her tablet, and revokes the session of the phone that she lost");
        let revoke = Call::post(format!("/user/sessions/{lost_session}/revoke"));
        let revoked = self.rest.call(As::User(chloe.user_id), &revoke).await?;
        let (at, repeated) = (revoked.at, revoked.repeated);
        let session = revoked.expect(200)?;
        ensure!(text(&session, "status")? == "revoked", "expected a revoked session, got {session}");
        let user = chloe.user_id;
        let wanted = News::Invalidation { user_id: user, sessions: vec![lost_session] };
        let seen = self.push.wait("the invalidation of Chloe's session", self.patience(), |journal| {
            journal.entries.iter().find(|entry| entry.news == wanted).cloned()
        });
        let entry = seen.await?;
        let took = if repeated { "in the end".to_owned() } else { self.time_push(at, &entry) };
        self.story.say(format!("The gateway is told to drop the phone: {took}"));
        let answer: Answer = self
            .rest
            .call(As::Gateway, &Call::post("/internal/sessions/resolve").with(json!({ "session_token": lost })))
            .await?;
        let session = answer.expect(200)?;
        ensure!(text(&session, "status")? == "revoked", "expected the phone's token to be revoked, got {session}");
        let token = json!({ "session_token": chloe.token });
        let session =
            self.rest.call(As::Gateway, &Call::post("/internal/sessions/resolve").with(token)).await?.expect(200)?;
        ensure!(text(&session, "status")? == "active", "expected the tablet's session to stand, got {session}");
        Ok(())
    }
}
