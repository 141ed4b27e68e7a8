//! Files that are generated: made aside, and put in place where they changed. One that is as it was keeps its time, or cargo would build
//! anew what is made from it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// An empty directory of this name, below the target directory.
pub(super) fn fresh(name: &str) -> Result<PathBuf> {
    let directory = testkit::target_dir().join("generated").join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
    }
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    Ok(directory)
}

/// Writes a file, unless it has this content.
pub(super) fn put(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|former| former == content) {
        return Ok(());
    }
    std::fs::write(path, content).with_context(|| path.display().to_string())
}

/// Puts every file of one directory into another.
pub(super) fn put_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for file in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let file = file?;
        put(&to.join(file.file_name()), &std::fs::read(file.path())?)?;
    }
    Ok(())
}

/// Removes from `to` what `from` does not have.
pub(super) fn remove_others(from: &Path, to: &Path) -> Result<()> {
    for file in std::fs::read_dir(to).with_context(|| to.display().to_string())? {
        let file = file?;
        if !from.join(file.file_name()).exists() {
            std::fs::remove_file(file.path()).with_context(|| file.path().display().to_string())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn what_is_as_it_was_keeps_its_time_and_what_is_no_more_goes() {
        let (from, to) = (fresh("test/from").unwrap(), fresh("test/to").unwrap());
        for (name, former, text) in [("same", "a", "a"), ("other", "a", "b")] {
            std::fs::write(from.join(name), text).unwrap();
            std::fs::write(to.join(name), former).unwrap();
        }
        std::fs::write(from.join("new"), "c").unwrap();
        std::fs::write(to.join("old"), "d").unwrap();
        let then = SystemTime::now() - Duration::from_secs(3_600);
        for file in std::fs::read_dir(&to).unwrap() {
            let file = std::fs::File::options().append(true).open(file.unwrap().path()).unwrap();
            file.set_modified(then).unwrap();
        }
        put_all(&from, &to).unwrap();
        remove_others(&from, &to).unwrap();
        let modified = |name: &str| to.join(name).metadata().unwrap().modified().unwrap();
        assert_eq!(modified("same"), then);
        assert!(modified("other") > then);
        let texts = ["same", "other", "new"].map(|name| std::fs::read_to_string(to.join(name)).unwrap());
        assert_eq!(texts, ["a", "b", "c"]);
        assert!(!to.join("old").exists());
    }
}
