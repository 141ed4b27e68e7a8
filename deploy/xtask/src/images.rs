//! `cargo xtask images`: one static image per binary, `FROM scratch`, and a bill of materials beside each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use testkit::stack::ENGINE_IMAGE;

use crate::build::{self, Profile};
use crate::shipped::{IMAGES, Image};
use crate::{front_ends, packaged, prerequisites, run, sbom};

/// The largest image that is let through, in bytes.
const LIMIT: u64 = 40 << 20;

/// What the images are called below.
const REPOSITORY: &str = "galaxy";

/// The roots that certificates are checked against, where Debian's package `ca-certificates` puts them.
const ROOTS: &str = "etc/ssl/certs/ca-certificates.crt";

/// What the images are made of, and where they go.
#[derive(Debug, Default)]
pub struct Options {
    /// Of the dev profile: built in less time, and several times as large.
    pub dev: bool,
    /// Make the images that stand in for public ones as well (`deploy/compose/compose.test.yaml`).
    pub test: bool,
    /// The daemon that builds them; absent: the one that the docker command finds.
    pub docker_host: Option<String>,
}

/// Builds them all, prints what they weigh, and answers their tag.
///
/// # Errors
/// When something does not build, what docker says, or when an image is too large.
pub fn images(options: &Options) -> Result<String> {
    prerequisites::images()?;
    let profile = if options.dev { Profile::Dev } else { Profile::Release };
    front_ends::console()?;
    build::static_binaries(profile)?;
    front_ends::held_by(&build::static_path(profile, "api-server")?)?;
    let dir = testkit::target_dir().join("images");
    let stamp = Stamp::of_checkout()?;
    let docker = |arguments: &[&str]| run::docker(options.docker_host.as_deref(), arguments);
    let mut weights = String::new();
    for image in &IMAGES {
        let context = dir.join(image.name);
        image.write_context(&context, profile)?;
        let name = format!("{REPOSITORY}/{}", image.name);
        build_image(&docker, &stamp, &[format!("{name}:{}", stamp.tag), format!("{name}:latest")], &context, None)?;
        let size = size(&docker, &name)?;
        if size > LIMIT && !options.dev {
            bail!("{name} has {} MiB; {} are the limit", size >> 20, LIMIT >> 20);
        }
        let _ = writeln!(weights, "   {:<48} {:6.1} MiB", format!("{name}:{}", stamp.tag), mebibytes(size));
    }
    let engine = engine_context(&dir, profile)?;
    let tags = [ENGINE_IMAGE.to_owned(), format!("galaxy-engine:{}", stamp.tag)];
    let recipe = crate::root().join("deploy/engine/Dockerfile");
    build_image(&docker, &stamp, &tags, &engine, Some(&recipe))?;
    let _ = writeln!(weights, "   {:<48} {:6.1} MiB", ENGINE_IMAGE, mebibytes(size(&docker, ENGINE_IMAGE)?));
    if options.test {
        packaged::images(&dir, options.docker_host.as_deref())?;
    }
    // What a developer builds for a test leaves the house with nobody.
    if !options.dev {
        sbom::write(&dir)?;
    }
    println!("\n── Images\n{weights}");
    Ok(stamp.tag)
}

impl Image {
    /// The directory that is sent to the daemon: nothing else can get into the image.
    fn write_context(&self, context: &Path, profile: Profile) -> Result<()> {
        let root = context.join("root");
        let _ = std::fs::remove_dir_all(context);
        std::fs::create_dir_all(&root).with_context(|| root.display().to_string())?;
        take_binary(profile, self.name, &root)?;
        if self.roots {
            let (from, to) = (Path::new("/").join(ROOTS), root.join(ROOTS));
            std::fs::create_dir_all(to.parent().context("a directory of its own")?)?;
            std::fs::copy(&from, &to)
                .with_context(|| format!("{} is missing: `apt-get install -y ca-certificates`", from.display()))?;
        }
        for dir in self.dirs {
            std::fs::create_dir_all(context.join("dirs").join(dir))?;
        }
        let recipe = context.join("Dockerfile");
        std::fs::write(&recipe, self.dockerfile()).with_context(|| recipe.display().to_string())
    }

