//! The document, and what it says of a request or an answer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use jsonschema::{Draft, Validator};
use parking_lot::Mutex;
use serde_json::{Value, json};

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const PROBLEM: &str = "application/problem+json";

/// An OpenAPI 3.1 document, ready to judge: its schemas are JSON Schema 2020-12 as they stand.
#[derive(Debug)]
pub struct Contract {
    document: Value,
    components: Value,
    operations: Vec<Operation>,
    prefixes: Vec<String>,
    problem: Option<Value>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One method of one path.
#[derive(Debug, Clone)]
pub struct Operation {
    /// In upper case.
    pub method: String,
    /// With its `{parameters}`, as in the document.
    pub path: String,
    /// The `operationId`, empty when there is none.
    pub id: String,
    /// Tags, in their order.
    pub tags: Vec<String>,
    /// Names of the security schemes of which any admits a caller; empty for an open operation.
    pub security: Vec<String>,
    spec: Value,
    shared_parameters: Value,
}

/// A status, and for an error the `code` that tells it from others of the same status.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The problem's code.
    pub code: Option<String>,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status)?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " {code}"))
    }
}

impl Contract {
    /// The committed document, `api-server/openapi.json`.
    ///
    /// # Errors
    /// When it is missing or no OpenAPI document.
    pub fn committed() -> Result<Arc<Contract>> {
        Self::load(&crate::workspace_root().join("api-server/openapi.json"))
    }

    /// A document from a file.
    ///
    /// # Errors
    /// When it is missing or no OpenAPI document.
    pub fn load(path: &Path) -> Result<Arc<Contract>> {
        let place = || format!("{} (`cargo xtask gen` writes it)", PathBuf::from(path).display());
        let text = std::fs::read_to_string(path).with_context(place)?;
        Self::parse(&text).with_context(place)
    }

    /// A document from its text.
    ///
    /// # Errors
    /// When it is no OpenAPI document.
    pub fn parse(text: &str) -> Result<Arc<Contract>> {
        let document: Value = serde_json::from_str(text)?;
        let version = document["openapi"].as_str().context("no `openapi` version")?;
        if !version.starts_with("3.1") {
            bail!("OpenAPI {version}: only 3.1 is understood");
        }
        let prefixes = document["servers"].as_array().into_iter().flatten();
        let prefixes =
            prefixes.filter_map(|server| Some(path_of(server["url"].as_str()?).trim_end_matches('/').to_owned()));
        let mut prefixes: Vec<String> = prefixes.filter(|prefix| !prefix.is_empty()).collect();
        prefixes.push(String::new());
        let operations = operations(&document);
        let problem = document
            .pointer("/components/schemas/Problem")
            .is_some()
            .then(|| json!({ "$ref": "#/components/schemas/Problem" }));
        Ok(Arc::new(Contract {
            components: json!({ "schemas": document["components"]["schemas"] }),
            operations,
            prefixes,
            problem,
            document,
            validators: Mutex::default(),
        }))
    }

    /// The document's own example of an operation's JSON body, if it takes one.
    pub fn example_body(&self, operation: &Operation) -> Option<Value> {
        let media = self.resolve(&operation.spec["requestBody"])["content"].get("application/json")?;
        let example = media["examples"].as_object().and_then(|all| all.values().next()).map(|e| self.resolve(e));
        Some(example.map_or_else(|| media["example"].clone(), |example| example["value"].clone()))
    }

