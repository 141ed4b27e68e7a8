//! Objects with their versions, and what happened to them.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use shared::ids::GameId;
use tokio::sync::watch;

/// A change, as a watch tells it.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) kind: &'static str,
    resource: String,
    pub(super) object: Value,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<(String, String), Value>,
    version: u64,
    changes: Vec<Change>,
    /// What is not newer than this is forgotten.
    floor: u64,
}

#[derive(Default)]
pub(super) struct Store {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

/// Why something was not done: an HTTP status and a reason.
pub(super) type Refusal = (u16, &'static str, String);

impl Store {
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn write(&self, work: impl FnOnce(&mut Inner) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
        let mut inner = self.inner.lock();
        let done = work(&mut inner);
        self.version.send_replace(inner.version);
        done
    }

    pub(super) fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.inner.lock().objects.get(&(resource.to_owned(), name.to_owned())).cloned()
    }

    pub(super) fn list(&self, resource: &str) -> (Vec<Value>, u64) {
        let inner = self.inner.lock();
        let ours = inner.objects.iter().filter(|((of, _), _)| of == resource);
        (ours.map(|(_, object)| object.clone()).collect(), inner.version)
    }

    /// Makes or replaces.
    pub(super) fn put(&self, resource: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.write(|inner| Ok(inner.keep(resource, &name, object))).unwrap();
    }

    pub(super) fn create(&self, resource: &str, object: Value) -> Result<Value, Refusal> {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        self.write(|inner| {
            if inner.objects.contains_key(&(resource.to_owned(), name.clone())) {
                return Err((409, "AlreadyExists", format!("{resource} \"{name}\" already exists")));
            }
            Ok(inner.keep(resource, &name, object))
        })
    }

    /// Merges; with a uid only into the object that has it, with a version only into that one.
    pub(super) fn patch(&self, resource: &str, name: &str, patch: &Value, applies: bool) -> Result<Value, Refusal> {
        self.write(|inner| {
            let found = inner.objects.get(&(resource.to_owned(), name.to_owned())).cloned();
            let wanted = &patch["metadata"]["uid"];
            let mut object = match found {
                Some(found) if wanted.is_null() || *wanted == found["metadata"]["uid"] => found,
                None if applies && wanted.is_null() => json!({}),
                None => return Err((404, "NotFound", format!("{resource} \"{name}\" not found"))),
                Some(_) => return Err((409, "Conflict", format!("{resource} \"{name}\": the uid is another"))),
            };
            let version = &patch["metadata"]["resourceVersion"];
            if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
                return Err((409, "Conflict", format!("{resource} \"{name}\": it has been changed since")));
            }
            merge(&mut object, patch);
            Ok(inner.keep(resource, name, object))
        })
    }

    /// Changes an object that is there.
    pub(super) fn change(&self, resource: &str, name: &str, work: impl FnOnce(&mut Value)) -> Option<Value> {
        let changed = self.write(|inner| {
            let found = inner.objects.get(&(resource.to_owned(), name.to_owned())).cloned();
            let mut object = found.ok_or((404, "NotFound", String::new()))?;
            work(&mut object);
            Ok(inner.keep(resource, name, object))
        });
        changed.ok()
    }

    /// Whether an object may be deleted under this precondition.
    pub(super) fn check(&self, resource: &str, name: &str, uid: &Value) -> Result<Value, Refusal> {
        let found = self.get(resource, name);
        let found = found.ok_or_else(|| (404, "NotFound", format!("{resource} \"{name}\" not found")))?;
        if uid.is_null() || *uid == found["metadata"]["uid"] {
            return Ok(found);
        }
        Err((409, "Conflict", format!("{resource} \"{name}\": the uid in the precondition is another")))
    }

    /// Takes an object away, and what belongs to it.
    pub(super) fn remove(&self, resource: &str, name: &str, uid: &Value) {
        let _ = self.write(|inner| {
            let key = (resource.to_owned(), name.to_owned());
            if inner.objects.get(&key).is_some_and(|found| found["metadata"]["uid"] == *uid) {
                inner.remove(&key);
                let belongs = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"] == *uid;
                let theirs: Vec<_> = inner.objects.iter().filter(|(_, object)| belongs(object)).collect();
                let theirs: Vec<_> = theirs.into_iter().map(|(key, _)| key.clone()).collect();
                for key in theirs {
                    inner.remove(&key);
                }
            }
            Ok(Value::Null)
        });
    }

    pub(super) fn compact(&self) {
        let mut inner = self.inner.lock();
        inner.version += 1;
        inner.floor = inner.version;
        inner.changes.clear();
        self.version.send_replace(inner.version);
    }

    pub(super) fn compact_history(&self) {
        let mut inner = self.inner.lock();
        inner.floor = inner.version;
        inner.changes.clear();
    }

    /// What happened to a kind after a version; `None` where that is forgotten.
    pub(super) fn since(&self, resource: &str, version: u64) -> Option<(Vec<Change>, u64)> {
        let inner = self.inner.lock();
        if version < inner.floor {
            return None;
        }
        let new = inner.changes.iter().filter(|change| change.version > version && change.resource == resource);
        Some((new.cloned().collect(), inner.version))
    }
}

impl Inner {
    fn keep(&mut self, resource: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        let key = (resource.to_owned(), name.to_owned());
        let kind = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.insert("resourceVersion".to_owned(), self.version.to_string().into());
        metadata.entry("uid").or_insert_with(|| GameId::new().to_string().into());
        metadata.entry("namespace").or_insert_with(|| super::NAMESPACE.into());
        metadata.entry("creationTimestamp").or_insert_with(|| "2026-01-01T00:00:00Z".into());
        self.tell(kind, resource, &object);
        self.objects.insert(key, object.clone());
        object
    }

    fn remove(&mut self, key: &(String, String)) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.tell("DELETED", &key.0, &object);
        }
    }

    fn tell(&mut self, kind: &'static str, resource: &str, object: &Value) {
        let (version, resource, object) = (self.version, resource.to_owned(), object.clone());
        self.changes.push(Change { version, kind, resource, object });
    }
}

/// RFC 7386.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let object = object.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
