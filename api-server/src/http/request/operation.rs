//! What one operation takes besides its body: path, query, and headers, checked by the document before the handler reads them.
//!
//! The generator's own extractors pass over names that they do not know, take the first of two values, and speak of their own
//! types. So whatever is at fault is found here, all faults at once, and a handler meets parameters in their one form alone.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use poem::Request;
use poem::http::Uri;
use poem::http::uri::PathAndQuery;
use serde_json::Value;

use super::idempotency;
use super::parameter::Parameter;
use super::purpose;
use super::rights::{self, Right};
use super::schema::{Faults, escaped};
use crate::refusal::Problem;

/// What the trail calls that which a parameter of a path names. Notes, sanctions and entitlements are of the account or the game
/// whose they are.
const NOUNS: &[(&str, &str)] = &[
    ("user_name", "admin_account"),
    ("session_id", "admin_session"),
    ("token_id", "admin_token"),
    ("version", "engine_version"),
    ("game_id", "game"),
    ("user_id", "user"),
    ("membership_id", "membership"),
    ("application_id", "application"),
    ("delivery_id", "mail_delivery"),
    ("route_id", "notification_route"),
    ("notification_id", "notification"),
    ("name", "queue"),
];

/// The longest name of something, in bytes.
const MAX_TARGET: usize = 256;

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    /// The path's segments; `{name}` for a parameter.
    segments: Vec<String>,
    path: Vec<Parameter>,
    query: Vec<Parameter>,
    takes_idempotency_key: bool,
    /// Whether there is a body in the document.
    pub takes_body: bool,
    /// Which of the members that say why it is done stand in its body ([`super::purpose`]).
    pub in_body: Vec<&'static str>,
    /// What it asks of an administrator; `None` for operations of other groups.
    pub right: Option<&'static Right>,
}

impl Operation {
    /// Reads it from the document.
    pub fn new(template: &str, spec: &Value, document: &Value) -> Self {
        let all = || spec.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let at = |place: &'static str| all().filter(move |p| p.get("in").and_then(Value::as_str) == Some(place));
        Self {
            segments: template.split('/').map(str::to_owned).collect(),
            path: at("path").map(|p| Parameter::new(p, document)).collect(),
            query: at("query").map(|p| Parameter::new(p, document)).collect(),
            takes_idempotency_key: at("header")
                .any(|p| p.get("name").and_then(Value::as_str) == Some(idempotency::HEADER)),
            takes_body: spec.get("requestBody").is_some(),
            in_body: purpose::in_body(spec.get("requestBody"), document),
            right: spec.get("operationId").and_then(Value::as_str).and_then(rights::of),
        }
    }

    /// Refuses parameters that do not fit, and puts the others into their one form: an empty `cursor` is taken away,
    /// `5.0` is written `5`.
    ///
    /// # Errors
    /// `invalid_request` naming each parameter that is at fault.
    pub fn check(&self, request: &mut Request) -> Result<(), Problem> {
        let mut faults = Faults::default();
        self.check_path(request.uri().path(), &mut faults);
        let query = self.check_query(request.uri().query().unwrap_or_default(), &mut faults);
        if self.takes_idempotency_key
            && let Err(detail) = idempotency::check(request.headers())
        {
            faults.add(format!("/header/{}", idempotency::HEADER), "format", detail);
        }
        faults.none()?;
        if let Some(query) = query {
            let path = request.uri().path().to_owned();
            let written = if query.is_empty() { path } else { format!("{path}?{query}") };
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            parts.path_and_query = Some(PathAndQuery::try_from(written).map_err(|e| Problem::internal(&e))?);
            *request.uri_mut() = Uri::from_parts(parts).map_err(|e| Problem::internal(&e))?;
        }
        Ok(())
    }

