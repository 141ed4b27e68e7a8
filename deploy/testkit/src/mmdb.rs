//! Writes databases in MaxMind's format (version 2.0 of its specification), as tests need them: a tree over addresses of 128
//! bits with a country at each network. IPv4 stands below `::/96`, as in the databases that people download.

use std::collections::HashMap;
use std::net::IpAddr;

/// A database of countries: `("203.0.113.0/24", "DE")`, `("2001:db8::/32", "FR")`. The later entry wins where networks overlap.
///
/// # Panics
/// When a network is none.
pub fn countries(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tree = Tree::default();
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
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), prefix + 96),
            IpAddr::V6(ip) => (u128::from(ip), prefix),
        };
        tree.insert(bits, prefix, offset);
    }
    let mut file = tree.encode();
    file.extend([0; 16]);
    file.extend(records);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut file, tree.nodes.len());
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
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![[Record::Nothing; 2]] }
    }
}

impl Tree {
    fn insert(&mut self, bits: u128, prefix: u32, offset: usize) {
        assert!((1..=128).contains(&prefix), "a prefix of 1 to 128 bits, of 0 to 32 for IPv4");
        let mut node = 0;
        for depth in 0..prefix {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
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

    /// Records of 24 bits: a node's number; the number of nodes for "nothing"; beyond it, and the separator of 16 bytes, the data.
    fn encode(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let mut out = Vec::with_capacity(count * 6);
        for record in self.nodes.iter().flatten() {
            let value = match record {
                Record::Nothing => count,
                Record::Node(next) => *next,
                Record::Data(offset) => count + 16 + offset,
            };
            out.extend(&u32::try_from(value).expect("a small database").to_be_bytes()[1..]);
        }
        out
    }
}

fn metadata(out: &mut Vec<u8>, nodes: usize) {
    map(out, 9);
    for (key, value) in [("binary_format_major_version", 2_u16), ("binary_format_minor_version", 0)] {
        text(out, key);
        unsigned(out, 5, &value.to_be_bytes());
    }
    text(out, "build_epoch");
    // An extended type: 9 is a 64-bit number.
    out.extend([0x08, 0x02]);
    out.extend(1_700_000_000_u64.to_be_bytes());
    text(out, "database_type");
    text(out, "Galaxy-Test-Country");
    text(out, "description");
    map(out, 1);
    text(out, "en");
    text(out, "made by a test");
    text(out, "ip_version");
    unsigned(out, 5, &6_u16.to_be_bytes());
    text(out, "languages");
    // An extended type: 11 is an array, of one here.
    out.extend([0x01, 0x04]);
    text(out, "en");
    text(out, "node_count");
    unsigned(out, 6, &u32::try_from(nodes).expect("a small database").to_be_bytes());
    text(out, "record_size");
    unsigned(out, 5, &24_u16.to_be_bytes());
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
