//! The table of `distribution/reference` (`reference_test.go`, `normalize_test.go`), as far as an image is named, and what was
//! tried on the API.

use super::*;

fn parse(text: &str) -> Result<(String, String, Option<String>, Option<String>), ReferenceError> {
    text.parse::<ImageReference>().map(|image| (image.registry, image.path, image.tag, image.digest))
}

#[test]
fn references_are_read_as_docker_reads_them() {
    let sha256 = format!("sha256:{}", "f".repeat(64));
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let long = format!("{}a", "a/".repeat(127));
    /// Reference, domain, path, tag, digest.
    type Row<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>);
    let table: &[Row<'_>] = &[
        ("test_com", "docker.io", "library/test_com", None, None),
        ("test.com:tag", "docker.io", "library/test.com", Some("tag"), None),
        ("test.com:5000", "docker.io", "library/test.com", Some("5000"), None),
        ("test.com/repo:tag", "test.com", "repo", Some("tag"), None),
        ("test:5000/repo", "test:5000", "repo", None, None),
        ("test:5000/repo:tag", "test:5000", "repo", Some("tag"), None),
        (&format!("test:5000/repo@{sha256}"), "test:5000", "repo", None, Some(&sha256)),
        (&format!("test:5000/repo:tag@{sha256}"), "test:5000", "repo", Some("tag"), Some(&sha256)),
        ("lowercase:Uppercase", "docker.io", "library/lowercase", Some("Uppercase"), None),
        (&format!("{long}:tag-puts-this-over-max"), "docker.io", &long, Some("tag-puts-this-over-max"), None),
        ("sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "bar/baz/quux", None, None),
        (
            "b.gcr.io/test.example.com/my-app:test.example.com",
            "b.gcr.io",
            "test.example.com/my-app",
            Some("test.example.com"),
            None,
        ),
        ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", Some("xn--n3h.com"), None),
        (
            &format!("xn--7o8h.com/myimage:xn--7o8h.com@{sha512}"),
            "xn--7o8h.com",
            "myimage",
            Some("xn--7o8h.com"),
            Some(&sha512),
        ),
        ("foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", Some("8080"), None),
        ("192.168.1.1", "docker.io", "library/192.168.1.1", None, None),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "repo", Some("5050"), None),
        ("[2001:db8::1]/repo", "[2001:db8::1]", "repo", None, None),
        ("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "repo", Some("tag"), None),
        ("[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000", "repo", Some("tag"), None),
        ("[::1]:5000/repo", "[::1]:5000", "repo", None, None),
        ("docker.io/engine", "docker.io", "library/engine", None, None),
        ("index.docker.io/library/engine:1", "docker.io", "library/engine", Some("1"), None),
        ("localhost/engine", "localhost", "engine", None, None),
        ("Registry.Example/engine", "registry.example", "engine", None, None),
        ("a__b/c--d.e_f", "docker.io", "a__b/c--d.e_f", None, None),
        ("galaxy-engine:1.0.0", "docker.io", "library/galaxy-engine", Some("1.0.0"), None),
        ("127.0.0.1:1/nobody/galaxy-engine:9", "127.0.0.1:1", "nobody/galaxy-engine", Some("9"), None),
    ];
    for (text, registry, path, tag, digest) in table {
        let wanted = ((*registry).to_owned(), (*path).to_owned(), tag.map(str::to_owned), digest.map(str::to_owned));
        assert_eq!(parse(text), Ok(wanted), "{text}");
        // The normal form is a reference too, and its own.
        let normal = text.parse::<ImageReference>().unwrap().to_string();
        assert_eq!(normal.parse::<ImageReference>().unwrap().to_string(), normal);
    }
}

