//! Tables of real inputs under `shared/tests/tables`: one row a line, fields parted by tabs, `#` before remarks, and `\u{…}`,
//! `\t`, `\n` and `\\` for what a reader would not see.

/// The rows of a table, with their line numbers. Missing fields are empty.
pub fn rows<const FIELDS: usize>(table: &str) -> impl Iterator<Item = (usize, [String; FIELDS])> {
    let lines = table.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(line, number)| {
        let mut fields = line.split('\t').map(unescape);
        (number, std::array::from_fn(|_| fields.next().unwrap_or_default()))
    })
}

fn unescape(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let one = match escape.chars().next() {
            Some('u') => {
                let (hex, after) = escape[2..].split_once('}').expect("a closing brace");
                out.push(char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character"));
                rest = after;
                continue;
            }
            Some('t') => '\t',
            Some('n') => '\n',
            Some('\\') => '\\',
            other => panic!("an unknown escape: {other:?}"),
        };
        out.push(one);
        rest = &escape[1..];
    }
    out + rest
}

/// Fails with every row of which `fault` has something to say, and if there are fewer rows than `least`.
pub fn check<const FIELDS: usize>(table: &str, least: usize, fault: impl Fn(&[String; FIELDS]) -> Option<String>) {
    let (mut faults, mut count) = (Vec::new(), 0);
    for (line, row) in rows(table) {
        count += 1;
        faults.extend(fault(&row).map(|fault| format!("line {line}: {row:?}: {fault}")));
    }
    assert!(faults.is_empty(), "{} of {count} rows:\n{}", faults.len(), faults.join("\n"));
    assert!(count >= least, "{count} rows");
}
