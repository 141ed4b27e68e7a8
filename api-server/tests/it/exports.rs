//! Lists of administrators as files: the rows of the list, cells that do nothing, nobody's connection, and a line in the trail.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::openapi::{Contract, ContractClient, ContractResponse};

use crate::admin::auth::{AUTH, administrator, by_code, code, forget_steps, set_up, signed_in, with_cookie};
use crate::admin::runtimes::running;
use crate::admin::{mail, mail_is, notification, route};
use crate::harness::{Api, VERSION, contract, text};

const ADMIN: &str = "/api/v1/admin";

/// Every export, with a filter that leaves some of what [`scene`] makes, and not all.
const EXPORTS: [(&str, &str); 8] = [
    ("users", "name=ada"),
    ("games", "status=enrollment_open&visibility=public"),
    ("runtimes", "status=running"),
    ("mail/deliveries", "recipient=ann@example.org"),
    ("mail/dead-letters", "status=quarantined"),
    ("notifications", "status=dead_lettered"),
    ("notifications/dead-letters", "channel=push"),
    ("audit-log", "action=game.create"),
];

/// What a list is called in the trail; a file is named after it, too.
fn name_of(list: &str) -> String {
    list.replace(['/', '-'], "_").replace("notifications_", "notification_")
}

/// A few of everything that is listed.
async fn scene(api: &Api) {
    let ada = api.account("ada").await;
    identity(api, &ada, "ada@example.org").await;
    running(api).await;
    let stopped = running(api).await;
    api.sql("UPDATE runtime_records SET status = 'stopped' WHERE game_id = $1::uuid", &stopped).await;
    api.open_public_game(json!({ "description": "=1+1", "settings": { "turn_limit": 30 } })).await;
    mail(api, "waits", &["ann@example.org", "bob@example.org"]).await;
    for (key, status) in [("dead", "dead_lettered"), ("odd", "quarantined")] {
        let id = mail(api, key, &["eve@example.org"]).await;
        mail_is(api, id, status).await;
        let told = notification(api, &ada, key).await;
        let channel = if status == "quarantined" { "push" } else { "email" };
        route(api, told, &ada, channel, status).await;
    }
    crate::admin::expansion_dies(api, notification(api, &ada, "lost").await, "dead_lettered").await;
}

async fn identity(api: &Api, user: &str, address: &str) {
    let insert = format!(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', '{address}')"
    );
    api.sql(&insert, user).await;
}

/// The first line, and the others.
fn read(answer: &ContractResponse) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines = csv::ReaderBuilder::new().has_headers(false).from_reader(answer.body.as_slice());
    let mut lines = lines.records().map(|line| line.unwrap().iter().map(str::to_owned).collect());
    (lines.next().expect("a first line"), lines.collect())
}

async fn exported(client: &ContractClient, list: &str) -> ContractResponse {
    let (list, query) = list.split_once('?').unwrap_or((list, ""));
    client.get(format!("{ADMIN}/{list}/export?{query}")).send().await.expect(200)
}

/// What a cell must be, by the item of the list.
fn cell(item: &Value, column: &str) -> String {
    let value = column.split('.').try_fold(item, |value, name| value.get(name));
    match value.unwrap_or(&Value::Null) {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '@']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn every_export_has_the_rows_of_its_list_and_its_filters() {
    let api = Api::start().await;
    scene(&api).await;
    for (list, query) in EXPORTS {
        let admin = api.admin();
        let listed: Value = admin.get(format!("{ADMIN}/{list}?{query}")).query("limit", 200).send().await.json();
        let all: Value = admin.get(format!("{ADMIN}/{list}?limit=200")).send().await.json();
        let (items, all) = (listed["items"].as_array().unwrap(), all["items"].as_array().unwrap());
        assert!(!items.is_empty() && items.len() < all.len(), "{list}: {} of {}", items.len(), all.len());
        let answer = exported(&admin, &format!("{list}?{query}")).await;
        let (columns, rows) = read(&answer);
        let expected: Vec<Vec<String>> =
            items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()).collect();
        assert_eq!(rows, expected, "{list}");
        let (_, rows) = read(&exported(&admin, list).await);
        // The trail has grown by the export itself.
        assert!(rows.len() >= all.len(), "{list}");

        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
        let name = answer.header("content-disposition");
        let minute = name.strip_prefix(&format!("attachment; filename=\"{}-", name_of(list).replace('_', "-")));
        let minute = minute.and_then(|rest| rest.strip_suffix(".csv\"")).unwrap_or_else(|| panic!("{list}: {name}"));
        assert!(chrono::NaiveDateTime::parse_from_str(minute, "%Y%m%dT%H%MZ").is_ok(), "{name}");
        let lines = String::from_utf8(answer.body).unwrap();
        assert!(lines.ends_with("\r\n") && !lines.starts_with('\u{FEFF}'), "{list}");
    }
}

