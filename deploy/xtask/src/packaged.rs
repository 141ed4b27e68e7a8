//! Images that stand in for public ones where no registry can be reached: this machine's own Postgres and Prometheus, with the
//! libraries that they are linked with. For tests of `deploy/compose/compose.yaml` alone.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{prerequisites, run};

/// Makes both below `dir`, on this daemon.
///
/// # Errors
/// When a package is missing, or what docker says.
pub fn images(dir: &Path, docker_host: Option<&str>) -> Result<()> {
    prerequisites::packaged()?;
    for (name, context) in
        [("postgres", postgres(&dir.join("postgres"))?), ("prometheus", prometheus(&dir.join("prometheus"))?)]
    {
        let tag = format!("galaxy-test/{name}:latest");
        println!("\n── Image {tag}, from this machine's packages");
        run::output(run::docker(docker_host, &["build", "--quiet", "--tag", &tag]).arg(context))?;
    }
    Ok(())
}

fn postgres(context: &Path) -> Result<PathBuf> {
    let (version, programs) = testkit::postgres::programs()?;
    let root = fresh(context)?;
    let mut files: Vec<PathBuf> =
        ["postgres", "initdb", "pg_ctl", "psql", "pg_isready"].iter().map(|name| programs.join(name)).collect();
    files.extend(
        ["sh", "id", "mkdir", "chown", "chmod", "cat", "setpriv"].iter().map(|name| Path::new("/usr/bin").join(name)),
    );
    for entry in std::fs::read_dir(programs.with_file_name("lib")).context("Postgres' own libraries")? {
        let path = entry?.path();
        // The just-in-time compiler brings all of LLVM, and a query plan of ours has no use for it.
        let wanted = path.extension().is_some_and(|end| end == "so") && !path.ends_with("llvmjit.so");
        files.extend(wanted.then_some(path));
    }
    for file in &files {
        with_libraries(&root, file)?;
    }
    for dir in [format!("usr/share/postgresql/{version}"), "usr/share/zoneinfo".to_owned()] {
        let to = root.join(&dir);
        std::fs::create_dir_all(&to)?;
        run::output(run::program("cp").args(["-a", "--no-target-directory"]).arg(Path::new("/").join(&dir)).arg(&to))?;
    }
    for dir in ["bin", "tmp", "etc", "var/run/postgresql", "var/lib/postgresql/data"] {
        std::fs::create_dir_all(root.join(dir))?;
    }
    std::os::unix::fs::symlink("/usr/bin/sh", root.join("bin/sh"))?;
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\npostgres:x:999:999::/:/bin/sh\n")?;
    std::fs::write(root.join("etc/group"), "root:x:0:\npostgres:x:999:\n")?;
    std::fs::copy(crate::root().join("deploy/compose/test/postgres.sh"), root.join("postgres.sh"))?;
    recipe(
        context,
        &format!("COPY root /\nENV PATH={}:/usr/bin:/bin\nENTRYPOINT [\"/postgres.sh\"]\n", programs.display()),
    )
}

fn prometheus(context: &Path) -> Result<PathBuf> {
    let root = fresh(context)?;
    with_libraries(&root, Path::new("/usr/bin/prometheus"))?;
    for dir in ["bin", "prometheus"] {
        std::fs::create_dir_all(root.join(dir))?;
    }
    std::os::unix::fs::symlink("/usr/bin/prometheus", root.join("bin/prometheus"))?;
    recipe(context, "COPY --chown=65534:65534 root /\nUSER 65534:65534\nENTRYPOINT [\"/bin/prometheus\"]\n")
}

fn fresh(context: &Path) -> Result<PathBuf> {
    let _ = std::fs::remove_dir_all(context);
    let root = context.join("root");
    std::fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
    Ok(root)
}

fn recipe(context: &Path, rest: &str) -> Result<PathBuf> {
    std::fs::write(context.join("Dockerfile"), format!("FROM scratch\n{rest}"))?;
    Ok(context.to_owned())
}

/// Copies a file, and the libraries that it is linked with, under their own paths.
fn with_libraries(root: &Path, file: &Path) -> Result<()> {
    // It fails on what is not dynamic, which then has none.
    let listed = run::output(run::program("ldd").arg(file)).unwrap_or_default();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for path in std::iter::once(file.to_owned()).chain(libraries) {
        let to = root.join(path.strip_prefix("/").unwrap_or(&path));
        if !to.exists() {
            std::fs::create_dir_all(to.parent().context("a directory")?)?;
            std::fs::copy(&path, &to).with_context(|| format!("copy {}", path.display()))?;
        }
    }
    Ok(())
}