    /// The fields of an operation's JSON body, each with its schema.
    pub fn body_fields<'a>(&'a self, operation: &'a Operation) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let body = self.resolve(&operation.spec["requestBody"]);
        let schema = self.resolve(&body["content"]["application/json"]["schema"]);
        let fields = schema["properties"].as_object().into_iter().flatten();
        fields.map(|(name, schema)| {
            let schema = if schema["allOf"].is_array() { &schema["allOf"][0] } else { schema };
            (name.as_str(), self.resolve(schema))
        })
    }

    /// All operations, in the document's order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The document itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The operation that a request goes to. Literal path segments win over parameters.
    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let candidates = self.prefixes.iter().filter_map(|prefix| path.strip_prefix(prefix.as_str()));
        let mut matching: Vec<(usize, &Operation)> = candidates
            .flat_map(|path| {
                self.operations
                    .iter()
                    .filter(move |operation| operation.method.eq_ignore_ascii_case(method))
                    .filter_map(move |operation| Some((parameters_in_match(&operation.path, path)?, operation)))
            })
            .collect();
        matching.sort_by_key(|(parameters, _)| *parameters);
        matching.first().map(|(_, operation)| *operation)
    }

    /// The query parameters of an operation, each with its schema.
    pub fn query_parameters<'a>(&'a self, operation: &'a Operation) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let lists = [&operation.spec["parameters"], &operation.shared_parameters];
        let parameters = lists.into_iter().flat_map(|list| list.as_array().into_iter().flatten());
        let queries =
            parameters.map(|parameter| self.resolve(parameter)).filter(|parameter| parameter["in"] == "query");
        queries.map(|parameter| (parameter["name"].as_str().unwrap_or_default(), self.resolve(&parameter["schema"])))
    }

    /// Judges a request's query and body.
    ///
    /// # Errors
    /// Names each fault.
    pub fn check_request(
        &self,
        operation: &Operation,
        query: &[(String, String)],
        content_type: Option<&str>,
        body: Option<&[u8]>,
    ) -> Result<()> {
        self.check_query(operation, query)?;
        let spec = self.resolve(&operation.spec["requestBody"]);
        let content = spec["content"].as_object();
        match (content, body) {
            (None, None) => Ok(()),
            (None, Some(_)) => bail!("{} takes no body, one was sent", operation.name()),
            (Some(_), None) if spec["required"] == json!(true) => bail!("{} needs a body", operation.name()),
            (Some(_), None) => Ok(()),
            (Some(content), Some(body)) => {
                let given = essence(content_type.unwrap_or(""));
                let entry = content.iter().find(|(name, _)| essence(name) == given);
                let (_, media) = entry.with_context(|| {
                    format!("{} takes {:?}, not {given:?}", operation.name(), content.keys().collect::<Vec<_>>())
                })?;
                self.check_body(&format!("the request body of {}", operation.name()), given, &media["schema"], body)
            }
        }
    }

    fn check_query(&self, operation: &Operation, query: &[(String, String)]) -> Result<()> {
        let parameters: Vec<&Value> = [&operation.spec["parameters"], &operation.shared_parameters]
            .into_iter()
            .flat_map(|list| list.as_array().into_iter().flatten())
            .map(|parameter| self.resolve(parameter))
            .filter(|parameter| parameter["in"] == "query")
            .collect();
        for (name, text) in query {
            let parameter = parameters.iter().find(|parameter| parameter["name"] == name.as_str());
            let parameter =
                parameter.with_context(|| format!("{} has no query parameter {name:?}", operation.name()))?;
            let validator = self.validator(&parameter["schema"])?;
            // A query holds text: it fits when any reading of it does.
            let readings = [json!(text), serde_json::from_str(text).unwrap_or(Value::Null), json!([text])];
            if !readings.iter().any(|reading| validator.is_valid(reading)) {
                bail!("query parameter {name}={text:?} of {} does not fit {}", operation.name(), parameter["schema"]);
            }
        }
        for parameter in parameters {
            if parameter["required"] == json!(true) && !query.iter().any(|(name, _)| parameter["name"] == name.as_str())
            {
                bail!("{} needs the query parameter {}", operation.name(), parameter["name"]);
            }
        }
        Ok(())
    }

    /// Judges an answer: its status, its content type, its body, and so its `code` too. Of a path that is no operation, it must
    /// be a problem.
    ///
    /// # Errors
    /// Names each fault.
    pub fn check_response(
        &self,
        operation: Option<&Operation>,
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<()> {
        let given = essence(content_type.unwrap_or(""));
        let listed = operation.and_then(|operation| {
            let responses = operation.spec["responses"].as_object()?;
            let class = format!("{}XX", status / 100);
            [status.to_string(), class, "default".to_owned()].iter().find_map(|name| responses.get(name))
        });
        let name = operation.map_or_else(|| "an unknown operation".to_owned(), Operation::name);
        let what = format!("the {status} answer of {name}");
        let Some(response) = listed else {
            if status >= 400 && operation.is_none() {
                return self.check_problem(&what, given, body);
            }
            bail!("{name} has no {status} in the document: {}", shorten(body));
        };
        let response = self.resolve(response);
        match response["content"].as_object().filter(|content| !content.is_empty()) {
            None if body.is_empty() => Ok(()),
            None => bail!("{what} has no body in the document, but came with {} bytes", body.len()),
            Some(content) => {
                let entry = content.iter().find(|(name, _)| essence(name) == given);
                let (_, media) = entry.with_context(|| {
                    format!("{what} is {:?} in the document, but came as {given:?}", content.keys().collect::<Vec<_>>())
                })?;
                self.check_body(&what, given, &media["schema"], body)
            }
        }
    }

    fn check_problem(&self, what: &str, given: &str, body: &[u8]) -> Result<()> {
        if given != PROBLEM {
            bail!("{what} must be {PROBLEM}, but came as {given:?}: {}", shorten(body));
        }
        match &self.problem {
            Some(problem) => self.check_body(what, given, problem, body),
            None => Ok(()),
        }
    }

    fn check_body(&self, what: &str, content_type: &str, schema: &Value, body: &[u8]) -> Result<()> {
        let is_json = content_type == "application/json" || content_type.ends_with("+json");
        if !is_json || schema.is_null() {
            return Ok(());
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|error| anyhow!("{what} is no JSON ({error}): {}", shorten(body)))?;
        let validator = self.validator(schema)?;
        let faults: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| {
                let hint = if error.instance().is_null() { " (may it be null in the document?)" } else { "" };
                format!("  at {:?}: {error}{hint}", error.instance_path().as_str())
            })
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        bail!("{what} does not fit the document:\n{}\nin {}", faults.join("\n"), shorten(body))
    }

    /// Judges any JSON by a schema of the document.
    ///
    /// # Errors
    /// Names each fault.
    pub fn check_value(&self, what: &str, schema: &Value, value: &Value) -> Result<()> {
        self.check_body(what, "application/json", schema, value.to_string().as_bytes())
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>> {
        let key = schema.to_string();
        if let Some(validator) = self.validators.lock().get(&key) {
            return Ok(validator.clone());
        }
        // References name `#/components/schemas/…`: these stand beside the schema itself.
        let root = json!({ "allOf": [schema], "components": self.components });
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&root)
            .map_err(|error| anyhow!("the document has a bad schema: {error} in {}", shorten(key.as_bytes())))?;
        let validator = Arc::new(validator);
        self.validators.lock().insert(key, validator.clone());
        Ok(validator)
    }

    /// What an operation may answer: each status, and with each error status each of its codes. A status whose codes the
    /// document does not list stands alone.
    pub fn answers(&self, operation: &Operation) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (status, response) in operation.spec["responses"].as_object().into_iter().flatten() {
            let Ok(status) = status.parse() else { continue };
            let schema = &self.resolve(response)["content"][PROBLEM]["schema"];
            let words = schema["allOf"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| part.pointer("/properties/code/enum")?.as_array().cloned());
            let codes: Vec<String> = words.flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect();
            if codes.is_empty() {
                answers.push(Answer { status, code: None });
            }
            answers.extend(codes.into_iter().map(|code| Answer { status, code: Some(code) }));
        }
        answers
    }

    /// Follows a `$ref` within the document, of which a parameter, a body or a response may be one.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|target| self.document.pointer(target.strip_prefix('#')?));
        target.unwrap_or(value)
    }
}

