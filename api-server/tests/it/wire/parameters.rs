//! Paths and queries: nothing unknown, nothing twice, one form of id, and words that say what would be right.

use testkit::openapi::ContractRequest;

use super::{fault, pointers};
use crate::access::some_value;
use crate::every_operation::{Callers, parameters, path};
use crate::harness::{Api, contract};

const ID: &str = "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";

/// An id in forms that are not ours, as they stand in a path or a query.
fn other_forms() -> [String; 5] {
    let bare = ID.replace('-', "");
    [format!("%7B{ID}%7D"), format!("urn:uuid:{ID}"), bare.clone(), format!("%7B{bare}%7D"), format!("%20{ID}")]
}

#[tokio::test]
async fn a_parameter_is_known_and_given_once() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        let ask = |query: &str| {
            let request = callers.bad(operation, format!("{}?{query}", path(operation)));
            match contract.example_body(operation) {
                Some(body) => request.json(&body),
                None => request,
            }
        };
        let refused = async |query: &str, pointer: &str, code: &str| {
            let answer = ask(query).send().await.expect_problem(400, "invalid_request");
            assert_eq!(pointers(&answer), [pointer], "{} {query}", operation.name());
            assert_eq!(fault(&answer).0, code, "{} {query}", operation.name());
        };
        refused("stauts=running", "/query/stauts", "unknown_parameter").await;
        refused("a%00b=1", "/query/a\0b", "unknown_parameter").await;
        for parameter in parameters(operation, "query") {
            let name = parameter["name"].as_str().unwrap();
            let value = match parameter["schema"]["type"].as_str() {
                _ if parameter["schema"]["enum"].is_array() => parameter["schema"]["enum"][0].as_str().unwrap(),
                _ if name == "plan" => "free",
                _ if name == "sanction" => "login_block",
                _ if name == "series" => "turns_generated",
                Some("integer") => "5",
                Some("boolean") => "true",
                _ if parameter["schema"]["format"] == "uuid" => ID,
                _ if parameter["schema"]["format"] == "date-time" => "2026-01-01T00:00:00Z",
                _ if name == "cursor" => "",
                _ => "ada@example.org",
            };
            // Once it is right.
            let answer = ask(&format!("{name}={value}")).send().await;
            // What else the document shows may lie in the past by now.
            let at_fault = answer.status == 400 && pointers(&answer).contains(&format!("/query/{name}"));
            assert!(!at_fault, "{} {name}={value}: {}", operation.name(), answer.json());
            refused(&format!("{name}={value}&{name}={value}"), &format!("/query/{name}"), "duplicate").await;
            // A filter without a value must not list everything.
            if name != "cursor" {
                let answer = ask(&format!("{name}=")).send().await;
                match answer.status.as_u16() {
                    400 => assert_eq!(pointers(&answer), [format!("/query/{name}")], "{}", operation.name()),
                    // A file has its first line, and no other.
                    200 if operation.path.ends_with("/export") => {
                        assert_eq!(String::from_utf8_lossy(&answer.body).lines().count(), 1, "{}", operation.name());
                    }
                    _ => assert_eq!(answer.expect(200).json()["items"], serde_json::json!([]), "{}", operation.name()),
                }
            }
        }
    }
}

#[tokio::test]
async fn an_id_has_one_form_in_paths_and_queries() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        let refused = async |request: ContractRequest, pointer: String| {
            let request = match contract.example_body(operation) {
                Some(body) => request.json(&body),
                None => request,
            };
            let answer = request.send().await.expect_problem(400, "invalid_request");
            assert_eq!(pointers(&answer), [pointer], "{}", operation.name());
            assert!(fault(&answer).1.contains("UUID with hyphens"), "{}", answer.json());
        };
        let is_id = |parameter: &serde_json::Value| parameter["schema"]["format"] == "uuid";
        for parameter in parameters(operation, "path").filter(|p| is_id(p)) {
            let name = parameter["name"].as_str().unwrap();
            for form in other_forms() {
                let path = operation.path_with(|n| if n == name { form.clone() } else { some_value(n) });
                refused(callers.bad(operation, path), format!("/path/{name}")).await;
            }
        }
        for parameter in parameters(operation, "query").filter(|p| is_id(p)) {
            let name = parameter["name"].as_str().unwrap();
            for form in other_forms() {
                let path = format!("{}?{name}={form}", path(operation));
                refused(callers.bad(operation, path), format!("/query/{name}")).await;
            }
        }
    }
}

#[tokio::test]
async fn an_id_may_be_written_in_capitals() {
    let api = Api::start().await;
    let (id, _) = api.player("ada").await;
    let answer = api.gateway().get(format!("/api/v1/internal/users/{}", id.to_uppercase())).send().await.expect(200);
    assert_eq!(answer.json()["account"]["user_id"].as_str().or(answer.json()["user_id"].as_str()), Some(id.as_str()));
    api.user(&id.to_uppercase()).get("/api/v1/user/account").send().await.expect(200);
}

#[tokio::test]
async fn a_wrong_parameter_is_told_what_would_be_right() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let admin = api.admin();
    let game = "00000000-0000-7000-8000-000000000001";
    let report = |turn: &str| ada.get(format!("/api/v1/user/games/{game}/reports/{turn}"));
    let games = |query: &str| admin.get(format!("/api/v1/admin/games?{query}"));
    for (request, pointer, said) in [
        (report("2147483648"), "/path/turn", "must be 0 to 2147483647"),
        (report("99999999999999999999999"), "/path/turn", "must be 0 to 2147483647"),
        (report("-1"), "/path/turn", "must be 0 to 2147483647"),
        (report("1.5"), "/path/turn", "must be a whole number"),
        (report("first"), "/path/turn", "must be a whole number"),
        (games("status=nonsense"), "/query/status", "must be one of draft, enrollment_open,"),
        (games("limit=201"), "/query/limit", "must be 1 to 200"),
        (games("limit=70000"), "/query/limit", "must be 1 to 200"),
        (games("limit=many"), "/query/limit", "must be a whole number"),
        (games("limit=1&stauts=draft"), "/query/stauts", "those that are: "),
        (admin.get("/api/v1/admin/runtimes?status=x"), "/query/status", "must be one of starting, running,"),
        (admin.get("/api/v1/admin/users?plan=gold"), "/query/plan", "must be one of free,"),
        (admin.get("/api/v1/admin/audit-log?at_after=today"), "/query/at_after", "must be a time of RFC 3339"),
        (admin.get("/api/v1/admin/engine-versions?enabled=1"), "/query/enabled", "must be true or false"),
    ] {
        let answer = request.bad().send().await.expect_problem(400, "invalid_request");
        assert_eq!(pointers(&answer), [pointer]);
        assert!(fault(&answer).1.contains(said), "{}", answer.json());
    }
    // Every fault at once, and no more than some of them, however many there are.
    let answer = games("limit=0&stauts=x&visibility=hidden").bad().send().await.expect_problem(400, "invalid_request");
    assert_eq!(pointers(&answer), ["/query/limit", "/query/stauts", "/query/visibility"]);
    let many: Vec<String> = (0..5_000).map(|n| format!("x{n}=")).collect();
    let answer = games(&many.join("&")).bad().send().await.expect_problem(400, "invalid_request");
    assert!(answer.body.len() < 32 * 1024, "{}", answer.body.len());
    games("limit=5.0&cursor=").bad().send().await.expect(200);
}