    /// What the operation is done to, by the path that was asked for: the last parameter that names something of the trail's, in the form
    /// in which the trail has it. `None` where it names nothing, or not as it must. For calls that are refused before they are checked.
    pub fn target(&self, path: &str) -> Option<(&'static str, String)> {
        let asked = self.segments.iter().zip(path.split('/'));
        let named = asked.filter_map(|(template, given)| Some((template.strip_prefix('{')?.strip_suffix('}')?, given)));
        let (noun, name, given) = named.filter_map(|(name, given)| Some((self.noun(name)?, name, given))).last()?;
        let text = percent_decode_str(given).decode_utf8().ok()?;
        let parameter = self.path.iter().find(|parameter| parameter.name == name)?;
        let read = parameter.read(&text).ok()??.into_owned();
        let id = shared::ids::parse(&read).filter(|_| name.ends_with("_id")).map(|id| id.to_string());
        // A name that is longer is nobody's.
        Some((noun, id.unwrap_or(read))).filter(|(_, target)| target.len() <= MAX_TARGET)
    }

    /// What the trail calls that which a parameter of the path names.
    fn noun(&self, parameter: &str) -> Option<&'static str> {
        let (_, noun) = NOUNS.iter().find(|(name, _)| *name == parameter)?;
        let of_runtime = parameter == "game_id" && self.segments.iter().any(|segment| segment == "runtimes");
        Some(if of_runtime { "runtime" } else { noun })
    }

    fn check_path(&self, path: &str, faults: &mut Faults) {
        for (template, given) in self.segments.iter().zip(path.split('/')) {
            let Some(name) = template.strip_prefix('{').and_then(|t| t.strip_suffix('}')) else { continue };
            let fault = match percent_decode_str(given).decode_utf8() {
                Err(_) => Err(("format", "must be UTF-8".to_owned())),
                Ok(text) => match self.path.iter().find(|parameter| parameter.name == name) {
                    Some(parameter) => parameter.read(&text).map(drop),
                    None => Ok(()),
                },
            };
            if let Err((code, detail)) = fault {
                faults.add(format!("/path/{name}"), code, detail);
            }
        }
    }

    /// The query as it should have been written, where that is something else.
    fn check_query(&self, query: &str, faults: &mut Faults) -> Option<String> {
        let mut seen = BTreeSet::new();
        let mut canonical = form_urlencoded::Serializer::new(String::new());
        let mut changed = false;
        let mut fault =
            |name: &str, code: &str, detail: String| faults.add(format!("/query/{}", escaped(name)), code, detail);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            let known = name.as_ref().and_then(|name| self.query.iter().find(|p| p.name == *name));
            let Some(parameter) = known else {
                let name = name.unwrap_or_default();
                fault(&name, "unknown_parameter", self.known_parameters());
                continue;
            };
            if !seen.insert(parameter.name.as_str()) {
                fault(&parameter.name, "duplicate", "is given more than once".into());
                continue;
            }
            match value.ok_or_else(|| ("format", "must be UTF-8".to_owned())).and_then(|v| {
                let read = parameter.read(&v)?.map(std::borrow::Cow::into_owned);
                Ok((read.as_deref() != Some(v.as_str()), read))
            }) {
                Err((code, detail)) => fault(&parameter.name, code, detail),
                Ok((other, read)) => {
                    changed |= other;
                    if let Some(read) = read {
                        canonical.append_pair(&parameter.name, &read);
                    }
                }
            }
        }
        for parameter in self.query.iter().filter(|p| p.required && !seen.contains(p.name.as_str())) {
            fault(&parameter.name, "required", "is required".into());
        }
        changed.then(|| canonical.finish())
    }

    fn known_parameters(&self) -> String {
        if self.query.is_empty() {
            return "this operation takes no query parameters".into();
        }
        let names: Vec<&str> = self.query.iter().map(|p| p.name.as_str()).collect();
        format!("this parameter is not known; those that are: {}", names.join(", "))
    }
}

