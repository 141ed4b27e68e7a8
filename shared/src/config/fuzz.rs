//! Parsers of settings: whatever an operator writes is taken or refused, and nothing else.

use testkit::fuzz::Target;

use super::parse;

#[test]
fn a_setting_is_taken_or_refused_with_its_value() {
    let samples = [
        "1h30m",
        "1.5GiB",
        "10.0.0.0/8, 192.0.2.7",
        "loopback",
        "max-size=10m,max-file=3",
        "https://hub/base/",
        "0.25",
        "587",
    ];
    let words = &[
        "ns",
        "d",
        ".9s",
        "340282366920938463463374607431768211455",
        "tb",
        "::1/128",
        "none",
        "=",
        ",",
        "-",
        "e9",
        "http://",
        "?",
        "#",
        "18446744073709551615",
    ];
    Target::new(20_000).samples(samples).words(words).texts(|given| {
        if let Ok(duration) = parse::duration(given) {
            assert_eq!(parse::duration(&format!("{}ns", duration.as_nanos())), Ok(duration));
        }
        if let Ok(size) = parse::size(given) {
            assert_eq!(parse::size(&size.to_string()), Ok(size));
            assert!(size < u64::MAX, "more than there is");
        }
        if let Ok(networks) =
            parse::networks(given).map(|nets| nets.iter().map(ToString::to_string).collect::<Vec<_>>())
        {
            let again = parse::networks(&networks.join(",")).unwrap();
            assert_eq!(again.iter().map(ToString::to_string).collect::<Vec<_>>(), networks);
        }
        if let Ok(url) = parse::http_url(given) {
            assert_eq!(parse::http_url(&url), Ok(url.clone()));
            assert!(!url.ends_with('/') && !url.contains(['?', '#']));
        }
        if let Ok(pairs) = parse::pairs(given) {
            assert!(pairs.iter().all(|(key, _)| !key.is_empty()));
        }
        if let Ok(number) = parse::positive_float(given) {
            assert!(number.is_finite() && number > 0.0);
        }
    });
}
