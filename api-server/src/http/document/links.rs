//! OpenAPI links: what can be done with an object that an operation has just made.

use serde_json::{Map, Value, json};

use super::each_operation;
use crate::http::request::guard::Group;

/// An operation that can follow another one.
struct Follower {
    id: String,
    group: Group,
    /// Names of its path parameters.
    wants: Vec<String>,
    summary: String,
}

/// From each 201, to every operation of the group whose path parameters are all members of the new object.
pub(super) fn join(document: &mut Value) {
    let mut followers = Vec::new();
    each_operation(document, |path, _, operation| {
        let wants: Vec<String> = path
            .split('/')
            .filter_map(|segment| Some(segment.strip_prefix('{')?.strip_suffix('}')?.to_owned()))
            .collect();
        let text = |name: &str| operation.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if !wants.is_empty() {
            followers.push(Follower {
                id: text("operationId"),
                group: Group::of(path),
                wants,
                summary: text("summary"),
            });
        }
    });
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    each_operation(document, |path, _, operation| {
        let Some(made) = operation.get_mut("responses").and_then(|r| r.get_mut("201")) else { return };
        let contents = made.get("content").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let mut names = contents.filter_map(|media| media.pointer("/schema/$ref")?.as_str()?.rsplit('/').next());
        let Some(members) = names.find_map(|name| schemas.get(name)?.get("properties")?.as_object()) else { return };
        let links: Map<String, Value> = followers
            .iter()
            .filter(|f| f.group == Group::of(path) && f.wants.iter().all(|name| members.contains_key(name)))
            .map(|f| {
                let values: Map<String, Value> =
                    f.wants.iter().map(|name| (name.clone(), format!("$response.body#/{name}").into())).collect();
                (f.id.clone(), json!({ "operationId": f.id, "parameters": values, "description": f.summary }))
            })
            .collect();
        if let Some(made) = made.as_object_mut().filter(|_| !links.is_empty()) {
            made.insert("links".into(), Value::Object(links));
        }
    });
}
