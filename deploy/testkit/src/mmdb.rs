//! Writes databases in MaxMind's format (version 2.0 of its specification), as tests need them: a tree over addresses of 128
//! bits with a country at each network. IPv4 stands below `::/96`, as in the databases that people download.

use std::collections::HashMap;
use std::net::IpAddr;

/// What may differ between databases that the format allows.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// 6, with IPv4 below `::/96`, or 4.
    pub ip_version: u16,
    /// Bits of a record: 24, 28 or 32.
    pub record_size: u16,
    /// Keys that the metadata does not have.
    pub without: &'static [&'static str],
}

impl Default for Shape {
    fn default() -> Self {
        Self { ip_version: 6, record_size: 24, without: &[] }
    }
}

/// A database of countries: `("203.0.113.0/24", "DE")`, `("2001:db8::/32", "FR")`. The later entry wins where networks overlap.
///
/// # Panics
/// When a network is none.
pub fn countries(entries: &[(&str, &str)]) -> Vec<u8> {
    countries_like(Shape::default(), entries)
}

/// [`countries`] in another shape.
///
/// # Panics
/// As [`countries`], and when an address of IPv6 is to stand in a database of IPv4.
pub fn countries_like(shape: Shape, entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tree = Tree { depth: if shape.ip_version == 4 { 32 } else { 128 }, ..Tree::default() };
    let mut records = Vec::new();
    let mut offsets: HashMap<&str, usize> = HashMap::new();
    for (network, code) in entries {
        let offset = *offsets.entry(code).or_insert_with(|| {
            let offset = records.len();
            map(&mut records, 1);
            text(&mut records, "country");
            map(&mut records, 1);
            text(&mut records, "iso_code");
            text(&mut records, code);
            offset
        });
        let (address, prefix) = network.split_once('/').expect("a network is address/prefix");
        let prefix: u32 = prefix.parse().expect("a prefix");
        let (bits, prefix) = match address.parse().expect("an address") {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), prefix + tree.depth - 32),
            IpAddr::V6(ip) => {
                assert_eq!(tree.depth, 128, "{network} in a database of IPv4");
                (u128::from(ip), prefix)
            }
        };
        tree.insert(bits, prefix, offset);
    }
    let mut file = tree.encode(shape.record_size);
    file.extend([0; 16]);
    file.extend(records);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut file, tree.nodes.len(), shape);
    file
}

#[derive(Clone, Copy, Default)]
enum Record {
    #[default]
    Nothing,
    Node(usize),
    /// Offset in the data section.
    Data(usize),
}

struct Tree {
    nodes: Vec<[Record; 2]>,
    /// Bits of an address.
    depth: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![[Record::Nothing; 2]], depth: 128 }
    }
}

impl Tree {
    fn insert(&mut self, bits: u128, prefix: u32, offset: usize) {
        assert!((1..=self.depth).contains(&prefix), "a prefix of 1 to {} bits", self.depth);
        let mut node = 0;
        for depth in 0..prefix {
            let side = usize::from(bits >> (self.depth - 1 - depth) & 1 == 1);
            if depth + 1 == prefix {
                self.nodes[node][side] = Record::Data(offset);
                return;
            }
            node = match self.nodes[node][side] {
                Record::Node(next) => next,
                // What stood here for the whole network goes on standing for its halves.
                above => {
                    self.nodes.push([above; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Record::Node(next);
                    next
                }
            };
        }
    }

    /// A record is a node's number; the number of nodes for "nothing"; beyond it, and the separator of 16 bytes, the data.
    fn encode(&self, record_size: u16) -> Vec<u8> {
        let count = self.nodes.len();
        let value = |record: &Record| {
            let value = match record {
                Record::Nothing => count,
                Record::Node(next) => *next,
                Record::Data(offset) => count + 16 + offset,
            };
            u32::try_from(value).expect("a small database").to_be_bytes()
        };
        let mut out = Vec::new();
        for [left, right] in &self.nodes {
            let (left, right) = (value(left), value(right));
            match record_size {
                24 => out.extend([&left[1..], &right[1..]].concat()),
                // The byte between the two holds the upper four bits of each.
                28 => out.extend([&left[1..], &[left[0] << 4 | right[0]], &right[1..]].concat()),
                32 => out.extend([left, right].concat()),
                other => panic!("no record has {other} bits"),
            }
        }
        out
    }
}

fn metadata(out: &mut Vec<u8>, nodes: usize, shape: Shape) {
    let number = |value: u16| move |out: &mut Vec<u8>| unsigned(out, 5, &value.to_be_bytes());
    let nodes = u32::try_from(nodes).expect("a small database");
    type Write = Box<dyn Fn(&mut Vec<u8>)>;
    let pairs: [(&str, Write); 9] = [
        ("binary_format_major_version", Box::new(number(2))),
        ("binary_format_minor_version", Box::new(number(0))),
        (
            "build_epoch",
            // An extended type: 9 is a 64-bit number.
            Box::new(|out| {
                out.extend([0x08, 0x02]);
                out.extend(1_700_000_000_u64.to_be_bytes());
            }),
        ),
        ("database_type", Box::new(|out| text(out, "Galaxy-Test-Country"))),
        (
            "description",
            Box::new(|out| {
                map(out, 1);
                text(out, "en");
                text(out, "made by a test");
            }),
        ),
        ("ip_version", Box::new(number(shape.ip_version))),
        (
            "languages",
            // An extended type: 11 is an array, of one here.
            Box::new(|out| {
                out.extend([0x01, 0x04]);
                text(out, "en");
            }),
        ),
        ("node_count", Box::new(move |out| unsigned(out, 6, &nodes.to_be_bytes()))),
        ("record_size", Box::new(number(shape.record_size))),
    ];
    let kept: Vec<_> = pairs.iter().filter(|(key, _)| !shape.without.contains(key)).collect();
    map(out, kept.len());
    for (key, write) in kept {
        text(out, key);
        write(out);
    }
}

/// Control byte: three bits of type, five of size.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    assert!(size < 29, "longer values have a longer form, which nothing here needs");
    out.push(kind << 5 | u8::try_from(size).expect("small"));
}

fn map(out: &mut Vec<u8>, pairs: usize) {
    control(out, 7, pairs);
}

fn text(out: &mut Vec<u8>, value: &str) {
    control(out, 2, value.len());
    out.extend(value.as_bytes());
}

fn unsigned(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    control(out, kind, value.len());
    out.extend(value);
}
