//! What the console is made of, as `api-server/build.rs` found it.

include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// A built console, or none.
#[derive(Debug, Clone, Copy)]
pub struct Assets {
    /// The page; `None`: there was no console when this binary was built.
    pub index: Option<&'static str>,
    /// The first parts of the paths that are pages.
    pub pages: &'static [&'static str],
    /// Everything else.
    pub files: &'static [File],
}

/// A file that the page loads.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path below `/console/`.
    pub name: &'static str,
    /// Tells its content from another one of the same name.
    pub tag: &'static str,
    /// Its content.
    pub plain: &'static [u8],
    /// The same by Brotli (RFC 7932).
    pub br: Option<&'static [u8]>,
    /// The same by gzip (RFC 1952).
    pub gzip: Option<&'static [u8]>,
}

/// What a path below `/console/` is.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    /// A page: the index, whose assets are so many directories up.
    Page {
        /// The page.
        index: &'static str,
        /// Directories between `/console/` and the page.
        depth: usize,
    },
    /// A file.
    File(File),
    /// Nothing.
    Nothing,
}

impl Assets {
    /// What stands at a path below `/console/`. What is neither a file nor below one of the pages is nothing: an asset that is missing
    /// must not be answered by a page.
    #[must_use]
    pub fn find(&self, rest: &str) -> Found {
        if let Some(file) = self.files.iter().find(|file| file.name == rest) {
            return Found::File(*file);
        }
        let page = rest.split('/').next().unwrap_or_default();
        match self.index {
            Some(index) if rest.is_empty() || self.pages.contains(&page) => {
                Found::Page { index, depth: rest.matches('/').count() }
            }
            _ => Found::Nothing,
        }
    }
}

impl File {
    /// `Content-Type`, by the name's ending.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }

    /// Whether its name changes with its content.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        self.name.starts_with("assets/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSETS: Assets = Assets {
        index: Some("page"),
        pages: &["games", "engine-versions"],
        files: &[File { name: "assets/index-1.js", tag: "1", plain: b"1", br: None, gzip: None }],
    };

    #[test]
    fn pages_are_pages_files_are_files_and_the_rest_is_nothing() {
        for (rest, depth) in [("", 0), ("games", 0), ("games/7", 1), ("games/", 1), ("engine-versions/1.4.2", 1)] {
            assert!(matches!(ASSETS.find(rest), Found::Page { depth: at, .. } if at == depth), "{rest}");
        }
        assert!(matches!(ASSETS.find("assets/index-1.js"), Found::File(file) if file.is_hashed()));
        for rest in ["assets/index-0.js", "assets/", "assets", "gamesx", "index.html", "../openapi.json", "built.txt"] {
            assert!(matches!(ASSETS.find(rest), Found::Nothing), "{rest}");
        }
    }

    #[test]
    fn without_a_console_everything_is_nothing() {
        let none = Assets { index: None, pages: &[], files: &[] };
        assert!(["", "games", "assets/index-1.js"].iter().all(|rest| matches!(none.find(rest), Found::Nothing)));
    }
}
