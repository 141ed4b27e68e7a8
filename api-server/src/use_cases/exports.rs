//! Lists that leave as files: who took which, and what they asked for, stands in the trail before the first byte has gone.

use serde_json::{Map, Value, json};

use super::caller::Caller;
use crate::app::App;
use crate::refusal::Problem;

/// What leads to a person, who may be gone before the trail is: it says that they were asked for, not who.
const PEOPLE: [&str; 3] = ["email", "name", "recipient"];

/// Writes that a list is exported, by the name of the list: `users.export`. `filter` is what was asked for, and `goes_on` says that it
/// is what a file before it left out.
pub async fn told(
    app: &App,
    caller: &Caller<'_>,
    list: &str,
    filter: Map<String, Value>,
    goes_on: bool,
) -> Result<(), Problem> {
    let detail = json!({ "filter": without_people(filter), "goes_on": goes_on });
    let mut tx = app.db.begin().await?;
    caller.audit(&mut tx, &format!("{list}.export"), "list", list, detail).await?;
    Ok(tx.commit().await?)
}

fn without_people(mut filter: Map<String, Value>) -> Map<String, Value> {
    for (_, value) in filter.iter_mut().filter(|(name, _)| PEOPLE.contains(&name.as_str())) {
        *value = json!("(given)");
    }
    filter
}
