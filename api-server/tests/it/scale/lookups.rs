//! Writes that look something up first: by token, code, name, address, or by counting what somebody has.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;
use testkit::seed::Caller;

use super::MODES;
use crate::harness::game;

/// A write whose statements are judged, whatever it answers.
pub struct Lookup {
    pub method: Method,
    pub caller: Caller,
    pub path: String,
    pub body: Value,
}

/// One of each. Those that use something up take another one in each mode.
pub async fn all(admin: &mut PgConnection, mode: &str) -> Vec<Lookup> {
    let nth = i64::from(mode == MODES[1]);
    let one = async |admin: &mut PgConnection, what: &'static str| -> String {
        sqlx::query_scalar(what).bind(nth).fetch_one(admin).await.unwrap()
    };
    let heavy = Caller::User { heavy: true };
    let ordinary = Caller::User { heavy: false };
    let submitted = one(
        admin,
        "SELECT 'games/' || game_id || '/applications/' || application_id FROM applications JOIN games USING (game_id)
          WHERE applications.status = 'submitted' AND owner_user_id = (SELECT user_id FROM accounts
              WHERE user_name = 'pilot-0000001') OFFSET $1 LIMIT 1",
    )
    .await;
    let code = one(
        admin,
        "SELECT code FROM invites WHERE status = 'open' AND code IS NOT NULL AND uses < max_uses OFFSET $1 LIMIT 1",
    )
    .await;
    let open_game = one(
        admin,
        "SELECT game_id::text FROM games WHERE status = 'enrollment_open' AND visibility = 'public' AND approved_count < max_players
          ORDER BY game_id OFFSET $1 LIMIT 1",
    )
    .await;
    let own_game = one(
        admin,
        "SELECT game_id::text FROM games WHERE status = 'enrollment_open' AND visibility = 'private'
            AND owner_user_id = (SELECT user_id FROM accounts WHERE user_name = 'pilot-0000001') OFFSET $1 LIMIT 1",
    )
    .await;
    let invitee = one(admin, "SELECT 'pilot-000' || 1234 + $1::bigint").await;
    let session = one(
        admin,
        "SELECT device_session_id::text FROM device_sessions JOIN accounts USING (user_id)
          WHERE user_name = 'pilot-0000001' AND status = 'active' OFFSET $1 LIMIT 1",
    )
    .await;
    let challenge = one(
        admin,
        "SELECT challenge_id::text FROM auth_challenges WHERE consumed_at IS NULL
        AND expires_at > now() OFFSET $1 LIMIT 1",
    )
    .await;
    let lookup =
        |caller, path: String, body| Lookup { method: Method::POST, caller, path: format!("/api/v1/{path}"), body };
    let gone =
        one(admin, "SELECT user_id::text FROM accounts WHERE user_name = 'pilot-00012' || 34 + $1::bigint").await;
    let blocked =
        one(admin, "SELECT user_id::text FROM accounts WHERE user_name = 'pilot-00012' || 44 + $1::bigint").await;
    vec![
        lookup(Caller::Gateway, "internal/sessions/resolve".into(), json!({ "session_token": "seed-token-1-1" })),
        lookup(
            Caller::Gateway,
            "public/auth/send-email-code".into(),
            json!({ "email": format!("pilot-000000{}@seed.example", 6 + nth) }),
        ),
        lookup(
            Caller::Gateway,
            "public/auth/confirm-email-code".into(),
            json!({ "challenge_id": challenge, "code": "000000" }),
        ),
        lookup(ordinary, format!("user/lobby/games/{open_game}/applications"), json!({ "race_name": "Quokka" })),
        lookup(ordinary, "user/lobby/invites/redeem".into(), json!({ "code": code, "race_name": "Quagga" })),
        lookup(ordinary, "user/lobby/games".into(), game(json!({ "target_engine_version": "0.1.9" }))),
        lookup(heavy, "user/lobby/games".into(), game(json!({ "target_engine_version": "0.1.9" }))),
        lookup(heavy, format!("user/lobby/games/{own_game}/invites"), json!({ "invited_user_name": invitee })),
        lookup(heavy, format!("user/lobby/{submitted}/approve"), Value::Null),
        lookup(heavy, format!("user/sessions/{session}/revoke"), Value::Null),
        lookup(
            Caller::Admin,
            format!("admin/users/{blocked}/sanctions"),
            json!({ "kind": "permanent_block", "reason": "x" }),
        ),
        Lookup { method: Method::DELETE, ..lookup(Caller::Admin, format!("admin/users/{gone}"), Value::Null) },
        lookup(heavy, "user/lobby/race-names/register".into(), json!({ "race_name": "Quokka" })),
    ]
}