/// A name or a value of a query, as it was before it was encoded; `None` where that is no UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation() -> Operation {
        let parameters = json!([
            { "in": "path", "name": "turn", "schema": { "type": "integer", "format": "int32", "minimum": 0 } },
            { "in": "query", "name": "limit", "schema": { "type": "integer", "maximum": 200 } },
            { "in": "query", "name": "cursor", "schema": { "type": "string", "format": "cursor" } },
            { "in": "query", "name": "name", "schema": { "type": "string" } },
        ]);
        Operation::new("/reports/{turn}", &json!({ "parameters": parameters }), &json!({}))
    }

    fn ask(uri: &str) -> Result<String, Vec<(String, String)>> {
        let mut request = Request::builder().uri(uri.parse().unwrap()).finish();
        match operation().check(&mut request) {
            Ok(()) => Ok(request.uri().to_string()),
            Err(problem) => Err(problem.errors.into_iter().map(|e| (e.pointer, e.code)).collect()),
        }
    }

    #[test]
    fn what_a_call_is_about_is_the_last_thing_that_its_path_names_well() {
        let text = |name: &str| json!({ "in": "path", "name": name, "schema": { "type": "string" } });
        let id = |name: &str| json!({ "in": "path", "name": name, "schema": { "type": "string", "format": "uuid" } });
        let parameters =
            json!([id("user_id"), id("sanction_id"), id("game_id"), id("membership_id"), text("user_name")]);
        let target = |template: &str, path: &str| {
            Operation::new(template, &json!({ "parameters": parameters }), &json!({})).target(path)
        };
        let one = "019cad9d-67a0-77b9-830d-40bd57deeac1";
        let (loud, two) = (one.to_uppercase(), "019cad9d-67a0-77b9-830d-40bd57deeac2");
        let of = |noun, name: &str| Some((noun, name.to_owned()));
        let lift = "/users/{user_id}/sanctions/{sanction_id}/lift";
        assert_eq!(target(lift, &format!("/users/{loud}/sanctions/{two}/lift")), of("user", one));
        let remove = "/games/{game_id}/memberships/{membership_id}/remove";
        assert_eq!(target(remove, &format!("/games/{one}/memberships/{two}/remove")), of("membership", two));
        assert_eq!(target("/runtimes/{game_id}/log", &format!("/runtimes/{one}/log")), of("runtime", one));
        assert_eq!(target("/admin-accounts/{user_name}", "/admin-accounts/%41da"), of("admin_account", "Ada"));
        for bad in ["%ff", "a%00b", &"x".repeat(257)] {
            assert_eq!(target("/admin-accounts/{user_name}", &format!("/admin-accounts/{bad}")), None, "{bad}");
        }
        assert_eq!(target("/games/{game_id}", "/games/1"), None);
        assert_eq!(target("/games", "/games"), None);
    }

    #[test]
    fn a_query_gets_its_one_form() {
        assert_eq!(ask("/reports/3").unwrap(), "/reports/3");
        assert_eq!(ask("/reports/3?limit=5").unwrap(), "/reports/3?limit=5");
        assert_eq!(ask("/reports/3?limit=5.0&name=a%20b").unwrap(), "/reports/3?limit=5&name=a+b");
        assert_eq!(ask("/reports/3?cursor=&limit=5e0").unwrap(), "/reports/3?limit=5");
        assert_eq!(ask("/reports/3?cursor=").unwrap(), "/reports/3");
        assert_eq!(ask("/reports/3?&").unwrap(), "/reports/3?&");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = |uri: &str| ask(uri).unwrap_err();
        let one = |pointer: &str, code: &str| vec![(pointer.to_owned(), code.to_owned())];
        assert_eq!(faults("/reports/3?limti=5"), one("/query/limti", "unknown_parameter"));
        assert_eq!(faults("/reports/3?limit=5&limit=5"), one("/query/limit", "duplicate"));
        assert_eq!(faults("/reports/3?l%69mit=5&limit=5"), one("/query/limit", "duplicate"));
        assert_eq!(faults("/reports/3?name=%ff"), one("/query/name", "format"));
        assert_eq!(faults("/reports/3?name=a%00b"), one("/query/name", "value"));
        assert_eq!(faults("/reports/%ff"), one("/path/turn", "format"));
        assert_eq!(faults("/reports/2147483648"), one("/path/turn", "range"));
        assert_eq!(faults("/reports/x?limit=y").len(), 2);
    }
}
