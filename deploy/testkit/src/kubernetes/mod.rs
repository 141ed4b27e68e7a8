//! The manifests of `deploy/kubernetes`, as kubectl would apply them: as much of kustomize as they use. Whatever else stands in a
//! `kustomization.yaml` is an error, so that nothing is judged, or installed, without what it was to be.
//!
//! One thing differs: names of ConfigMaps stay without the hash of their content.

mod cluster;
mod one_node;
mod patch;
mod rules;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use cluster::Cluster;
pub use one_node::{Engines, GAMES, Manifests, OneNode, ROLES_JOB, STORAGE_CLASS};
pub use rules::{FILE as RULES, prometheus_rule};

/// One `kustomization.yaml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    kind: Kind,
    namespace: Option<String>,
    #[serde(default)]
    resources: Vec<PathBuf>,
    #[serde(default)]
    components: Vec<PathBuf>,
    #[serde(default)]
    config_map_generator: Vec<Generator>,
    #[serde(default)]
    patches: Vec<Patch>,
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Kind {
    Kustomization,
    Component,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    name: String,
    namespace: Option<String>,
    behavior: Option<Behavior>,
    #[serde(default)]
    envs: Vec<PathBuf>,
    #[serde(default)]
    literals: Vec<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    labels: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Behavior {
    Merge,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    target: Target,
    patch: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    kind: String,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    name: String,
    new_name: Option<String>,
    new_tag: String,
}

/// Every document of a kustomization, its bases and components applied.
///
/// # Errors
/// What cannot be read, or is none of the words that this knows.
pub fn render(dir: &Path) -> Result<Vec<Value>> {
    let mut documents = Vec::new();
    layer(dir, Kind::Kustomization, &mut documents)?;
    Ok(documents)
}

/// Every document of a YAML file.
///
/// # Errors
/// When it cannot be read.
pub fn documents(file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_saphyr::from_multiple(&text).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))
}

/// A text at a path of keys; empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Kind, namespace and name, for people.
pub fn label(document: &Value) -> String {
    let of = |pointer| text(document, pointer);
    format!("{} {}/{}", of("/kind"), of("/metadata/namespace"), of("/metadata/name"))
}

/// The pod that a document makes, if it makes any.
pub fn pod(document: &Value) -> Option<&Value> {
    document.pointer("/spec/template/spec")
}

/// Applies one kustomization to the documents so far: a component sees them all, another adds its own to them.
fn layer(dir: &Path, kind: Kind, so_far: &mut Vec<Value>) -> Result<()> {
    let file = dir.join("kustomization.yaml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let own: Kustomization =
        serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    ensure!(own.kind == kind, "{} is a {:?}, not a {kind:?}", file.display(), own.kind);
    let mut documents = if kind == Kind::Component { std::mem::take(so_far) } else { Vec::new() };
    for resource in &own.resources {
        let path = dir.join(resource);
        if path.is_dir() {
            layer(&path, Kind::Kustomization, &mut documents)?;
        } else {
            documents.extend(self::documents(&path)?);
        }
    }
    for component in &own.components {
        layer(&dir.join(component), Kind::Component, &mut documents)?;
    }
    for generator in &own.config_map_generator {
        generate(dir, generator, own.namespace.as_deref(), &mut documents)?;
    }
    for Patch { target, patch } in &own.patches {
        let operations: Vec<patch::Operation> =
            serde_saphyr::from_str(patch).map_err(|error| anyhow::anyhow!("a patch in {}: {error}", file.display()))?;
        let mut found = false;
        for document in documents.iter_mut().filter(|document| target.is(document)) {
            found = true;
            let name = label(document);
            patch::apply(document, &operations).with_context(|| format!("{}: {name}", file.display()))?;
        }
        ensure!(found, "{}: {target:?} is nowhere", file.display());
    }
    for document in &mut documents {
        if let Some(namespace) = &own.namespace {
            ensure!(self::text(document, "/kind") != "Namespace", "{}: a Namespace among them", file.display());
            metadata(document)?.insert("namespace".into(), namespace.as_str().into());
        }
        images(document, &own.images);
    }
    so_far.extend(documents);
    Ok(())
}

fn metadata(document: &mut Value) -> Result<&mut Map<String, Value>> {
    document.get_mut("metadata").and_then(Value::as_object_mut).context("a document without metadata")
}

/// Makes a ConfigMap, or adds to one.
fn generate(dir: &Path, generator: &Generator, own: Option<&str>, documents: &mut Vec<Value>) -> Result<()> {
    let mut lines = Vec::new();
    for file in &generator.envs {
        let file = dir.join(file);
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        lines.extend(text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned));
    }
    lines.extend(generator.literals.iter().cloned());
    let mut data = Map::new();
    for line in &lines {
        let (name, value) = line.split_once('=').with_context(|| format!("{line:?} is no name=value"))?;
        data.insert(name.to_owned(), value.into());
    }
    let namespace = generator.namespace.as_deref().or(own).unwrap_or_default();
    let wanted = format!("ConfigMap {namespace}/{}", generator.name);
    let there = documents.iter_mut().find(|document| label(document) == wanted);
    match (generator.behavior, there) {
        (Some(Behavior::Merge), Some(document)) => {
            let old = document.get_mut("data").and_then(Value::as_object_mut).context("a ConfigMap without data")?;
            old.extend(data);
        }
        (None, None) => {
            let mut metadata = json!({ "name": generator.name, "namespace": namespace });
            if !generator.options.labels.is_empty() {
                metadata["labels"] = generator.options.labels.clone().into();
            }
            documents.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data }));
        }
        (Some(Behavior::Merge), None) => bail!("{wanted} is nowhere, and is to be merged with"),
        (None, Some(_)) => bail!("{wanted} is there twice"),
    }
    Ok(())
}

/// Gives images their place and tag.
fn images(document: &mut Value, images: &[Image]) {
    let containers = document.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let name = text(container, "/image").to_owned();
        if let Some(image) = images.iter().find(|image| image.name == name) {
            let place = image.new_name.as_deref().unwrap_or(&image.name);
            container["image"] = format!("{place}:{}", image.new_tag).into();
        }
    }
}

impl Target {
    /// A name may be several: `(one|other)`, as kustomize takes a pattern.
    fn is(&self, document: &Value) -> bool {
        let name = text(document, "/metadata/name");
        let named = self
            .name
            .as_deref()
            .is_none_or(|names| names.trim_matches(['(', ')']).split('|').any(|wanted| wanted == name));
        text(document, "/kind") == self.kind && named
    }
}
