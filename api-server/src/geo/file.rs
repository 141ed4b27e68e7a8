//! Reading a database file: what the format leaves open is filled in, what cannot be read is counted, half a file is refused.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use maxminddb::{MaxMindDbError, Reader, WithinOptions, path};

/// Stands before the metadata, the file's last part.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// A map of up to 28 pairs is announced by one byte: its type, 7, in the upper three bits.
const MAP: u8 = 0b1110_0000;
const SMALL: u8 = 28;
/// What metadata may lack, or may be left out by whoever writes such files, and an empty value of its type. No look-up needs it,
/// and the reader demands it.
const NEEDLESS: [(&str, &[u8]); 5] = [
    ("description", &[MAP]),
    ("languages", &[0x00, 0x04]),
    ("database_type", &[0x40]),
    ("build_epoch", &[0x00, 0x02]),
    ("binary_format_minor_version", &[0xa0]),
];

/// A database, and how many of its records say nothing.
pub(super) struct Read {
    pub(super) reader: Reader<Vec<u8>>,
    /// Records in which no country can be looked up: they are broken. Addresses that lead to them have none.
    pub(super) unreadable: usize,
}

/// The whole file, looked at from its first node to its last record: half a file must not be taken for one.
pub(super) fn read(path: &Path) -> Result<Read, MaxMindDbError> {
    let reader = Reader::from_source(completed(std::fs::read(path)?))?;
    // The library's own check refuses databases that the format allows, and whole ones for a single record.
    let unreadable = unreadable(&reader)?;
    Ok(Read { reader, unreadable })
}

/// The file with the metadata that it lacks.
fn completed(mut file: Vec<u8>) -> Vec<u8> {
    let Some(at) = file.windows(MARKER.len()).rposition(|window| window == MARKER) else { return file };
    let start = at + MARKER.len();
    let metadata = file.get(start..).unwrap_or_default();
    let missing: Vec<_> = NEEDLESS
        .iter()
        .filter(|(key, _)| {
            let key = encoded(key);
            !metadata.windows(key.len()).any(|window| window == key)
        })
        .collect();
    let added = u8::try_from(missing.len()).unwrap_or(0);
    match file.get_mut(start) {
        // More pairs follow those that are there: the map is the last thing in the file.
        Some(announced) if *announced & MAP == MAP && (*announced & !MAP) + added <= SMALL => *announced += added,
        _ => return file,
    }
    for (key, value) in missing {
        file.extend(encoded(key));
        file.extend(*value);
    }
    file
}

/// A text of up to 28 bytes.
fn encoded(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap_or(SMALL);
    [&[0b0100_0000 | length], text.as_bytes()].concat()
}

/// Walks every network.
///
/// # Errors
/// When the tree is broken, or none of the records can be read.
fn unreadable(reader: &Reader<Vec<u8>>) -> Result<usize, MaxMindDbError> {
    let broken = |what: &str| MaxMindDbError::Io(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
    let mut seen = HashSet::new();
    let (mut bad, mut worst) = (0, None);
    // Each node has two sides: what takes more steps goes in a circle.
    let mut steps = usize::try_from(reader.metadata().node_count).unwrap_or(usize::MAX).saturating_mul(3);
    for network in reader.networks(WithinOptions::default())? {
        let network = network?;
        steps = steps.checked_sub(1).ok_or_else(|| broken("its tree goes in a circle"))?;
        let Some(offset) = network.offset() else { continue };
        if seen.insert(offset)
            && let Err(error) = network.decode_path::<&str>(&path!["country", "iso_code"])
        {
            bad += 1;
            worst = Some(error);
        }
    }
    match worst {
        Some(error) if bad == seen.len() => Err(error),
        _ => Ok(bad),
    }
}
