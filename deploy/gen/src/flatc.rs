//! A second opinion on client events: flatc, which knows nothing of our code, compiles `shared/schema/notification.fbs` and reads
//! with it what [`client_events`] writes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use shared::client_events::{self, samples};
use shared::domain::notification::{FieldValue, Kind, Payload};

/// Reads two buffers of each kind with flatc.
///
/// # Errors
/// The schema does not compile, or flatc reads something else than what was written.
pub fn check(schema: &Path) -> Result<()> {
    let dir = tempfile::tempdir()?;
    for kind in Kind::ALL {
        for payload in samples(*kind)? {
            let (read, written) = (read(schema, dir.path(), &payload)?, said(&payload));
            ensure!(read == written, "{kind}: flatc reads {read} from the buffer of {written}");
        }
    }
    Ok(())
}

/// What flatc reads from the buffer of a payload.
fn read(schema: &Path, dir: &Path, payload: &Payload) -> Result<Value> {
    let buffer = dir.join("event.bin");
    std::fs::write(&buffer, client_events::encode(payload))?;
    let mut flatc = Command::new("flatc");
    flatc.args(["--json", "--strict-json", "--defaults-json", "--natural-utf8", "--raw-binary"]);
    flatc.arg("--root-type").arg(format!("galaxy.notification.{:?}", payload.kind()));
    flatc.arg("-o").arg(dir).arg(schema).arg("--").arg(&buffer);
    let done = flatc.output().context("run flatc (Debian's flatbuffers-compiler)")?;
    let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    ensure!(done.status.success(), "flatc: {text}");
    Ok(serde_json::from_slice(&std::fs::read(buffer.with_extension("json"))?)?)
}

/// What the payload says, in the schema's own types.
fn said(payload: &Payload) -> Value {
    let value = |value| match value {
        FieldValue::Text(text) => json!(text),
        FieldValue::Texts(texts) => json!(texts),
        FieldValue::Number(number) => json!(number),
        FieldValue::Time(millis) => json!(millis),
    };
    let named = payload.kind().fields().into_iter().zip(payload.values());
    named.map(|(field, said)| (field.name.to_owned(), value(said))).collect::<Map<_, _>>().into()
}
