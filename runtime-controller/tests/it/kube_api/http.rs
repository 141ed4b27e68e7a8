//! The server's side of HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::Shared;
use super::roles::Asked;
use super::store::Refusal;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// How often a watch that has nothing to tell tells its version.
const BOOKMARK: Duration = Duration::from_millis(200);

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // With the server end its connections.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| answer(Arc::clone(&shared), request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// A path of the API, taken apart.
struct Target {
    group: String,
    namespace: String,
    resource: String,
    name: String,
    sub: String,
}

fn target(path: &str) -> Target {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        other => panic!("{other:?}"),
    };
    let at = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
    // A namespace is in itself.
    let (namespace, resource, name, sub) = if rest.len() == 2 && rest[0] == "namespaces" {
        (at(1), at(0), at(1), at(2))
    } else {
        (at(1), at(2), at(3), at(4))
    };
    Target { group: group.to_owned(), namespace, resource, name, sub }
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code })
}

fn whole(code: u16, body: impl Into<Bytes>) -> Response<Body> {
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Full::new(body.into()).boxed_unsync())
        .unwrap()
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let manner = *shared.manner.lock();
    if manner.down {
        return Err(std::io::Error::other("down"));
    }
    tokio::time::sleep(manner.slow).await;
    let target = target(request.uri().path());
    let query: Vec<(String, String)> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%3D", "=").replace("%2C", ",")))
        .collect();
    let asked = |name: &str| query.iter().find(|(at, _)| at == name).map(|(_, value)| value.as_str());
    let (method, kind) = (request.method().clone(), request.headers().get("content-type").cloned());
    let verb = match (&method, target.name.is_empty()) {
        (&Method::GET, true) if asked("watch").is_some() => "watch",
        (&Method::GET, true) => "list",
        (&Method::GET, false) => "get",
        (&Method::POST, _) => "create",
        (&Method::PATCH, _) => "patch",
        (&Method::DELETE, _) => "delete",
        other => panic!("{other:?}"),
    };
    let resource =
        if target.sub.is_empty() { target.resource.clone() } else { format!("{}/{}", target.resource, target.sub) };
    let attributes =
        Asked { verb, group: &target.group, resource: &resource, namespace: &target.namespace, name: &target.name };
    if !shared.roles.allow(&attributes) {
        let message = format!("{resource} \"{}\" is forbidden: cannot {verb} resource \"{resource}\"", target.name);
        return Ok(whole(403, status(403, "Forbidden", &message).to_string()));
    }
    let selector = asked("labelSelector").unwrap_or_default().to_owned();
    if verb == "watch" {
        assert_eq!(asked("allowWatchBookmarks"), Some("true"));
        let version = asked("resourceVersion").unwrap().parse().unwrap();
        return Ok(watch(shared, target.resource, selector, version));
    }
    if target.sub == "log" {
        return Ok(whole(200, shared.log(&target.name, asked("tailLines").and_then(|lines| lines.parse().ok()))));
    }
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let done = match verb {
        "list" => {
            let (all, version) = shared.store.list(&target.resource);
            let items: Vec<Value> = all.into_iter().filter(|object| selects(&selector, object)).collect();
            Ok(
                json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": version.to_string() }, "items": items }),
            )
        }
        "get" => shared.store.check(&target.resource, &target.name, &Value::Null),
        "create" => shared.store.create(&target.resource, body).inspect(|made| shared.made(&target.resource, made)),
        "patch" => {
            let applies = kind.is_some_and(|kind| kind == "application/apply-patch+yaml");
            assert!(!applies || asked("fieldManager") == Some("galaxy-runtime-controller"));
            shared.store.patch(&target.resource, &target.name, &body, applies)
        }
        _ => shared.store.check(&target.resource, &target.name, &body["preconditions"]["uid"]).inspect(|found| {
            if target.resource == "pods" {
                let grace = body["gracePeriodSeconds"].as_u64().unwrap_or(30);
                shared.end_pod(&target.name, Duration::from_secs(grace));
            } else {
                shared.store.remove(&target.resource, &target.name, &found["metadata"]["uid"]);
            }
        }),
    };
    Ok(match done {
        Ok(object) => whole(if verb == "create" { 201 } else { 200 }, object.to_string()),
        Err((code, reason, message)) => whole(code, status(code, reason, &message).to_string()),
    })
}

fn selects(selector: &str, object: &Value) -> bool {
    let mut wanted = selector.split(',').filter_map(|term| term.split_once('='));
    wanted.all(|(label, value)| object["metadata"]["labels"][label] == value)
}

fn watch(shared: Arc<Shared>, resource: String, selector: String, version: u64) -> Response<Body> {
    let lines = stream::unfold(Some(version), move |version| {
        let (shared, resource, selector) = (Arc::clone(&shared), resource.clone(), selector.clone());
        async move {
            let version = version?;
            let mut news = shared.store.news();
            loop {
                if shared.manner.lock().down {
                    return None;
                }
                let Some((changes, at)) = shared.store.since(&resource, version) else {
                    let gone: Refusal = (410, "Expired", format!("too old resource version: {version}"));
                    let line = json!({ "type": "ERROR", "object": status(gone.0, gone.1, &gone.2) });
                    return Some((line.to_string() + "\n", None));
                };
                let told: String = changes
                    .iter()
                    .filter(|change| selects(&selector, &change.object))
                    .map(|change| json!({ "type": change.kind, "object": change.object }).to_string() + "\n")
                    .collect();
                if !told.is_empty() {
                    return Some((told, Some(at)));
                }
                if tokio::time::timeout(BOOKMARK, news.changed()).await.is_err() {
                    shared.bookmarks.fetch_add(1, Ordering::Relaxed);
                    let object =
                        json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "resourceVersion": at.to_string() } });
                    return Some((json!({ "type": "BOOKMARK", "object": object }).to_string() + "\n", Some(at)));
                }
            }
        }
    });
    let frames = lines.map(|line| Ok(Frame::data(Bytes::from(line))));
    Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
}
