//! Parsers of setting values: text in, value or the reason why not out.
//!
//! Each has the shape that [`Reader`](super::Reader) wants, `fn(&str) -> Result<T, String>`, and each message reads on
//! after "BACKEND_X: ".

use std::{fmt::Display, net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use ipnet::IpNet;

/// Any text.
pub fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

/// A path on this machine's file system; whether it exists is for the user of the setting to say.
pub fn path(value: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(value))
}

/// An absolute path.
pub fn absolute_path(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    if path.is_absolute() { Ok(path) } else { Err(format!("{value:?} is not an absolute path")) }
}

/// `true`, `false`, and the usual spellings of both.
pub fn bool(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" | "yes" | "on" => Ok(true),
        "false" | "0" | "f" | "no" | "off" => Ok(false),
        _ => Err(format!("{value:?} is neither true nor false")),
    }
}

/// A whole number that fits its type; use [`positive`] where 0 makes no sense.
pub fn number<T: FromStr>(value: &str) -> Result<T, String>
where
    T::Err: Display,
{
    value.parse().map_err(|e| format!("{value:?} is not a number that fits here: {e}"))
}

/// A whole number of at least 1.
pub fn positive<T: FromStr + PartialOrd + From<u8>>(value: &str) -> Result<T, String>
where
    T::Err: Display,
{
    let n: T = number(value)?;
    if n >= T::from(1) { Ok(n) } else { Err(format!("{value:?} must be at least 1")) }
}

/// A TCP port, 1 to 65535.
pub fn port(value: &str) -> Result<u16, String> {
    positive(value)
}

/// A finite number above 0, such as a share of processors.
pub fn positive_float(value: &str) -> Result<f64, String> {
    match value.parse::<f64>() {
        Ok(n) if n.is_finite() && n > 0.0 => Ok(n),
        _ => Err(format!("{value:?} is not a number above 0")),
    }
}

/// A duration in Go's syntax plus `d` (24 hours): `300ms`, `1.5h`, `1h30m`, `30d`, `0`. Never negative.
pub fn duration(value: &str) -> Result<Duration, String> {
    let wrong = || format!("{value:?} is not a duration such as 250ms, 30s, 1h30m or 30d");
    let mut rest = value.strip_prefix('+').unwrap_or(value);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(|| {
            format!("{value:?} lacks a unit: write for example {value}s (units are ns, us, ms, s, m, h, d)")
        })?;
        let (amount, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let scale: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(wrong()),
        };
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(wrong());
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| wrong())? };
        nanos = whole.checked_mul(scale).and_then(|n| nanos.checked_add(n)).ok_or_else(wrong)?;
        let mut place = scale;
        for digit in fraction.chars().filter_map(|c| c.to_digit(10)) {
            place /= 10;
            nanos = nanos.checked_add(place * u128::from(digit)).ok_or_else(wrong)?;
        }
        rest = tail;
    }
    // Go's own limit, about 292 years: far past anything sensible, and safe in every arithmetic downstream.
    let nanos = u64::try_from(nanos).ok().filter(|n| i64::try_from(*n).is_ok()).ok_or_else(wrong)?;
    Ok(Duration::from_nanos(nanos))
}

/// A duration above zero: for intervals and timeouts, where zero would spin or never let anything pass.
pub fn positive_duration(value: &str) -> Result<Duration, String> {
    match duration(value)? {
        Duration::ZERO => Err(format!("{value:?} must be longer than zero")),
        d => Ok(d),
    }
}

/// Bytes with Docker's suffixes, in powers of 1024: `512m`, `1g`, `1.5GiB`, `1048576`.
pub fn size(value: &str) -> Result<u64, String> {
    let wrong = || format!("{value:?} is not a size such as 512m or 1g");
    let lower = value.to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (amount, suffix) = lower.split_at(digits);
    let scale: u64 = match suffix.trim_start() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = amount.parse::<u64>() {
        return whole.checked_mul(scale).filter(|bytes| *bytes < u64::MAX).ok_or_else(wrong);
    }
    let amount: f64 = amount.parse().map_err(|_| wrong())?;
    let bytes = amount * scale as f64;
    if bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(wrong()) }
}

/// An absolute `http://` or `https://` URL with a host and neither query nor fragment; a trailing slash is dropped, so
/// that paths can be appended.
pub fn http_url(value: &str) -> Result<String, String> {
    let wrong = || format!("{value:?} is not a URL such as http://host:8081");
    let uri: http::Uri = value.parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|h| !h.is_empty());
    // The parser drops a fragment.
    if !known || !host || uri.query().is_some() || value.contains('#') {
        return Err(wrong());
    }
    Ok(value.trim_end_matches('/').to_owned())
}