/// The columns of an object of the document.
fn columns(contract: &Contract, schema: &Value, before: &str) -> BTreeSet<String> {
    let parts = schema["anyOf"].as_array().into_iter().flatten().chain([schema]);
    let target = parts.filter_map(|part| part["$ref"].as_str()).next();
    let schema = target.map_or(schema, |target| contract.document().pointer(&target[1..]).unwrap());
    match schema["properties"].as_object() {
        None => [before.to_owned()].into(),
        Some(members) => {
            let name = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}.{name}") };
            members.iter().flat_map(|(member, schema)| columns(contract, schema, &name(member))).collect()
        }
    }
}

#[tokio::test]
async fn the_columns_are_those_of_the_document_also_where_nothing_is_listed() {
    let api = Api::start().await;
    let contract = contract();
    for (list, _) in EXPORTS {
        let (head, rows) = read(&exported(&api.admin(), list).await);
        assert_eq!(rows.len(), 0, "{list}: {rows:?}");
        let path = format!("/paths/{}/get", format!("{ADMIN}/{list}").replace('/', "~1"));
        let page = &contract.document().pointer(&path).unwrap()["responses"]["200"]["content"]["application/json; charset=utf-8"];
        let page = page["schema"]["$ref"].as_str().unwrap();
        let item = contract.document().pointer(&format!("{}/properties/items/items", &page[1..])).unwrap();
        assert_eq!(head.iter().cloned().collect::<BTreeSet<_>>(), columns(&contract, item, ""), "{list}");
        assert!(head[0].ends_with("_id"), "{list}: {head:?}");
        // The document shows the same line.
        let export = contract.document().pointer(&path.replace("/get", "~1export/get")).unwrap();
        let shown = export["responses"]["200"]["content"]["text/csv"]["example"].as_str().unwrap();
        assert_eq!(shown.trim_end().split(',').collect::<Vec<_>>(), head, "{list}");
        api.sql("DELETE FROM audit_log WHERE actor <> $1", "").await;
    }
}

#[tokio::test]
async fn an_export_goes_on_over_many_pages_and_from_a_cursor() {
    let api = Api::start().await;
    let insert = "INSERT INTO accounts (user_id, user_name, canonical_user_name, preferred_language, time_zone)
                  SELECT gen_random_uuid(), 'pilot-' || n, 'pilot-' || n, $1, 'UTC' FROM generate_series(1, 450) n";
    api.sql(insert, "en").await;
    let (head, rows) = read(&exported(&api.admin(), "users").await);
    let id = head.iter().position(|column| column == "user_id").unwrap();
    let ids: Vec<&String> = rows.iter().map(|row| &row[id]).collect();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (450, 450));
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first");
    let page = api.admin().get(format!("{ADMIN}/users?limit=200")).send().await.expect(200).json();
    let cursor = text(&page, "next_cursor");
    let (_, rest) = read(&exported(&api.admin(), &format!("users?cursor={cursor}")).await);
    assert_eq!(rest, rows[200..]);
    let bad = api.admin().get(format!("{ADMIN}/users/export?cursor=%25")).bad().send().await;
    assert_eq!(bad.expect_problem(400, "invalid_request").json()["errors"][0]["pointer"], "/query/cursor");
}

#[tokio::test]
async fn a_viewer_gets_a_file_with_addresses_masked_and_whoever_looks_after_people_in_full() {
    let api = Api::start().await;
    scene(&api).await;
    for (name, roles, address, recipient) in [
        ("vic", &["viewer"][..], "a***@example.org", "b***@example.org"),
        ("sue", &["support"], "ada@example.org", "bob@example.org"),
    ] {
        administrator(&api, name, roles).await;
        let client = signed_in(&api, name).await;
        let (head, rows) = read(&exported(&client, "users?name=ada").await);
        let email = head.iter().position(|column| column == "email").unwrap();
        assert_eq!(rows[0][email], address, "{name}");
        let (head, rows) = read(&exported(&client, "mail/deliveries?template_id=game.started").await);
        let to = head.iter().position(|column| column == "recipients").unwrap();
        let to: Vec<Value> = rows.iter().map(|row| serde_json::from_str(&row[to]).unwrap()).collect();
        let mut addresses = to.iter().flat_map(|all| all.as_array().unwrap()).map(|one| text(one, "address"));
        assert!(addresses.any(|address| address == recipient), "{name}: {to:?}");
    }
}

