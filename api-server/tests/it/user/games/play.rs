//! Commands, orders and reports through to the real reference engine (SPEC §9).

use std::net::SocketAddr;
use std::sync::Arc;

use galaxy_engine::reference::Reference;
use galaxy_engine_sdk::settings::Token;
use galaxy_engine_sdk::{Beginning, Engine};
use poem::listener::TcpAcceptor;
use poem::{Body, Response, Route, Server, handler, put};
use serde_json::json;
use tempfile::TempDir;
use testkit::openapi::{ContractClient, ContractResponse};
use testkit::proxy::TcpProxy;

use crate::harness::{Api, VERSION};

/// A running game of two with its engine.
struct Table {
    api: Api,
    game: String,
    ada: ContractClient,
    bob: ContractClient,
    /// What stands between the API and the engine.
    network: TcpProxy,
    _state: TempDir,
}

async fn table() -> Table {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let game = api.open_public_game(json!({})).await;
    api.join(&game, &ada, "Zerg").await;
    api.join(&game, &bob, "Protoss").await;
    let state = tempfile::tempdir().unwrap();
    let network = TcpProxy::start(engine(&game, &state).await).await.unwrap();
    sqlx::query(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
         VALUES ($1::uuid, 'running', 'process', 'd', $2, 'i', 'engine-token', $3)",
    )
    .bind(&game)
    .bind(VERSION)
    .bind(format!("http://{}", network.addr()))
    .execute(&api.pool())
    .await
    .unwrap();
    api.sql("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid", &game).await;
    Table { api, game, ada, bob, network, _state: state }
}

/// The reference engine at turn 0, with the token `engine-token`.
pub async fn engine(game: &str, state: &TempDir) -> SocketAddr {
    let engine = Engine::open(Reference::default(), game, state.path()).unwrap();
    let races = ["Zerg".to_owned(), "Protoss".to_owned()].to_vec();
    engine.init(&Beginning { game_id: game.to_owned(), races, settings: Default::default() }).unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
    let app = galaxy_engine_sdk::http::app(Arc::new(engine), Token::new("engine-token"));
    tokio::spawn(async move { server.run(app).await.unwrap() });
    addr
}

impl Table {
    fn path(&self, what: &str) -> String {
        format!("/api/v1/user/games/{}/{what}", self.game)
    }

    async fn orders(&self, turn: i32, orders: serde_json::Value) -> ContractResponse {
        self.ada.post(self.path("orders")).json(&json!({ "turn": turn, "orders": orders })).send().await
    }
}

