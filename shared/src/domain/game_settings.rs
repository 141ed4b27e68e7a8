//! The settings of a game: an object that only its engine understands (SPEC §5, §9). They are bounded, and hold nothing that
//! a store or an engine on the way could trip over; what they mean is the engine's to judge.

use serde_json::{Map, Value};

use super::fault::Fault;

/// Bytes of the settings as compact JSON.
pub const MAX_BYTES: usize = 16 * 1024;
/// Levels of objects and lists in each other, the outermost counted.
pub const MAX_DEPTH: usize = 32;

/// Checks settings, and writes them as they are kept and given to the engine.
///
/// # Errors
/// `length` beyond [`MAX_BYTES`], `depth` beyond [`MAX_DEPTH`], `control_character` for a NUL anywhere in them.
pub fn game_settings(settings: &Map<String, Value>) -> Result<String, Fault> {
    let mut place = String::new();
    members(settings, 1, &mut place)?;
    // Into a text: it cannot fail, as every key is one.
    let text = serde_json::to_string(settings).unwrap_or_default();
    if text.len() > MAX_BYTES {
        let detail = format!("must have at most {MAX_BYTES} bytes as compact JSON, and has {}", text.len());
        return Err(Fault::new("length", detail));
    }
    Ok(text)
}

fn members(settings: &Map<String, Value>, depth: usize, place: &mut String) -> Result<(), Fault> {
    too_deep(depth)?;
    for (name, value) in settings {
        let length = place.len();
        place.push('/');
        place.push_str(&name.replace('\0', "\\u0000"));
        no_nul(name, place)?;
        judge(value, depth, place)?;
        place.truncate(length);
    }
    Ok(())
}

fn judge(value: &Value, depth: usize, place: &mut String) -> Result<(), Fault> {
    match value {
        Value::String(text) => no_nul(text, place),
        Value::Object(inner) => members(inner, depth + 1, place),
        Value::Array(items) => {
            too_deep(depth + 1)?;
            for (index, item) in items.iter().enumerate() {
                let length = place.len();
                place.push_str(&format!("/{index}"));
                judge(item, depth + 1, place)?;
                place.truncate(length);
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn too_deep(depth: usize) -> Result<(), Fault> {
    if depth <= MAX_DEPTH {
        return Ok(());
    }
    Err(Fault::new("depth", format!("must have at most {MAX_DEPTH} levels of objects and lists in each other")))
}

fn no_nul(text: &str, place: &str) -> Result<(), Fault> {
    if !text.contains('\0') {
        return Ok(());
    }
    // A name may be long: enough of it to be found.
    let place: String = place.chars().take(100).collect();
    Err(Fault::new("control_character", format!("must hold no NUL (U+0000); there is one at {place}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(value: &Value) -> Result<String, Fault> {
        game_settings(value.as_object().unwrap())
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, level| if level % 2 == 0 { json!({ "in": inner }) } else { json!([inner]) })
    }

    #[test]
    fn what_an_engine_may_be_told_passes_as_it_is() {
        for good in [
            json!({}),
            json!({"map": {"size": 3, "wraps": true}, "names": ["Ö", "\u{1}"], "ratio": 0.25, "none": null}),
        ] {
            assert_eq!(checked(&good).unwrap(), good.to_string());
        }
    }

    #[test]
    fn the_bounds_are_where_they_are_said_to_be() {
        let of = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
        assert_eq!(checked(&of(MAX_BYTES)).unwrap().len(), MAX_BYTES);
        let fault = checked(&of(MAX_BYTES + 1)).unwrap_err();
        assert_eq!((fault.code, fault.detail.contains("has 16385")), ("length", true), "{fault}");
        let object = |levels| json!({ "in": nested(levels - 1) });
        assert!(checked(&object(MAX_DEPTH)).is_ok());
        assert_eq!(checked(&object(MAX_DEPTH + 1)).unwrap_err().code, "depth");
    }

    #[test]
    fn a_nul_is_found_wherever_it_hides_and_its_place_is_told() {
        for (hidden, place) in [
            (json!({"a": "x\0"}), "/a"),
            (json!({"a": [1, {"b": "\0"}]}), "/a/1/b"),
            (json!({"a": {"\0": 1}}), "/a/\\u0000"),
        ] {
            let fault = checked(&hidden).unwrap_err();
            assert_eq!(fault.code, "control_character");
            assert!(fault.detail.ends_with(place), "{fault}");
        }
    }
}