#[tokio::test]
async fn whoever_took_a_file_stands_in_the_trail_and_whom_they_looked_for_does_not() {
    let api = Api::start().await;
    scene(&api).await;
    for (list, query) in EXPORTS {
        exported(&api.admin(), &format!("{list}?{query}")).await;
        let name = name_of(list);
        let (target, detail): (String, Value) = sqlx::query_as(
            "SELECT target_id, detail FROM audit_log WHERE action = $1 AND target_type = 'list' AND outcome = 'done'",
        )
        .bind(format!("{name}.export"))
        .fetch_one(&api.pool())
        .await
        .unwrap_or_else(|error| panic!("{list}: {error}"));
        assert_eq!((target, &detail["goes_on"]), (name, &json!(false)));
        let (asked, value) = query.split('&').next().and_then(|pair| pair.split_once('=')).unwrap();
        let value = if matches!(asked, "name" | "recipient") { "(given)" } else { value };
        assert_eq!(detail["filter"][asked], value, "{list}: {detail}");
    }
    exported(&api.admin(), "users?email=ada@example.org").await;
    assert_eq!(api.count("audit_log WHERE action = 'users.export' AND detail::text LIKE '%(given)%'").await, 2);
    assert_eq!(api.count("audit_log WHERE detail::text LIKE '%\"ada%' OR detail::text LIKE '%@example%'").await, 0);
    // Who is refused has taken nothing.
    let before = api.count("audit_log").await;
    api.admin().get(format!("{ADMIN}/users/export?email=nobody")).bad().send().await.expect(400);
    assert_eq!(api.count("audit_log").await, before);
}

#[tokio::test]
async fn a_file_wants_a_code_within_ten_minutes_from_whoever_has_a_second_factor() {
    let api = Api::start().await;
    administrator(&api, "ada", &["support"]).await;
    let client = signed_in(&api, "ada").await;
    exported(&client, "users").await;
    let (secret, _, _) = set_up(&api, &client).await;
    forget_steps(&api, "ada").await;
    let client = with_cookie(&api, &by_code(&api, "ada", &code(&api, &secret, 0).await).await.expect(200));
    exported(&client, "users").await;
    api.sql("UPDATE admin_sessions SET confirmed_until = now() WHERE user_name = $1", "ada").await;
    let refused = client.get(format!("{ADMIN}/users/export")).send().await;
    refused.expect_problem(403, "confirmation_required");
    client.get(format!("{ADMIN}/users")).send().await.expect(200);
    forget_steps(&api, "ada").await;
    let confirm = json!({ "code": code(&api, &secret, 0).await });
    client.post(format!("{AUTH}/confirm")).json(&confirm).send().await.expect(200);
    exported(&client, "users").await;
    assert_eq!(api.count("audit_log WHERE action = 'users.export'").await, 3);
    assert_eq!(api.count("audit_log WHERE action = 'admin_export_users' AND outcome = 'refused'").await, 1);
}

/// Four files that nobody reads on, where the replica has three connections to Postgres.
#[tokio::test]
async fn a_file_that_lies_unread_holds_no_connection_and_has_nothing_that_came_meanwhile() {
    let api = Api::start().await;
    api.engine_version().await;
    let insert = "INSERT INTO games (game_id, name, description, visibility, min_players, max_players, enrollment_ends_at,
                                     turn_schedule, target_engine_version)
                  SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Orion', repeat('x', 4000), 'public',
                         2, 4, now() + interval '1 day', '@every 1h', $1 FROM generate_series(1, 5000) n";
    api.sql(insert, VERSION).await;
    let settings = [("BACKEND_POSTGRES_MAX_CONNS", "3"), ("BACKEND_HTTP_WRITE_TIMEOUT", "80s")];
    let narrow = api.replica_with(&settings).await;
    let url = format!("http://{}{ADMIN}/games/export", narrow.rest);
    let mut files = Vec::new();
    for _ in 0..4 {
        let ask = reqwest::Client::new().get(&url).basic_auth(crate::harness::ADMIN, Some(crate::harness::PASSWORD));
        let answer = ask.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        files.push(answer);
    }
    let late = api.public_game(json!({ "name": "Latecomer" })).await;
    let listed = narrow.admin().get(format!("{ADMIN}/games?limit=1")).send().await.expect(200).json();
    assert_eq!(listed["items"][0]["game_id"], late);
    for file in files {
        let body = file.bytes().await.unwrap();
        let mut lines = csv::Reader::from_reader(body.as_ref());
        let rows: Vec<csv::StringRecord> = lines.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 5000);
        assert!(rows.iter().all(|row| &row[0] != late.as_str()));
    }
}
