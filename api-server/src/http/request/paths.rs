//! The table of paths: which there are, which methods each takes, and what each operation takes. Told from the document, so that
//! what is enforced before routing, counted and said in `Allow` is what is published.

use poem::http::Method;
use serde_json::Value;

use super::operation::Operation;

/// The methods that an OpenAPI document can name, beside `parameters`, `summary` and the like.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

/// Every path that is answered.
#[derive(Debug)]
pub struct Paths(Vec<Path>);

/// One path, as a template.
#[derive(Debug)]
pub struct Path {
    template: String,
    segments: Vec<String>,
    /// What stands at its methods; `None` for a path outside the document.
    operations: Vec<(Method, Option<Operation>)>,
}

impl Paths {
    /// The paths of the document, and the `open` ones beside it, which take `GET` alone; `*rest` at the end of one is all that comes there.
    pub fn new(document: &Value, open: &[&str]) -> Self {
        let mut paths = Self(Vec::new());
        for path in open {
            paths.entry(path).operations.push((Method::GET, None));
        }
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            for method in METHODS {
                let Some(spec) = item.get(method.as_str().to_ascii_lowercase()) else { continue };
                let operation = Operation::new(path, spec, document);
                paths.entry(path).operations.push((method, Some(operation)));
            }
        }
        paths
    }

    /// The entry of a template. Operations of one path may name its parameters apart: they share an entry.
    fn entry(&mut self, template: &str) -> &mut Path {
        let segments: Vec<String> = template.split('/').map(str::to_owned).collect();
        let alike = |path: &Path| {
            path.segments.len() == segments.len()
                && path.segments.iter().zip(&segments).all(|(a, b)| a == b || (is_parameter(a) && is_parameter(b)))
        };
        let at = self.0.iter().position(alike).unwrap_or_else(|| {
            self.0.push(Path { template: template.to_owned(), segments: segments.clone(), operations: Vec::new() });
            self.0.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found, or pushed just now")]
        &mut self.0[at]
    }

    /// `Allow` of the server itself: every method that some path has.
    pub fn allow(&self) -> String {
        allow(self.0.iter().flat_map(|path| &path.operations))
    }

    /// The entry that a request's path goes to: of several the one with the fewest parameters, as the router chooses.
    pub fn find(&self, path: &str) -> Option<&Path> {
        let given: Vec<&str> = path.split('/').collect();
        let fits = |entry: &&Path| {
            let rest = entry.segments.last().is_some_and(|last| is_rest(last));
            (if rest { given.len() >= entry.segments.len() } else { given.len() == entry.segments.len() })
                && entry.segments.iter().zip(&given).all(|(template, segment)| match template {
                    template if is_rest(template) => true,
                    template if is_parameter(template) => !segment.is_empty(),
                    template => template == segment,
                })
        };
        let open = |segment: &&String| is_parameter(segment) || is_rest(segment);
        self.0.iter().filter(fits).min_by_key(|entry| entry.segments.iter().filter(open).count())
    }
}

impl Path {
    /// The path with its `{parameters}`: what metrics and logs call it.
    pub fn template(&self) -> &str {
        &self.template
    }

    /// The operation at a method, where there is one in the document.
    pub fn operation(&self, method: &Method) -> Option<&Operation> {
        self.operations.iter().find(|(m, _)| m == method)?.1.as_ref()
    }

    /// `Allow` (RFC 9110 §10.2.1): what the path has, `HEAD` beside `GET`, and `OPTIONS`, in the order of the alphabet.
    pub fn allow(&self) -> String {
        allow(&self.operations)
    }
}

fn allow<'p>(operations: impl IntoIterator<Item = &'p (Method, Option<Operation>)>) -> String {
    let mut methods: Vec<&str> = operations.into_iter().map(|(method, _)| method.as_str()).collect();
    methods.push("OPTIONS");
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// Whether it stands for everything from there on, as the router writes it: `*path`.
fn is_rest(segment: &str) -> bool {
    segment.starts_with('*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_is_found_by_its_literals_first() {
        let document = json!({ "paths": {
            "/things/{thing_id}": { "get": {}, "parameters": [] },
            "/things/{id}": { "delete": {} },
            "/things/new": { "post": {} },
        } });
        let paths = Paths::new(&document, &["/healthz"]);
        let allow = |path: &str| paths.find(path).map(Path::allow);
        assert_eq!(allow("/things/7").unwrap(), "DELETE, GET, HEAD, OPTIONS");
        assert_eq!(allow("/things/new").unwrap(), "OPTIONS, POST");
        assert_eq!(allow("/healthz").unwrap(), "GET, HEAD, OPTIONS");
        assert_eq!(paths.allow(), "DELETE, GET, HEAD, OPTIONS, POST");
        assert_eq!(allow("/things/"), None);
        assert_eq!(allow("/things/7/8"), None);
        assert!(["/things/{id}", "/things/{thing_id}"].contains(&paths.find("/things/7").unwrap().template()));
        assert!(paths.find("/healthz").unwrap().operation(&Method::GET).is_none());
        let paths = Paths::new(&document, &["/console", "/console/", "/console/*path"]);
        for (path, template) in [
            ("/console", "/console"),
            ("/console/", "/console/"),
            ("/console/games", "/console/*path"),
            ("/console/games/7/", "/console/*path"),
        ] {
            assert_eq!(paths.find(path).unwrap().template(), template);
        }
        assert!(paths.find("/consoles").is_none());
    }
}
