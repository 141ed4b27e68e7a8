//! Which constraints a migration leaves for Postgres to name, read from its text: in the catalogue a name that Postgres chose
//! looks like one of ours, which follow the same pattern.

/// The words and signs of a text in SQL, without comments, dollar-quoted bodies and string literals.
fn words(sql: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), sql);
    while let Some(first) = rest.chars().next() {
        let until = |from: usize, end: &str| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        let (len, counts) = if rest.starts_with("--") {
            (until(2, "\n"), false)
        } else if rest.starts_with("/*") {
            (until(2, "*/"), false)
        } else if first == '\'' {
            // A doubled quote makes two literals of one: neither counts.
            (until(1, "'"), false)
        } else if first == '"' {
            (until(1, "\""), true)
        } else if let Some(tag) = rest.strip_prefix('$').and_then(|tail| Some(tail.split_once('$')?.0))
            && tag.chars().all(of_word)
        {
            let quote = &rest[..tag.len() + 2];
            (until(quote.len(), quote), false)
        } else if of_word(first) {
            (rest.find(|c| !of_word(c)).unwrap_or(rest.len()), true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (word, tail) = rest.split_at(len);
        if counts {
            words.push(word);
        }
        rest = tail;
    }
    words
}

/// Each constraint in `CREATE TABLE`, `ALTER TABLE` or of a domain that no `CONSTRAINT <name>` stands before, and each index
/// without a name, with the words around it.
pub fn unnamed(sql: &str) -> Vec<String> {
    let words = words(sql);
    words.split(|word| *word == ";").flat_map(unnamed_in).collect()
}

fn unnamed_in(statement: &[&str]) -> Vec<String> {
    let is = |at: usize, word: &str| statement.get(at).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let head = |word: &str| (0..4).any(|at| is(at, word));
    let made = is(0, "CREATE") || is(0, "ALTER");
    let (constrains, indexes) = (made && (head("TABLE") || head("DOMAIN")), is(0, "CREATE") && head("INDEX"));
    let mut of_foreign_key = false;
    let mut found = Vec::new();
    for at in 1..statement.len() {
        let bare = if constrains {
            let foreign_key = is(at, "FOREIGN") && is(at + 1, "KEY");
            // Its REFERENCES is a part of it; one behind a column is a constraint.
            let references = is(at, "REFERENCES") && !std::mem::take(&mut of_foreign_key);
            of_foreign_key |= foreign_key;
            let begins = foreign_key
                || references
                || is(at, "PRIMARY") && is(at + 1, "KEY")
                || is(at, "UNIQUE")
                || is(at, "CHECK") && is(at + 1, "(")
                || is(at, "EXCLUDE") && (is(at + 1, "USING") || is(at + 1, "("));
            begins && !(at >= 2 && is(at - 2, "CONSTRAINT"))
        } else {
            indexes && is(at, "ON") && (is(at - 1, "INDEX") || is(at - 1, "CONCURRENTLY"))
        };
        if bare {
            let around = at.saturating_sub(3)..statement.len().min(at + 4);
            found.push(format!("{} …: {}", statement[..statement.len().min(3)].join(" "), statement[around].join(" ")));
        }
    }
    found
}

/// The names that a text gives to constraints.
pub fn named(sql: &str) -> Vec<String> {
    let words = words(sql);
    let gives =
        |before: &str| !["DROP", "VALIDATE", "ALTER", "RENAME", "ON"].iter().any(|w| before.eq_ignore_ascii_case(w));
    words
        .windows(3)
        .filter(|w| w[1].eq_ignore_ascii_case("CONSTRAINT") && gives(w[0]))
        .map(|w| w[2].trim_matches('"').to_owned())
        .collect()
}

#[test]
fn a_constraint_without_a_name_is_found_wherever_it_stands() {
    for sql in [
        "CREATE TABLE t (a int PRIMARY KEY)",
        "CREATE TABLE t (a int, PRIMARY KEY (a))",
        "create table t (a int unique)",
        "CREATE UNLOGGED TABLE IF NOT EXISTS t (a int, UNIQUE NULLS NOT DISTINCT (a))",
        "CREATE TABLE t (a int REFERENCES u)",
        "CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES u)",
        "CREATE TABLE t (a int CHECK (a > 0))",
        "CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))",
        "CREATE TABLE t (a int CONSTRAINT t_pkey PRIMARY KEY REFERENCES u)",
        "CREATE TABLE t (a int, b numeric(9, 2) REFERENCES u, CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES u)",
        "CREATE TABLE t (a int, CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES u, b int REFERENCES u)",
        "CREATE TABLE t (a text DEFAULT 'the ''CONSTRAINT x' UNIQUE)",
        "CREATE TABLE t (a int, -- CONSTRAINT t_a_check\n CHECK (a > 0))",
        "CREATE TABLE t (a int /* CONSTRAINT t_a_check */ CHECK (a > 0))",
        "ALTER TABLE t ADD CHECK (a > 0)",
        "ALTER TABLE t ADD COLUMN a int UNIQUE, ADD CONSTRAINT t_b_key UNIQUE (b)",
        "ALTER TABLE t ADD PRIMARY KEY USING INDEX i",
        "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
        "CREATE UNIQUE INDEX ON t (a)",
        "CREATE INDEX CONCURRENTLY ON t (a)",
        "CREATE TABLE u (a int CONSTRAINT u_pkey PRIMARY KEY); CREATE TABLE t (a int PRIMARY KEY);",
    ] {
        assert_eq!(unnamed(sql).len(), 1, "{sql}: {:?}", unnamed(sql));
    }
}

#[test]
fn a_constraint_with_a_name_is_left_alone() {
    for sql in [
        "CREATE TABLE t (a int CONSTRAINT t_pkey PRIMARY KEY CONSTRAINT t_a_fkey REFERENCES u ON DELETE CASCADE)",
        "CREATE TABLE t (a int, CONSTRAINT t_a_fkey FOREIGN KEY (a) REFERENCES u (a), CONSTRAINT \"t a\" CHECK (a IN (1, 2)))",
        "CREATE TABLE t (a int, CONSTRAINT t_a_excl EXCLUDE USING gist (a WITH =) WHERE (a > 0))",
        "ALTER TABLE t ADD COLUMN a int CONSTRAINT t_a_key UNIQUE, DROP CONSTRAINT t_b_key",
        "CREATE UNIQUE INDEX t_a_key ON t (a); COMMENT ON TABLE t IS 'PRIMARY KEY'; -- UNIQUE",
        "DO $x$ BEGIN EXECUTE 'ALTER TABLE t ADD UNIQUE (a)'; END $x$; DO $$ SELECT 'CREATE TABLE t (a int UNIQUE)' $$",
    ] {
        assert_eq!(unnamed(sql), Vec::<String>::new(), "{sql}");
    }
    let sql = "CREATE TABLE t (a int CONSTRAINT one UNIQUE); ALTER TABLE t DROP CONSTRAINT two, ADD CONSTRAINT \"three\" UNIQUE (b)";
    assert_eq!(named(sql), ["one", "three"]);
}