/// Networks and addresses, separated by commas: `10.0.0.0/8, 192.0.2.7`. The word `loopback` stands for `127.0.0.0/8`
/// and `::1`, the word `none` for the empty list.
pub fn networks(value: &str) -> Result<Vec<IpNet>, String> {
    let mut nets = Vec::new();
    if value.trim() == "none" {
        return Ok(nets);
    }
    for item in value.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if item == "loopback" {
            nets.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse::<IpNet>().ok()));
        } else if let Ok(net) = item.parse::<IpNet>() {
            nets.push(net.trunc());
        } else if let Ok(address) = item.parse::<IpAddr>() {
            nets.push(IpNet::from(address));
        } else {
            return Err(format!("{item:?} is not an address or a network such as 10.0.0.0/8"));
        }
    }
    Ok(nets)
}

/// Values separated by commas, blanks around them dropped; the word `none` is the empty list.
pub fn list(value: &str) -> Result<Vec<String>, String> {
    if value.trim() == "none" {
        return Ok(Vec::new());
    }
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

/// `key=value` pairs separated by commas, as `docker run --log-opt` takes them.
pub fn pairs(value: &str) -> Result<Vec<(String, String)>, String> {
    list(value)?
        .into_iter()
        .map(|item| match item.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("{item:?} is not of the form key=value")),
        })
        .collect()
}

/// One word of a closed set, as the parser of an enum: `one_of(value, &[("none", Mode::None), …])`.
pub fn one_of<T: Clone>(value: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(value)).map(|(_, meaning)| meaning.clone()).ok_or_else(
        || {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{value:?} is not one of {}", known.join(", "))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_go_and_know_days() {
        let ms = Duration::from_millis;
        for (text, wanted) in [
            ("0", ms(0)),
            ("0s", ms(0)),
            ("250ms", ms(250)),
            ("1.5s", ms(1_500)),
            (".5s", ms(500)),
            ("1h30m", ms(5_400_000)),
            ("720h", ms(720 * 3_600_000)),
            ("30d", ms(720 * 3_600_000)),
            ("1d12h", ms(36 * 3_600_000)),
            ("10us", Duration::from_micros(10)),
            ("10µs", Duration::from_micros(10)),
            ("7ns", Duration::from_nanos(7)),
        ] {
            assert_eq!(duration(text), Ok(wanted), "{text}");
        }
        // As many as fit into 128 bits, and some.
        let beyond = "340282366920938463463374607431768211455ns.9s";
        for text in ["", "5", "s", "-5s", "1x", "1.2.3s", "5 s", "99999999999999999999h", "1h-2m", ".", beyond] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("5").unwrap_err().contains("5s"), "says what to write instead");
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn sizes_take_dockers_suffixes() {
        for (text, wanted) in [
            ("0", 0),
            ("1048576", 1 << 20),
            ("512b", 512),
            ("512m", 512 << 20),
            ("512MB", 512 << 20),
            ("1g", 1 << 30),
            ("1.5GiB", 3 << 29),
            ("2 k", 2048),
        ] {
            assert_eq!(size(text), Ok(wanted), "{text}");
        }
        for text in ["", "m", "-1m", "1x", "1.2.3m", "99999999999g", "99999999999.5g", "99999999999999999999"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_know_their_words() {
        assert_eq!(networks("none"), Ok(vec![]));
        assert_eq!(networks("loopback").unwrap().len(), 2);
        let nets = networks("10.0.0.0/8, 192.0.2.7").unwrap();
        assert!(nets.iter().any(|net| net.contains(&"10.9.9.9".parse::<IpAddr>().unwrap())));
        assert!(nets.iter().any(|net| net.contains(&"192.0.2.7".parse::<IpAddr>().unwrap())));
        assert!(!nets.iter().any(|net| net.contains(&"192.0.2.8".parse::<IpAddr>().unwrap())));
        assert!(networks("gateway").is_err());
    }

    #[test]
    fn urls_are_http_with_a_host() {
        assert_eq!(http_url("http://127.0.0.1:8081/"), Ok("http://127.0.0.1:8081".to_owned()));
        assert_eq!(http_url("https://hub/base"), Ok("https://hub/base".to_owned()));
        for text in ["", "hub:8081", "ftp://hub", "http://", "/path", "http://hub?x=1", "https://hub/#a"] {
            assert!(http_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn small_parsers() {
        assert_eq!(bool("TRUE"), Ok(true));
        assert_eq!(bool("off"), Ok(false));
        assert!(bool("maybe").is_err());
        assert_eq!(port("587"), Ok(587));
        assert!(port("0").is_err() && port("65536").is_err());
        assert_eq!(positive_float("2.0"), Ok(2.0));
        assert!(positive_float("NaN").is_err() && positive_float("0").is_err());
        assert_eq!(pairs("max-size=10m,max-file=3").unwrap().len(), 2);
        assert!(pairs("max-size").is_err());
        assert_eq!(one_of("TLS", &[("none", 0), ("tls", 2)]), Ok(2));
        assert_eq!(one_of("x", &[("none", 0), ("tls", 2)]), Err("\"x\" is not one of none, tls".to_owned()));
        assert!(absolute_path("a/b").is_err());
    }
}