#[tokio::test]
async fn members_play_under_their_own_race() {
    let table = table().await;
    let report = table.ada.get(table.path("reports/0")).send().await.expect(200);
    let other = table.bob.get(table.path("reports/0")).send().await.expect(200);
    assert!(report.json().to_string().contains("Zerg"));
    assert_ne!(report.body, other.body, "each race has its own report");
    table.orders(0, json!([{ "kind": "set_research", "technology": "weapons" }])).await.expect(200);
    table.ada.post(table.path("commands")).json(&json!({ "commands": [] })).send().await.expect(200);
    table.ada.get(table.path("reports/7")).send().await.expect_problem(404, "report_not_found");

    let refused = table.orders(0, json!([{ "kind": "dance" }])).await.expect_problem(422, "engine_rejected");
    let fault = &refused.json()["errors"][0];
    assert!(fault["pointer"].as_str().unwrap().starts_with("/orders/0") && fault["code"] != "", "{fault}");

    let (_, eve) = table.api.player("eve").await;
    eve.get(table.path("reports/0")).send().await.expect_problem(403, "not_a_member");
    eve.post(table.path("commands")).json(&json!({ "commands": [] })).send().await.expect_problem(403, "not_a_member");
    for bad in ["{}", r#"{"commands":{}}"#, r#"{"commands":[],"more":1}"#, r#"{"commands":[],"commands":[]}"#, "["] {
        let answer = table.ada.post(table.path("commands")).bad().body("application/json", bad).send().await;
        answer.expect_problem(400, "invalid_request");
    }
    table.ada.get(table.path("reports/-1")).bad().send().await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_closed_turn_takes_no_orders() {
    let table = table().await;
    table.orders(1, json!([])).await.expect_problem(409, "turn_already_closed");
    let game = &table.game;
    table.api.sql("UPDATE runtime_records SET status = 'generation_in_progress' WHERE game_id = $1::uuid", game).await;
    table.orders(0, json!([])).await.expect_problem(409, "turn_already_closed");
    table
        .ada
        .post(table.path("commands"))
        .json(&json!({ "commands": [] }))
        .send()
        .await
        .expect_problem(409, "turn_already_closed");
    table.ada.get(table.path("reports/0")).send().await.expect(200);
    table.api.sql("UPDATE runtime_records SET status = 'running' WHERE game_id = $1::uuid", game).await;
    // Our number may be behind the engine's for a moment: the engine's own refusal is the same conflict.
    table.api.sql("UPDATE games SET current_turn = 1 WHERE game_id = $1::uuid", game).await;
    table.orders(1, json!([])).await.expect_problem(409, "turn_already_closed");
    table.api.sql("UPDATE games SET status = 'paused', pause_reason = 'manual' WHERE game_id = $1::uuid", game).await;
    table.orders(1, json!([])).await.expect_problem(409, "game_paused");
    table.ada.get(table.path("reports/0")).send().await.expect(200);
    table.api.sql("UPDATE games SET status = 'starting' WHERE game_id = $1::uuid", game).await;
    table.orders(1, json!([])).await.expect_problem(409, "game_not_running");
}

#[tokio::test]
async fn an_engine_that_is_down_is_a_503_and_a_finished_games_reports_stay() {
    let table = table().await;
    let report = table.ada.get(table.path("reports/0")).send().await.expect(200);
    table.network.cut().await;
    let answer = table.ada.get(table.path("reports/0")).send().await.expect_problem(503, "engine_unreachable");
    assert!(!answer.header("retry-after").is_empty());
    table.orders(0, json!([])).await.expect_problem(503, "engine_unreachable");

    sqlx::query("INSERT INTO engine_reports (game_id, race_name, turn, report) VALUES ($1::uuid, 'Zerg', 0, $2::json)")
        .bind(&table.game)
        .bind(String::from_utf8(report.body.clone()).unwrap())
        .execute(&table.api.pool())
        .await
        .unwrap();
    table.api.sql("UPDATE games SET status = 'finished' WHERE game_id = $1::uuid", &table.game).await;
    table
        .api
        .sql("UPDATE runtime_records SET status = 'finished', endpoint = NULL WHERE game_id = $1::uuid", &table.game)
        .await;
    let kept = table.ada.get(table.path("reports/0")).send().await.expect(200);
    assert_eq!(kept.body, report.body, "unchanged to the byte");
    table.ada.get(table.path("reports/1")).send().await.expect_problem(404, "report_not_found");
    table.bob.get(table.path("reports/0")).send().await.expect_problem(404, "report_not_found");
    table.orders(0, json!([])).await.expect_problem(409, "game_not_running");
}

/// Answers with what it was sent: the reference engine keeps no copy of the bytes that it reads.
#[handler]
async fn echo(body: Body) -> Response {
    Response::builder().content_type("application/json").body(body.into_bytes().await.unwrap())
}

#[tokio::test]
async fn what_is_opaque_passes_unchanged() {
    let table = table().await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    table.network.set_upstream(listener.local_addr().unwrap());
    table.network.cut().await;
    table.network.restore().await.unwrap();
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
    tokio::spawn(server.run(Route::new().at("/api/v1/command", put(echo)).at("/api/v1/order", put(echo))));
    // A number that a parser would round, members out of order, spaces, an escape.
    let opaque = r#"[{"b": 12345678901234567890123, "a":1.10e2,"\u0063":null},  [] ]"#;
    for (what, more, expected) in [
        ("commands", String::new(), format!(r#"{{"race_name":"Zerg","commands":{opaque}}}"#)),
        ("orders", r#""turn":0,"#.to_owned(), format!(r#"{{"race_name":"Zerg","turn":0,"orders":{opaque}}}"#)),
    ] {
        let body = format!(r#"{{{more}"{what}":{opaque}}}"#);
        let answer = table.ada.post(table.path(what)).bad().body("application/json", body).send().await.expect(200);
        assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
    }
}

#[tokio::test]
async fn commands_orders_and_reports_are_refused_alike() {
    let table = table().await;
    let (_, eve) = table.api.player("eve").await;
    let (commands, orders) = (json!({ "commands": [] }), json!({ "turn": 0, "orders": [] }));
    let sent = [("commands", &commands), ("orders", &orders)];
    for (what, body) in sent {
        eve.post(table.path(what)).json(body).send().await.expect_problem(403, "not_a_member");
    }
    let dance = json!({ "commands": [{ "kind": "dance" }] });
    table.ada.post(table.path("commands")).json(&dance).send().await.expect_problem(422, "engine_rejected");
    // A race that the engine does not know.
    let name = async |from: &str, to: &str| {
        let rename =
            format!("UPDATE memberships SET race_name = '{to}' WHERE race_name = '{from}' AND game_id = $1::uuid");
        table.api.sql(&rename, &table.game).await;
    };
    name("Zerg", "Nobody").await;
    table.ada.get(table.path("reports/0")).send().await.expect_problem(422, "engine_rejected");
    name("Nobody", "Zerg").await;
    for (status, code) in [("paused', pause_reason = 'manual", "game_paused"), ("finished", "game_not_running")] {
        table.api.sql(&format!("UPDATE games SET status = '{status}' WHERE game_id = $1::uuid"), &table.game).await;
        for (what, body) in sent {
            table.ada.post(table.path(what)).json(body).send().await.expect_problem(409, code);
        }
    }
    table.api.sql("UPDATE games SET status = 'running' WHERE game_id = $1::uuid", &table.game).await;
    table.network.cut().await;
    for (what, body) in sent {
        table.ada.post(table.path(what)).json(body).send().await.expect_problem(503, "engine_unreachable");
    }
    table.api.sql("DELETE FROM runtime_records WHERE game_id = $1::uuid", &table.game).await;
    table.ada.get(table.path("reports/0")).send().await.expect_problem(409, "game_not_running");
}
