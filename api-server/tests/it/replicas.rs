//! Facts that decide who may do what hold on every replica with the very next call (SPEC §15), whatever becomes of the
//! connections that could tell a replica of a change.

use serde_json::{Value, json};
use testkit::proxy::TcpProxy;

use crate::harness::{Api, PASSWORD, text};
use crate::public::auth::sign_in::sign_in_from;

/// How often each fact is changed: a replica that learns of it a moment later would be caught.
const TIMES: usize = 5;

/// Changes facts by way of one replica and asks the other, at once.
async fn the_next_call_knows(here: &Api, there: &Api, round: usize) {
    for n in round * TIMES..(round + 1) * TIMES {
        a_block(here, there, n).await;
        a_revoked_session(here, there, n).await;
        an_administrator(here, there, n).await;
    }
}

async fn a_block(here: &Api, there: &Api, n: usize) {
    let user = here.account(&format!("blocked-{n}")).await;
    let account = "/api/v1/user/account";
    for replica in [here, there] {
        replica.user(&user).get(account).send().await.expect(200);
    }
    here.sanction(&user, "profile_update_block").await;
    let patch = json!({ "display_name": "Ada" });
    there.user(&user).patch(account).json(&patch).send().await.expect_problem(403, "sanctioned");
    here.sanction(&user, "permanent_block").await;
    there.user(&user).get(account).send().await.expect_problem(401, "user_unknown");
    here.sql("UPDATE sanctions SET lifted_at = now() WHERE user_id = $1::uuid", &user).await;
    there.user(&user).get(account).send().await.expect(200);
    here.sql("UPDATE accounts SET deleted_at = now() WHERE user_id = $1::uuid", &user).await;
    there.user(&user).get(account).send().await.expect_problem(401, "user_unknown");
}

async fn a_revoked_session(here: &Api, there: &Api, n: usize) {
    let (_, token, session) = signed_in(here, &format!("{n}@example.org")).await;
    let path = format!("/api/v1/internal/sessions/{session}");
    let by_token = async |api: &Api| -> Value {
        let body = json!({ "session_token": token });
        api.gateway().post("/api/v1/internal/sessions/resolve").json(&body).send().await.expect(200).json()
    };
    for replica in [here, there] {
        assert_eq!(replica.gateway().get(&path).send().await.expect(200).json()["status"], "active");
        assert_eq!(by_token(replica).await["status"], "active");
    }
    here.gateway().post(format!("{path}/revoke")).send().await.expect(200);
    assert_eq!(there.gateway().get(&path).send().await.expect(200).json()["status"], "revoked");
    assert_eq!(by_token(there).await["status"], "revoked");
}

async fn an_administrator(here: &Api, there: &Api, n: usize) {
    const OTHER: &str = "another correct horse";
    let (name, list) = (format!("admin-{n}"), "/api/v1/admin/engine-versions");
    // The rows that the calls of the administrators' own group write, without what bcrypt costs at each.
    let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
    let set = async |statement: &str, value: &str| {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::query(statement).bind(&name).bind(value).execute(&here.pool()).await.unwrap();
    };
    set("INSERT INTO admin_accounts (user_name, password_hash) VALUES ($1, $2)", &hash(PASSWORD)).await;
    // From an address of its own: failures slow an address down.
    let from = format!("192.0.2.{n}");
    let ask = async |api: &Api, password: &str| {
        api.client.with_basic(&name, password).get(list).header("X-Forwarded-For", &from).send().await
    };
    // Twice: the second is answered from the cache of verified passwords.
    for replica in [here, there, here, there] {
        ask(replica, PASSWORD).await.expect(200);
    }
    set("UPDATE admin_accounts SET password_hash = $2 WHERE user_name = $1", &hash(OTHER)).await;
    ask(there, PASSWORD).await.expect_problem(401, "admin_credentials_required");
    ask(there, OTHER).await.expect(200);
    set("UPDATE admin_accounts SET enabled = $2::bool WHERE user_name = $1", "false").await;
    ask(there, OTHER).await.expect_problem(401, "admin_credentials_required");
    set("UPDATE admin_accounts SET enabled = $2::bool WHERE user_name = $1", "true").await;
    ask(there, OTHER).await.expect(200);
}

/// User, token and session of a sign-in.
async fn signed_in(api: &Api, email: &str) -> (String, String, String) {
    let answer = sign_in_from(api, email, "127.0.0.1").await;
    (text(&answer, "user_id"), text(&answer, "session_token"), text(&answer, "device_session_id"))
}

#[tokio::test]
async fn what_one_replica_decides_holds_on_the_other_with_the_next_call() {
    let here = Api::start().await;
    let there = here.replica().await;
    the_next_call_knows(&here, &there, 0).await;
    the_next_call_knows(&there, &here, 1).await;
}

#[tokio::test]
async fn a_replica_that_hears_no_notifications_serves_nothing_stale() {
    let here = Api::start().await;
    let proxy = TcpProxy::start(here.db().server_addr()).await.unwrap();
    let ears = here.db().dsn_via(proxy.addr());
    let there = here.replica_with(&[("BACKEND_POSTGRES_LISTEN_DSN", &ears)]).await;
    // Alive but deaf: the connection stands, and nothing comes through it.
    proxy.stall();
    the_next_call_knows(&here, &there, 0).await;
    proxy.restore().await.unwrap();
    proxy.cut().await;
    the_next_call_knows(&here, &there, 1).await;
}
