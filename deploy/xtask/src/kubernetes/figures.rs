//! What the containers take, by their kubelet's own figures: what requests in the manifests are judged by.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::kubernetes::{Cluster, text};

/// By the name of the container: each replica is a sample.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, Taken>);

#[derive(Debug, Default)]
struct Taken {
    requests: String,
    samples: u64,
    /// Of all samples together, in thousandths of a processor.
    millicores: u64,
    most_millicores: u64,
    most_bytes: u64,
}

impl Figures {
    /// None yet, with what the Deployments among these documents ask for.
    pub(super) fn of(documents: &[Value]) -> Figures {
        let mut figures = Figures::default();
        let containers = documents.iter().filter_map(|document| document.pointer("/spec/template/spec/containers/0"));
        for container in containers {
            let of = |what: &str| text(container, &format!("/resources/requests/{what}")).to_owned();
            let taken = figures.0.entry(text(container, "/name").to_owned()).or_default();
            taken.requests = format!("{}, {}", of("cpu"), of("memory"));
        }
        figures
    }

    /// Asks the node's kubelet. Without its answer there are fewer figures, and nothing else is wrong.
    pub(super) fn sample(&mut self, cluster: &Cluster, node: &str) {
        if let Err(error) = self.try_sample(cluster, node) {
            eprintln!("   no figures: {error:#}");
        }
    }

    fn try_sample(&mut self, cluster: &Cluster, node: &str) -> Result<()> {
        let said = cluster.kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")])?;
        self.add(&serde_json::from_str(&said).context("the kubelet's figures")?);
        Ok(())
    }

    fn add(&mut self, summary: &Value) {
        let pods = summary.get("pods").and_then(Value::as_array).into_iter().flatten();
        let ours = pods.filter(|pod| text(pod, "/podRef/namespace").starts_with("galaxy"));
        for container in ours.filter_map(|pod| pod.get("containers")?.as_array()).flatten() {
            let number = |pointer| container.pointer(pointer).and_then(Value::as_u64);
            // One that has just been started has no pace yet.
            let (Some(nanocores), Some(bytes)) = (number("/cpu/usageNanoCores"), number("/memory/workingSetBytes"))
            else {
                continue;
            };
            let millicores = nanocores / 1_000_000;
            let taken = self.0.entry(text(container, "/name").to_owned()).or_default();
            taken.samples += 1;
            taken.millicores += millicores;
            taken.most_millicores = taken.most_millicores.max(millicores);
            taken.most_bytes = taken.most_bytes.max(bytes);
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "── What a replica took during the game")?;
        for (name, taken) in &self.0 {
            let (mean, most) = (taken.millicores / taken.samples.max(1), taken.most_millicores);
            let (mebibytes, samples) = (taken.most_bytes >> 20, taken.samples);
            writeln!(
                f,
                "   {name:<20} CPU {mean:4}m on average, {most:4}m at most; {mebibytes:4}Mi at most; {samples} samples; asks for {}",
                if taken.requests.is_empty() { "-" } else { &taken.requests }
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn samples_are_added_up_by_container_and_others_left_out() {
        let resources = json!({ "requests": { "cpu": "50m", "memory": "48Mi" } });
        let containers = json!([{ "name": "mail-worker", "resources": resources }]);
        let deployment = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
        let mut figures = Figures::of(&[deployment]);
        let pod = |namespace: &str, nanocores: Value| {
            let used = json!({ "cpu": { "usageNanoCores": nanocores }, "memory": { "workingSetBytes": 12 << 20 } });
            let mut container = used;
            container["name"] = "mail-worker".into();
            json!({ "podRef": { "namespace": namespace }, "containers": [container] })
        };
        let of_others = pod("kube-system", json!(900_000_000));
        figures.add(&json!({ "pods": [pod("galaxy", json!(4_000_000)), pod("galaxy", json!(8_000_000)), of_others] }));
        figures.add(&json!({ "pods": [pod("galaxy", Value::Null)] }));
        let told = figures.to_string();
        let line = told.lines().last().unwrap();
        for word in ["mail-worker", "   6m on average", "   8m at most", "  12Mi at most", "2 samples", "50m, 48Mi"] {
            assert!(line.contains(word), "{word:?} in {line:?}");
        }
    }
}
