//! Countries (SPEC §14): declared at registration, counted on each request, and never in anybody's way.

mod counts;
mod database;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::{eventually, mmdb};

use crate::harness::{Api, text};
use crate::public::auth::sign_in::sign_in_from;

const SOON: Duration = Duration::from_secs(90);
/// Where addresses of these tests are at home. Loopback, the tests' own address, is nowhere.
const WORLD: &[(&str, &str)] =
    &[("192.0.2.0/24", "DE"), ("198.51.100.0/24", "FR"), ("2001:db8:1::/48", "JP"), ("203.0.113.0/24", "de")];
const QUICK: &str = "20ms";

/// A database file of its own.
struct File {
    dir: TempDir,
}

impl File {
    fn new(entries: &[(&str, &str)]) -> Self {
        let file = Self { dir: tempfile::tempdir().unwrap() };
        file.rewrite(&mmdb::countries(entries));
        file
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("country.mmdb")
    }

    /// As careful updaters do it: beside it, then in its place.
    fn replace(&self, bytes: &[u8]) {
        let beside = self.dir.path().join("new");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(beside, self.path()).unwrap();
    }

    fn rewrite(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
    }

    async fn api(&self) -> Api {
        Api::start_with(&self.settings().each_ref().map(|(name, value)| (*name, value.as_str()))).await
    }

    fn settings(&self) -> [(&'static str, String); 3] {
        [
            ("BACKEND_GEOIP_DB_PATH", self.path().display().to_string()),
            ("BACKEND_GEOIP_FLUSH_INTERVAL", QUICK.to_owned()),
            ("BACKEND_GEOIP_RELOAD_INTERVAL", QUICK.to_owned()),
        ]
    }
}

/// One request of a user from an address.
async fn call_from(api: &Api, user: &str, address: &str) {
    api.user(user).get("/api/v1/user/account").header("X-Forwarded-For", address).send().await.expect(200);
}

async fn countries(api: &Api, user: &str) -> Value {
    let path = format!("/api/v1/admin/users/{user}/countries");
    api.admin().get(path).send().await.expect(200).json()["items"].clone()
}

async fn counted(api: &Api, user: &str, expected: Value) {
    eventually(SOON, "the counts are written", || async {
        let seen = countries(api, user).await;
        if seen == expected { Ok(()) } else { Err(seen) }
    })
    .await;
}

/// A user who signed in from an address.
async fn sign_up_from(api: &Api, email: &str, ip: &str) -> String {
    text(&sign_in_from(api, email, ip).await, "user_id")
}

async fn declared(api: &Api, user: &str) -> Value {
    api.user(user).get("/api/v1/user/account").send().await.expect(200).json()["declared_country"].clone()
}