    fn dockerfile(&self) -> String {
        let name = self.name;
        let mut text = String::from("FROM scratch\n");
        let _ = writeln!(text, "LABEL org.opencontainers.image.title=\"{name}\" \\");
        let _ = writeln!(text, "      org.opencontainers.image.description=\"{}\"", self.about);
        text.push_str("COPY root /\n");
        if !self.dirs.is_empty() {
            // A named volume takes its owner from here.
            text.push_str("COPY --chown=10001:10001 dirs /\n");
        }
        text.push_str("USER 10001:10001\n");
        for port in self.ports {
            let _ = writeln!(text, "EXPOSE {port}");
        }
        if self.health {
            let _ = writeln!(text, "HEALTHCHECK --interval=5s --start-period=30s CMD [\"/{name}\", \"healthcheck\"]");
        }
        let _ = writeln!(text, "ENTRYPOINT [\"/{name}\"]");
        text
    }
}

/// The engine alone: its binary may not be sent along with everything else that was built.
fn engine_context(dir: &Path, profile: Profile) -> Result<PathBuf> {
    let context = dir.join("galaxy-engine");
    std::fs::create_dir_all(&context)?;
    take_binary(profile, "galaxy-engine", &context)?;
    Ok(context)
}

/// Copies a binary, without its symbols: they are a fifth of it, and stay in `target/static` for whoever reads a core dump.
fn take_binary(profile: Profile, name: &str, to: &Path) -> Result<()> {
    let to = to.join(name);
    std::fs::copy(build::static_path(profile, name)?, &to).with_context(|| to.display().to_string())?;
    run::output(run::program("strip").arg("--strip-all").arg(&to)).map(|_| ())
}

/// Which source the images are of.
struct Stamp {
    /// The commit, and whether the tree is another one.
    tag: String,
    revision: String,
    /// When it was committed; the same for everybody who builds it.
    committed: String,
}

impl Stamp {
    fn of_checkout() -> Result<Stamp> {
        let git = |arguments: &[&str]| -> Result<String> {
            Ok(run::output(run::program("git").args(arguments))?.trim().to_owned())
        };
        let dirty = if git(&["status", "--porcelain"])?.is_empty() { "" } else { "-dirty" };
        Ok(Stamp {
            tag: format!("{}{dirty}", git(&["rev-parse", "--short=12", "HEAD"])?),
            revision: git(&["rev-parse", "HEAD"])?,
            committed: git(&["show", "--no-patch", "--format=%cI", "HEAD"])?,
        })
    }
}

fn build_image(
    docker: &dyn Fn(&[&str]) -> Command,
    stamp: &Stamp,
    tags: &[String],
    context: &Path,
    recipe: Option<&Path>,
) -> Result<()> {
    let label = |name: &str, value: &str| format!("--label=org.opencontainers.image.{name}={value}");
    let mut command = docker(&["build", "--quiet"]);
    command
        .arg(label("version", &stamp.tag))
        .arg(label("revision", &stamp.revision))
        .arg(label("created", &stamp.committed))
        .arg(label("vendor", "Galaxy"))
        .args(tags.iter().map(|tag| format!("--tag={tag}")));
    if let Some(recipe) = recipe {
        command.arg("--file").arg(recipe);
    }
    run::output(command.arg(context)).map(|_| ())
}

fn size(docker: &dyn Fn(&[&str]) -> Command, image: &str) -> Result<u64> {
    let text = run::output(&mut docker(&["image", "inspect", "--format={{.Size}}", image]))?;
    text.trim().parse().with_context(|| format!("the size of {image}: {text}"))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