impl Operation {
    /// `GET /api/v1/user/account`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Its path with a value in the place of each parameter.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let segment = |segment: &str| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(parameter) => value(parameter),
            None => segment.to_owned(),
        };
        self.path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    /// What the document says of it.
    pub fn spec(&self) -> &Value {
        &self.spec
    }

    /// The status codes that the document lists.
    pub fn statuses(&self) -> Vec<String> {
        self.spec["responses"].as_object().into_iter().flatten().map(|(status, _)| status.clone()).collect()
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, spec) in
            item.as_object().into_iter().flatten().filter(|(name, _)| METHODS.contains(&name.as_str()))
        {
            let words = |list: &Value| -> Vec<String> {
                list.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
            };
            let security = if spec["security"].is_array() { &spec["security"] } else { &document["security"] };
            let schemes = security.as_array().into_iter().flatten().filter_map(Value::as_object);
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                id: spec["operationId"].as_str().unwrap_or_default().to_owned(),
                tags: words(&spec["tags"]),
                security: schemes.flat_map(|scheme| scheme.keys().cloned()).collect(),
                spec: spec.clone(),
                shared_parameters: item["parameters"].clone(),
            });
        }
    }
    operations
}

/// How many parameters the template needed to match `path`; `None` when it does not.
fn parameters_in_match(template: &str, path: &str) -> Option<usize> {
    let (template, path) = (template.trim_matches('/'), path.strip_prefix('/')?);
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut parameters = 0;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(name), Some(segment)) if name.starts_with('{') && name.ends_with('}') && !segment.is_empty() => {
                parameters += 1;
            }
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return None,
        }
    }
}

fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or(""),
        None => url,
    }
}

/// The media type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

fn shorten(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let cut: String = text.chars().take(2000).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}
