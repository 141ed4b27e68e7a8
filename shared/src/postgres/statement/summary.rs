//! What a statement does, to which table: OpenTelemetry's `db.query.summary`, of low cardinality.

/// Statements that name a table: the word before it.
const VERBS: &[(&str, &str)] = &[("SELECT", "FROM"), ("INSERT", "INTO"), ("UPDATE", "UPDATE"), ("DELETE", "FROM")];

/// The statement's verb and the first table that it is about: `UPDATE games`. Of a `WITH`, those of what follows it; of any
/// other statement its first word. No value and no parameter is in it.
#[must_use]
pub fn summary(text: &str) -> String {
    let words = words(text);
    let outer = words.iter().filter(|(depth, _)| *depth == 0);
    let verb = outer
        .clone()
        .map(|(_, word)| word.to_ascii_uppercase())
        .find(|word| VERBS.iter().any(|(verb, _)| verb == word));
    let first = words.first().map(|(_, word)| word.to_ascii_uppercase()).unwrap_or_default();
    let Some(verb) = verb.filter(|verb| *verb == first || first == "WITH") else {
        return first.chars().filter(char::is_ascii_alphabetic).collect();
    };
    let before = VERBS.iter().find(|(known, _)| *known == verb).map_or("", |(_, before)| before);
    let behind_verb = words.iter().skip_while(|(depth, word)| *depth > 0 || !word.eq_ignore_ascii_case(&verb));
    let mut behind = behind_verb.skip_while(|(depth, word)| *depth > 0 || !word.eq_ignore_ascii_case(before)).skip(1);
    // A table stands at the depth of its statement: behind FROM there may be a parenthesis, or a function.
    match behind.find(|(_, word)| !matches!(word.to_ascii_uppercase().as_str(), "ONLY" | "LATERAL")) {
        Some((0, table)) if is_name(table) => format!("{verb} {table}"),
        _ => verb,
    }
}

fn is_name(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
        && word.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
}

/// The words of a statement, each with the depth of parentheses that it stands in. Literals and comments are no words.
fn words(text: &str) -> Vec<(usize, String)> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || matches!(c, '_' | '.' | '$') {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push((depth, std::mem::take(&mut word)));
        }
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '\'' | '"' => while chars.next().is_some_and(|inner| inner != c) {},
            '-' if chars.peek() == Some(&'-') => while chars.next().is_some_and(|inner| inner != '\n') {},
            _ => {}
        }
    }
    if !word.is_empty() {
        words.push((depth, word));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_verb_and_its_table() {
        for (text, expected) in [
            ("SELECT a, (SELECT b FROM c) FROM accounts WHERE x = $1", "SELECT accounts"),
            ("select 1 from\n   ONLY games g", "SELECT games"),
            ("INSERT INTO push_events AS e (what) VALUES ('a FROM b')", "INSERT push_events"),
            ("UPDATE games SET x = (SELECT y FROM z)", "UPDATE games"),
            ("WITH c AS MATERIALIZED (SELECT id FROM a) DELETE FROM d USING c", "DELETE d"),
            ("WITH old AS (SELECT 1), new AS (UPDATE x SET y = 1) SELECT * FROM new -- SELECT it", "SELECT new"),
            ("SELECT pg_notify(channel, payload) FROM unnest($1::text[]) AS n", "SELECT unnest"),
            ("SELECT EXISTS (SELECT FROM games)", "SELECT"),
            ("SELECT s FROM (SELECT 1 FROM t) AS s", "SELECT"),
            ("LOCK TABLE ONLY push_events_3 IN ACCESS EXCLUSIVE MODE NOWAIT", "LOCK"),
            ("COMMIT", "COMMIT"),
            ("", ""),
        ] {
            assert_eq!(summary(text), expected, "{text}");
        }
    }
}