#[test]
fn what_is_no_reference_is_refused_with_what_is_wrong_with_it() {
    use ReferenceError as E;
    let text = str::to_owned;
    let invalid = format!("validname@invaliddigest:{}", "f".repeat(128));
    let short = format!("repo@sha256:{}", "f".repeat(34));
    let capitals = format!("repo@sha256:{}", "F".repeat(64));
    let table: &[(&str, E)] = &[
        ("", E::NoName),
        (":justtag", E::NoName),
        (&format!("@sha256:{}", "f".repeat(64)), E::NoName),
        (&short, E::Digest(short[5..].to_owned())),
        (&capitals, E::Digest(capitals[5..].to_owned())),
        (&invalid, E::Digest(invalid[10..].to_owned())),
        ("Uppercase:tag", E::UpperCase(text("Uppercase"))),
        ("test:5000/Uppercase/lowercase:tag", E::UpperCase(text("Uppercase"))),
        (&format!("{}a:tag", "a/".repeat(128)), E::TooLong),
        (&"a".repeat(250), E::TooLong),
        ("aa/asdf$$^/aa", E::Part(text("asdf$$^"))),
        ("foo//bar", E::Part(text(""))),
        ("foo/", E::Part(text(""))),
        ("-foo/bar", E::Part(text("-foo"))),
        ("foo___bar", E::Part(text("foo___bar"))),
        ("foo..bar", E::Part(text("foo..bar"))),
        ("foo._bar", E::Part(text("foo._bar"))),
        ("foo.", E::Part(text("foo."))),
        ("[2001:db8::1]", E::Tag(text("db8::1]"))),
        ("[fe80::1%eth0]:5000/repo", E::Registry(text("[fe80::1%eth0]:5000"))),
        ("[::1]5000/repo", E::Registry(text("[::1]5000"))),
        ("[registry.example/repo", E::Registry(text("[registry.example"))),
        ("[\u{faf6}er.io/repo", E::Registry(text("[\u{faf6}er.io"))),
        ("host:0/repo", E::Registry(text("host:0"))),
        ("host:65536/repo", E::Registry(text("host:65536"))),
        ("host:/repo", E::Registry(text("host:"))),
        // In lower case it would be an owner of Docker Hub's.
        ("Host/repo", E::Registry(text("Host"))),
        ("-host.example/repo", E::Registry(text("-host.example"))),
        (&"a".repeat(64), E::Id),
        ("repo:", E::Tag(text(""))),
        ("repo:-x", E::Tag(text("-x"))),
        (&format!("repo:{}", "x".repeat(129)), E::Tag("x".repeat(129))),
        ("repo:a:b", E::Tag(text("a:b"))),
        // As they were registered, before.
        ("../../containers/json?all=1", E::Registry(text(".."))),
        ("http://169.254.169.254/x", E::Url),
        ("a@b@c:1", E::Digest(text("b@c:1"))),
        ("/usr/local/bin/engine", E::Part(text(""))),
        ("engine:1.0.0\n", E::Tag(text("1.0.0\n"))),
        ("engine?x", E::Part(text("engine?x"))),
        ("engine%2f..", E::Part(text("engine%2f.."))),
        ("moteur-é", E::Part(text("moteur-é"))),
        ("a b", E::Part(text("a b"))),
    ];
    for (text, wanted) in table {
        assert_eq!(parse(text), Err(wanted.clone()), "{text}");
    }
}

#[test]
fn a_daemon_is_asked_for_one_image_and_never_for_a_repository() {
    let asked = |text: &str| text.parse::<ImageReference>().unwrap().to_pull();
    let digest = format!("sha256:{}", "0".repeat(64));
    assert_eq!(asked("galaxy/engine"), "docker.io/galaxy/engine:latest");
    assert_eq!(asked("host:5000/engine:1.2"), "host:5000/engine:1.2");
    assert_eq!(asked(&format!("engine:1.2@{digest}")), format!("docker.io/library/engine@{digest}"));
}

#[test]
fn only_named_registries_are_allowed() {
    let allowed = |list: &str, image: &str| AllowedRegistries::parse(list).unwrap().check(&image.parse().unwrap());
    for (list, image) in [
        ("", "anywhere.example/engine"),
        ("docker.io", "engine:1"),
        ("index.docker.io", "galaxy/engine"),
        ("a.example, b.example:5000", "b.example:5000/x/y"),
        ("A.example", "a.EXAMPLE/engine"),
    ] {
        assert_eq!(allowed(list, image), Ok(()), "{list} {image}");
    }
    for (list, image) in [
        ("a.example", "engine"),
        ("a.example", "a.example:5000/engine"),
        ("a.example", "b.a.example/engine"),
        ("example", "a.example/engine"),
        ("a.example:5000", "a.example/engine"),
    ] {
        assert!(allowed(list, image).unwrap_err().contains(list), "{list} {image}");
    }
    for bad in ["https://a.example", "a.example/x", "*.example", "a b"] {
        assert!(AllowedRegistries::parse(bad).unwrap_err().contains("is no registry"), "{bad}");
    }
}
