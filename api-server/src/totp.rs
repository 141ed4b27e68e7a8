//! One-time passwords by time (RFC 6238): HMAC-SHA-1, six digits, steps of 30 s, one step to either side.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use shared::secret::same;

/// Bytes of a secret (RFC 4226, 4: 160 bits are recommended).
pub const SECRET: usize = 20;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Seconds of a step.
const STEP: i64 = 30;
/// Steps before and after the present one whose codes are taken, for clocks that go wrong and people who type slowly.
const SKEW: i64 = 1;
/// The alphabet of RFC 4648's base32.
const BASE32: [char; 32] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W',
    'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7',
];

/// The step that a code is of, at a time in seconds since 1970; `None` where it is of none that is taken. Of two the newer one. The
/// time that this takes tells neither whether nor where it was found.
#[must_use]
pub fn step_of(secret: &[u8], code: &str, seconds: i64) -> Option<i64> {
    let now = seconds.div_euclid(STEP);
    let mut found = None;
    for step in now - SKEW..=now + SKEW {
        if same(at(secret, step).as_bytes(), code.as_bytes()) {
            found = Some(step);
        }
    }
    found
}

/// The code of a step.
fn at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // RFC 4226, 5.3: the last four bits say where the number stands.
    let from = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let bytes = tag.get(from..from + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).unwrap_or_default();
    let number = (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 1_000_000;
    format!("{number:0width$}", width = DIGITS)
}

/// A secret as people type it into their device (RFC 4648, 6).
#[must_use]
pub fn shown(secret: &[u8; SECRET]) -> String {
    let symbol = |bits: u64| usize::try_from(bits & 31).ok().and_then(|at| BASE32.get(at)).copied().unwrap_or('A');
    let pieces = secret.chunks(5);
    let number = |piece: &[u8]| piece.iter().fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
    pieces.map(number).flat_map(|number| (0..8).rev().map(move |place| symbol(number >> (5 * place)))).collect()
}

/// What a device reads from a picture: the secret, whose it is, and of which installation.
#[must_use]
pub fn uri(secret: &[u8; SECRET], product: &str, user_name: &str) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (secret, product, user) = (shown(secret), encoded(product), encoded(user_name));
    format!(
        "otpauth://totp/{product}:{user}?secret={secret}&issuer={product}&algorithm=SHA1&digits={DIGITS}&period={STEP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET_OF_THE_RFC: &[u8; SECRET] = b"12345678901234567890";

    /// RFC 6238, appendix B: its codes have eight digits, of which these are the last six.
    #[test]
    fn the_codes_of_the_rfc_are_of_their_steps() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = seconds / 30;
            for (at, of) in [(0, Some(step)), (30, Some(step)), (-30, Some(step)), (60, None), (-60, None)] {
                assert_eq!(step_of(SECRET_OF_THE_RFC, code, seconds + at), of, "{code} at {at}");
            }
        }
        for other in ["", "287083", "28708", "2870822", "28708a"] {
            assert_eq!(step_of(SECRET_OF_THE_RFC, other, 59), None, "{other}");
        }
    }

    #[test]
    fn a_secret_is_shown_in_base32() {
        assert_eq!(shown(SECRET_OF_THE_RFC), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let uri = uri(SECRET_OF_THE_RFC, "Galaxy Two", "ada@example");
        assert!(uri.starts_with("otpauth://totp/Galaxy%20Two:ada%40example?secret=GEZDGNBVGY3TQOJQ"), "{uri}");
    }
}
