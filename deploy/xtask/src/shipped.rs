//! What is shipped as images.

/// One image: a binary, and what little it needs beside itself.
pub struct Image {
    /// The binary, and the last part of the image's name.
    pub name: &'static str,
    /// The package that has the binary.
    pub package: &'static str,
    /// For people.
    pub about: &'static str,
    /// Whether it opens TLS connections to others.
    pub roots: bool,
    /// Directories that a volume is put on, and that its user may write.
    pub dirs: &'static [&'static str],
    /// Where it listens.
    pub ports: &'static [u16],
    /// Whether it has a `healthcheck` subcommand.
    pub health: bool,
}

/// Every image but the reference engine's, which `deploy/engine/Dockerfile` describes for authors.
pub const IMAGES: [Image; 7] = [
    Image {
        name: "api-server",
        package: "api-server",
        about: "REST and the push hub of the Galaxy platform",
        roots: true,
        dirs: &[],
        ports: &[8080, 8081, 9100],
        health: true,
    },
    Image {
        name: "mail-worker",
        package: "mail-worker",
        about: "Delivers the mail outbox of the Galaxy platform",
        roots: true,
        dirs: &[],
        ports: &[9100],
        health: true,
    },
    Image {
        name: "notify-worker",
        package: "notify-worker",
        about: "Turns notifications of the Galaxy platform into push events and mails",
        roots: true,
        dirs: &[],
        ports: &[9100],
        health: true,
    },
    Image {
        name: "runtime-controller",
        package: "runtime-controller",
        about: "Engines and turns of the Galaxy platform",
        roots: true,
        dirs: &[],
        ports: &[9100],
        health: true,
    },
    Image {
        name: "migrate",
        package: "galaxy-migrations",
        about: "Applies the schema migrations of the Galaxy platform",
        roots: true,
        dirs: &[],
        ports: &[],
        health: false,
    },
    Image {
        name: "mail-catcher",
        package: "galaxy-testkit",
        about: "Takes every mail of a Galaxy platform, delivers none, and shows them; for development",
        roots: false,
        dirs: &["var/lib/mail-catcher", "run/mail-catcher"],
        ports: &[1025, 8025],
        health: true,
    },
    Image {
        name: "galaxy-demo",
        package: "galaxy-e2e",
        about: "Plays the demo game on a Galaxy platform; for development",
        roots: false,
        dirs: &[],
        ports: &[],
        health: false,
    },
];
