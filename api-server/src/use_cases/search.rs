//! One box for everything: what a text may be is told from the text, and looked up as all of that.

use std::collections::BTreeSet;

use shared::db::search::{self, Hit};
use shared::domain::email::Address;
use shared::domain::search::HitMatch;
use shared::domain::text;
use shared::ids;

use crate::app::App;
use crate::refusal::Problem;

/// What the name of an engine's container begins with; its game's id follows.
const CONTAINER_PREFIX: &str = "galaxy-game-";
/// The shortest beginning of a container's id that is looked for; people copy twelve characters as a rule.
const CONTAINER_MIN: usize = 8;
/// The longest request id, and the shortest that is looked for.
const REQUEST_ID: std::ops::RangeInclusive<usize> = 4..=128;

/// Something that was found, and by what.
pub struct Found {
    /// What it is.
    pub hit: Hit,
    /// By what it was found.
    pub by: HitMatch,
}

/// Looks for everything that a text leads to: first what it is itself, then what it is the name of, then what it made.
pub async fn find(app: &App, query: &str) -> Result<Vec<Found>, Problem> {
    let query = text::fold(query);
    let word = !query.contains(' ');
    let mut tx = app.db.begin().await?;
    let mut found = Vec::new();
    let mut add = |hits: Vec<Hit>, by: HitMatch| found.extend(hits.into_iter().map(|hit| Found { hit, by }));
    let id = ids::parse(query.strip_prefix(CONTAINER_PREFIX).unwrap_or(&query));
    if let Some(id) = id {
        add(search::by_id(&mut tx, id).await?, HitMatch::Id);
    } else if query.contains('@') {
        if let Ok(address) = Address::parse(&query) {
            add(search::by_address(&mut tx, &address.spellings()).await?, HitMatch::Address);
        }
    } else {
        let from = query.to_lowercase();
        add(search::by_name(&mut tx, &from, &text::greatest_from(&from)).await?, HitMatch::Name);
    }
    if word && query.len() >= CONTAINER_MIN && query.is_ascii() && !query.contains('@') {
        add(search::by_container(&mut tx, &query, &text::greatest_from(&query)).await?, HitMatch::Container);
    }
    if word && REQUEST_ID.contains(&query.len()) && query.bytes().all(|byte| byte.is_ascii_graphic()) {
        add(search::by_request(&mut tx, &query).await?, HitMatch::RequestId);
    }
    tx.commit().await?;
    let mut seen = BTreeSet::new();
    found.retain(|found| seen.insert((found.hit.kind.clone(), found.hit.id)));
    Ok(found)
}
