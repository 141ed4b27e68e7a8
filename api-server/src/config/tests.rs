use std::collections::BTreeMap;

use shared::config::{Source, load};

use super::*;

const GOOD: [(&str, &str); 4] = [
    ("BACKEND_GATEWAY_TOKEN", "gateway-token-0123456789-0123456789"),
    ("BACKEND_WORKER_TOKEN", "worker-token-0123456789-0123456789"),
    ("BACKEND_AUTH_CODE_PEPPER", "pepper-0123456789-0123456789-0123"),
    ("BACKEND_ADMIN_BOOTSTRAP_USER", "root"),
];

/// The settings with some changed, or the names of those at fault with all that is said.
fn read(changes: &[(&str, &str)]) -> Result<Config, (Vec<String>, String)> {
    let password = ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "correct horse battery");
    let env: BTreeMap<String, String> = GOOD
        .iter()
        .chain(&[password])
        .chain(changes)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    match load::<Config>("api-server", Source::new(BTreeMap::new(), env)) {
        Ok(loaded) => Ok(loaded.config),
        Err(faults) => {
            let said = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            Err((faults.into_iter().map(|fault| fault.name).collect(), said))
        }
    }
}

#[test]
fn secrets_that_can_be_guessed_are_faults_all_at_once() {
    let weak = "0123456789012345678901234567890"; // 31 bytes
    let (names, said) = read(&[
        ("BACKEND_GATEWAY_TOKEN", "g"),
        ("BACKEND_GATEWAY_TOKEN_PREVIOUS", weak),
        ("BACKEND_WORKER_TOKEN", "w"),
        ("BACKEND_WORKER_TOKEN_PREVIOUS", "two words of a token that is long enough"),
        ("BACKEND_AUTH_CODE_PEPPER", "p"),
        ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", "passwordpassword"),
    ])
    .unwrap_err();
    assert_eq!(
        names,
        [
            "BACKEND_GATEWAY_TOKEN",
            "BACKEND_GATEWAY_TOKEN_PREVIOUS",
            "BACKEND_WORKER_TOKEN",
            "BACKEND_WORKER_TOKEN_PREVIOUS",
            "BACKEND_AUTH_CODE_PEPPER",
            "BACKEND_ADMIN_BOOTSTRAP_PASSWORD"
        ]
    );
    assert!(!said.contains(weak) && !said.contains("passwordpassword"), "{said}");
}

#[test]
fn a_bootstrap_password_that_bcrypt_cannot_hash_is_a_fault_at_the_start() {
    let random = "kQ3#vX9!pL2$wZ7%mR5^tB8&nC4*jD6(hF1)gS0_yA+uE=iO-xK?rT:qW;zV,cM.bN/lPuY";
    read(&[("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", random)]).unwrap();
    for bad in [&format!("{random}x"), &format!("{random}xy"), "fourteen bytes", "123456789012345"] {
        let (names, _) = read(&[("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", bad)]).unwrap_err();
        assert_eq!(names, ["BACKEND_ADMIN_BOOTSTRAP_PASSWORD"], "{bad}");
    }
    let (names, _) = read(&[("BACKEND_ADMIN_BOOTSTRAP_USER", "a:b")]).unwrap_err();
    assert_eq!(names, ["BACKEND_ADMIN_BOOTSTRAP_USER"]);
}

#[test]
fn two_tokens_each_hold_while_they_are_rotated() {
    let old = "the-gateway-token-from-before-this-day";
    let config = read(&[("BACKEND_GATEWAY_TOKEN_PREVIOUS", old)]).unwrap();
    let (gateway, worker) = (config.gateway_token.unwrap(), config.worker_token.unwrap());
    assert!(gateway.hold(old.as_bytes()) && gateway.hold(GOOD[0].1.as_bytes()));
    assert!(!worker.hold(old.as_bytes()) && !gateway.hold(GOOD[1].1.as_bytes()));
    // No token gives two roles, and none is the previous one of nothing.
    let (names, _) = read(&[("BACKEND_GATEWAY_TOKEN_PREVIOUS", GOOD[1].1)]).unwrap_err();
    assert_eq!(names, ["BACKEND_WORKER_TOKEN"]);
    let trusting = [("BACKEND_TRUST_NETWORK", "true"), ("BACKEND_GATEWAY_TOKEN", ""), ("BACKEND_WORKER_TOKEN", "")];
    assert!(read(&trusting).unwrap().gateway_token.is_none());
    let (names, _) = read(&[&trusting[..], &[("BACKEND_GATEWAY_TOKEN_PREVIOUS", old)]].concat()).unwrap_err();
    assert_eq!(names, ["BACKEND_GATEWAY_TOKEN_PREVIOUS"]);
}
