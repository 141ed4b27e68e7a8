//! Puts the built operator console into the binary, where it is there (`deploy/console/dist`). Nothing is built here: `cargo build`
//! needs no Node.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let console = manifest.join("../deploy/console");
    let dist = console.join("dist");
    // A path that is not there would rebuild this crate each time; the console's directory is, and it changes when `dist` comes.
    let watched = if dist.is_dir() { &dist } else { &console };
    println!("cargo::rerun-if-changed={}", watched.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    // Written last of all by the build: half a build is none.
    if dist.join("built.txt").is_file() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    std::fs::write(out.join("console.rs"), source(&dist, &files)?)
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// `BUILT`, an expression of `api_server::http::console::assets::Assets`.
fn source(dist: &Path, files: &[PathBuf]) -> io::Result<String> {
    let mut text = String::from(
        "/// What was in `deploy/console/dist` when this binary was built.\npub const BUILT: Assets = Assets {\n",
    );
    let embedded = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
    let index = files.iter().find(|path| **path == dist.join("index.html"));
    let index = index.map_or("None".to_owned(), |path| format!("Some(include_str!({:?}))", path.display().to_string()));
    let _ = writeln!(text, "    index: {index},");
    let pages = std::fs::read_to_string(dist.join("pages.txt")).unwrap_or_default();
    let pages: Vec<&str> = pages.lines().filter(|page| !page.is_empty()).collect();
    let _ = writeln!(text, "    pages: &{pages:?},\n    files: &[");
    for path in files {
        let Ok(name) = path.strip_prefix(dist) else { continue };
        let name = name.to_string_lossy().replace('\\', "/");
        if !name.ends_with(".js") && !name.ends_with(".css") && !name.ends_with(".svg") {
            continue;
        }
        let beside = |ending: &str| {
            let packed = PathBuf::from(format!("{}.{ending}", path.display()));
            if packed.is_file() { format!("Some({})", embedded(&packed)) } else { "None".to_owned() }
        };
        let _ = writeln!(
            text,
            "        File {{ name: {name:?}, tag: {:?}, plain: {}, br: {}, gzip: {} }},",
            tag(&std::fs::read(path)?),
            embedded(path),
            beside("br"),
            beside("gz"),
        );
    }
    text.push_str("    ],\n};\n");
    Ok(text)
}

/// Tells one content from another (FNV-1a): what an `ETag` is for. It proves nothing.
fn tag(content: &[u8]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in content {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}
