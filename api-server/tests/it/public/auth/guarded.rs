//! Nobody locks anybody out (SPEC §6): attacker and owner side by side, over two replicas.

use futures::future::{join, join_all};
use serde_json::{Value, json};
use shared::domain::login_code::Code;
use testkit::openapi::{ContractClient, ContractResponse};

use super::sign_in::{code, mailed, wrong};
use crate::harness::{Api, text};

const SEND: &str = "/api/v1/public/auth/send-email-code";
const CONFIRM: &str = "/api/v1/public/auth/confirm-email-code";
/// From where the attacker calls; the owner calls from 127.0.0.1.
const ATTACKER: &str = "203.0.113.66";
const OWNER: &str = "198.51.100.7";
/// The attacker has many networks: what slows one of them is tested by itself.
const UNSLOWED: (&str, &str) = ("BACKEND_AUTH_EMAIL_RATE", "100000");
/// A long code that is the right one once in 2⁶⁰.
const GUESS: &str = "0000-0000-0000";

fn from(api: &Api, ip: &str) -> ContractClient {
    api.client.with_header("X-Forwarded-For", ip)
}

async fn ask(client: &ContractClient, email: &str) -> String {
    text(&client.post(SEND).json(&json!({ "email": email })).send().await.expect(202).json(), "challenge_id")
}

async fn attempt(client: &ContractClient, challenge: &str, code: &str) -> ContractResponse {
    client.post(CONFIRM).json(&json!({ "challenge_id": challenge, "code": code })).send().await
}

async fn mails(api: &Api) -> i64 {
    api.count("mail_deliveries").await
}

fn is_long(code: &str) -> bool {
    code.len() == 14
}

/// What happened to an attempt, as a client sees it.
fn seen(answer: &ContractResponse) -> (u16, Value) {
    (answer.status.as_u16(), answer.json()["code"].clone())
}

/// The attacker asks for a code of the address and burns what is answered, this many times.
async fn attack(clients: &[ContractClient], email: &str, rounds: usize) -> Vec<(u16, Value)> {
    let mut transcript = Vec::new();
    for round in 0..rounds {
        let challenge = ask(&clients[round % clients.len()], email).await;
        for n in 0..5 {
            transcript.push(seen(&attempt(&clients[n % clients.len()], &challenge, "000000").await));
        }
    }
    transcript
}

#[tokio::test]
async fn whatever_an_attacker_tries_the_owner_gets_in_and_gets_few_mails() {
    let api = Api::start_with(&[UNSLOWED]).await;
    let other = api.replica_with(&[UNSLOWED]).await;
    let owner = [from(&api, OWNER), from(&other, OWNER)];
    let attacker = [from(&api, ATTACKER), from(&other, ATTACKER)];
    let email = "ada@example.org";
    // The account is there, and signs in by six digits.
    let (challenge, right) = mailed(&api, email).await;
    assert!(!is_long(&right));
    let account = attempt(&owner[0], &challenge, &right).await.expect(200).json();

    let mut burnt = 0;
    for round in 0..6 {
        attack(&attacker, email, 10).await;
        burnt += 50;
        // The owner asks once, reads the mail, and is in, while the attacker goes on at the very challenge.
        let challenge = ask(&owner[round % 2], email).await;
        let right = code(&api, &challenge).await;
        assert!(is_long(&right), "after {burnt} wrong tries the code is {} characters long", right.len());
        let guesses = join_all((0..20).map(|n| attempt(&attacker[n % 2], &challenge, GUESS)));
        let (signed_in, guessed) = join(attempt(&owner[round % 2], &challenge, &right), guesses).await;
        assert_eq!(signed_in.expect(200).json()["user_id"], account["user_id"], "round {round}");
        assert!(guessed.iter().all(|answer| [410, 422, 429].contains(&answer.status.as_u16())));
    }
    // One of six digits for the owner, three that the attacker was let have, and one for each life of a long one: the owner's six
    // sign-ins ended six.
    assert_eq!(mails(&api).await, 1 + 3 + 6);
    let ids: Vec<String> = join_all((0..28).map(|n| ask(&attacker[n % 2], email))).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "one lives at a time");
    assert_eq!(mails(&api).await, 1 + 3 + 7);
    assert_eq!(api.count("auth_addresses WHERE guarded_until > now() + interval '23 hours'").await, 1);
}

#[tokio::test]
async fn tries_between_two_requests_do_not_lift_the_throttle() {
    let api = Api::start_with(&[UNSLOWED, ("BACKEND_AUTH_GUARD_WRONG_TRIES", "100000")]).await;
    let attacker = [from(&api, ATTACKER)];
    attack(&attacker, "ada@example.org", 28).await;
    assert_eq!(mails(&api).await, 4, "three of six digits, and one that nobody burns");
    // Which the owner, who has the mail, signs in with.
    let owner = from(&api, OWNER);
    let challenge = ask(&owner, "ada@example.org").await;
    let right = code(&api, &challenge).await;
    assert!(is_long(&right));
    attempt(&owner, &challenge, &right).await.expect(200);
}

#[tokio::test]
async fn ten_mails_within_the_hour_guard_an_address_for_a_day() {
    let api = Api::start().await;
    let owner = from(&api, OWNER);
    let later = |minutes: i32| {
        let back = format!(
            "UPDATE auth_challenges SET created_at = created_at - interval '{minutes} minutes',
             expires_at = expires_at - interval '{minutes} minutes'
              WHERE $1 <> ''"
        );
        let api = &api;
        async move { api.sql(&back, "x").await }
    };
    for n in 0..10 {
        let (_, right) = mailed(&api, "ada@example.org").await;
        assert!(!is_long(&right), "mail {n}");
        later(2).await;
    }
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    assert!(is_long(&right));
    later(5).await;
    assert_eq!(ask(&owner, "ada@example.org").await, challenge, "as long as it lives, and past the throttle's window");
    assert_eq!(mails(&api).await, 11);
    // It ends like any other, and the next one is long too.
    later(6).await;
    attempt(&owner, &challenge, &right).await.expect_problem(410, "challenge_expired");
    let (_, right) = mailed(&api, "ada@example.org").await;
    assert!(is_long(&right));
    // A day later all is as before.
    later(24 * 60).await;
    api.sql(
        "UPDATE auth_addresses SET guarded_until = now() - interval '1 second' WHERE address = $1",
        "ada@example.org",
    )
    .await;
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    assert!(!is_long(&right));
    attempt(&owner, &challenge, &right).await.expect(200);
    // Another address was never concerned.
    assert!(!is_long(&mailed(&api, "bob@example.org").await.1));
}

#[tokio::test]
async fn a_code_that_was_out_before_the_guard_is_good_for_its_own_tries() {
    let api = Api::start_with(&[("BACKEND_AUTH_GUARD_WRONG_TRIES", "4")]).await;
    let owner = from(&api, OWNER);
    let (kept, right) = mailed(&api, "ada@example.org").await;
    let (spent, other) = mailed(&api, "ada@example.org").await;
    let attacker = from(&api, ATTACKER);
    for _ in 0..5 {
        attempt(&attacker, &spent, &wrong(&other)).await.expect_problem(422, "code_incorrect");
    }
    let (long, long_code) = mailed(&api, "ada@example.org").await;
    assert!(is_long(&long_code), "guarded by now");
    attempt(&owner, &spent, &other).await.expect_problem(410, "challenge_expired");
    attempt(&owner, &kept, &wrong(&right)).await.expect_problem(422, "code_incorrect");
    attempt(&owner, &kept, &right).await.expect(200);
    // Six digits are a try like any other where the code is a long one.
    attempt(&owner, &long, &right).await.expect_problem(422, "code_incorrect");
    attempt(&owner, &long, &long_code).await.expect(200);
}

#[tokio::test]
async fn the_wrong_tries_that_count_are_those_of_today() {
    let api = Api::start_with(&[("BACKEND_AUTH_GUARD_WRONG_TRIES", "4")]).await;
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    for _ in 0..3 {
        attempt(&api.client, &challenge, &wrong(&right)).await.expect_problem(422, "code_incorrect");
    }
    // A right one counts for nothing.
    attempt(&api.client, &challenge, &right).await.expect(200);
    assert_eq!(api.count("auth_addresses WHERE wrong_tries = 3 AND guarded_until IS NULL").await, 1);
    api.sql("UPDATE auth_addresses SET day = day - 1 WHERE address = $1", "ada@example.org").await;
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    for _ in 0..3 {
        attempt(&api.client, &challenge, &wrong(&right)).await.expect_problem(422, "code_incorrect");
    }
    assert!(!is_long(&mailed(&api, "ada@example.org").await.1));
    attempt(&api.client, &challenge, &wrong(&right)).await.expect_problem(422, "code_incorrect");
    assert!(is_long(&mailed(&api, "ada@example.org").await.1));
}

#[tokio::test]
async fn nothing_tells_an_address_with_an_account_from_one_without() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    let signed_in = attempt(&api.client, &challenge, &right).await.expect(200).json();
    let (challenge, right) = mailed(&api, "eve@example.org").await;
    let blocked = attempt(&api.client, &challenge, &right).await.expect(200).json();
    api.sanction(&text(&blocked, "user_id"), "login_block").await;
    // All begin alike: what the sign-ins above asked for is long ago.
    api.sql("UPDATE auth_challenges SET created_at = created_at - interval '2 hours' WHERE $1 <> ''", "x").await;
    assert!(signed_in["account_created"].as_bool().unwrap());
    let mut transcripts = Vec::new();
    for (n, email) in ["ada@example.org", "eve@example.org", "nobody@example.org"].into_iter().enumerate() {
        let ip = format!("203.0.113.{n}");
        let clients = [from(&api, &ip), from(&other, &ip)];
        let (before, mut transcript) = (mails(&api).await, attack(&clients, email, 12).await);
        // Which of the answers were the same challenge again.
        let mut ids: Vec<String> = Vec::new();
        for n in 0..4 {
            let id = ask(&clients[n % 2], email).await;
            let known = ids.iter().position(|known| *known == id);
            transcript.push((0, json!(known)));
            ids.push(id);
        }
        transcript.push((0, json!(mails(&api).await - before)));
        transcripts.push(transcript);
    }
    assert_eq!(transcripts[0], transcripts[2]);
    assert_eq!(transcripts[1], transcripts[2]);
}

#[tokio::test]
async fn many_requests_at_once_get_one_long_code() {
    let api = Api::start_with(&[("BACKEND_AUTH_GUARD_MAILS", "1")]).await;
    let other = api.replica_with(&[("BACKEND_AUTH_GUARD_MAILS", "1")]).await;
    mailed(&api, "ada@example.org").await;
    let clients = [from(&api, ATTACKER), from(&other, ATTACKER)];
    let ids = join_all((0..12).map(|n| ask(&clients[n % 2], "ada@example.org"))).await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!((mails(&api).await, api.count("auth_challenges WHERE guarded").await), (2, 1));
    // Confirmed at once by many, it opens one session.
    let right = code(&api, &ids[0]).await;
    let answers = join_all((0..8).map(|n| attempt(&clients[n % 2], &ids[0], &right))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(
        answers.iter().filter(|answer| answer.status != 200).all(|answer| answer.json()["code"] == "challenge_expired")
    );
}

#[tokio::test]
async fn codes_are_read_as_people_write_them() {
    let api = Api::start_with(&[("BACKEND_AUTH_GUARD_MAILS", "1")]).await;
    let spaced = |code: &str| code.chars().flat_map(|c| [c, ' ']).collect::<String>();
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    attempt(&api.client, &challenge, &format!(" {} ", spaced(&right))).await.expect(200);
    for write in [
        str::to_lowercase,
        |code: &str| code.replace('-', ""),
        |code: &str| format!("\n{}\t", code.replace('-', " \u{2013} ")),
    ] {
        let (challenge, right) = mailed(&api, "ada@example.org").await;
        assert!(is_long(&right));
        attempt(&api.client, &challenge, &write(&right)).await.expect(200);
    }
}

/// A password may have got into the field by mistake.
#[tokio::test]
async fn what_was_typed_for_a_code_is_never_repeated() {
    let api = Api::start().await;
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    let typed = "hunter2secret";
    for code in [json!(typed), json!(typed.repeat(6)), json!([typed]), json!({ typed: typed }), json!(314_159_265)] {
        let body = json!({ "challenge_id": challenge, "code": code });
        let answer = api.client.post(CONFIRM).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!said.contains("hunter2") && !said.contains("314159265"), "{said}");
    }
    for malformed in ["hunter", "12345\u{0}", "1234567", "", "------", "7KQ4-9XNM-2RTDX"] {
        let body = json!({ "challenge_id": challenge, "code": malformed });
        let answer = api.client.post(CONFIRM).bad().json(&body).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/code", "{malformed:?}");
    }
    // None of them cost a try.
    assert_eq!(api.count("auth_challenges WHERE attempts > 0").await, 0);
    attempt(&api.client, &challenge, &right).await.expect(200);
}

#[tokio::test]
async fn wrong_codes_over_all_addresses_have_a_limit_per_network() {
    let api = Api::start_with(&[("BACKEND_AUTH_WRONG_CODE_RATE", "8"), ("BACKEND_AUTH_GUARD_MAILS", "1")]).await;
    // The attacker sprays, a guess at each address, from all over an IPv6 /64.
    let spray = join_all((0..12).map(|n| {
        let (api, email) = (&api, format!("player-{n}@example.org"));
        async move {
            let client = from(api, &format!("2001:db8:0:1::{n:x}"));
            let (challenge, right) = mailed(api, &email).await;
            seen(&attempt(&client, &challenge, &wrong(&right)).await)
        }
    }))
    .await;
    let slowed = spray.iter().filter(|(status, _)| *status == 429).count();
    assert_eq!((slowed, spray.len()), (4, 12), "{spray:?}");
    let neighbour = from(&api, "2001:db8:0:1:ffff::1");
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    let answer = attempt(&neighbour, &challenge, &right).await.expect_problem(429, "rate_limited");
    assert!(!answer.header("retry-after").is_empty());
    // Others are not concerned: the try that was not looked at cost nothing.
    attempt(&from(&api, "2001:db8:0:2::1"), &challenge, &right).await.expect(200);
    // Nor is who has a long code, even from there: that is not guessed.
    let (challenge, right) = mailed(&api, "ada@example.org").await;
    assert!(is_long(&right));
    attempt(&neighbour, &challenge, GUESS).await.expect_problem(422, "code_incorrect");
    attempt(&neighbour, &challenge, &right).await.expect(200);
    // Right codes are no wrong ones, however many come from one address.
    for n in 0..20 {
        let (challenge, right) = mailed(&api, &format!("office-{n}@example.org")).await;
        attempt(&from(&api, OWNER), &challenge, &right).await.expect(200);
    }
}

#[tokio::test]
async fn who_asks_for_codes_of_another_uses_up_their_own_requests() {
    let api = Api::start_with(&[("BACKEND_AUTH_EMAIL_RATE", "5")]).await;
    let (attacker, owner) = (from(&api, ATTACKER), from(&api, OWNER));
    let mut refused = 0;
    for _ in 0..20 {
        let answer = attacker.post(SEND).json(&json!({ "email": "ada@example.org" })).send().await;
        refused += usize::from(answer.status == 429);
    }
    assert!(refused >= 10, "{refused}");
    let challenge = ask(&owner, "ada@example.org").await;
    attempt(&owner, &challenge, &code(&api, &challenge).await).await.expect(200);
}

#[test]
fn the_guess_reads_as_a_long_code() {
    assert!(is_long(&Code::read(GUESS).unwrap().shown()));
}

#[tokio::test]
async fn tags_of_one_mailbox_get_no_more_mails_than_one_address_and_keep_no_owner_out() {
    let api = Api::start_with(&[UNSLOWED]).await;
    let (owner, attacker) = (from(&api, OWNER), from(&api, ATTACKER));
    let (challenge, right) = mailed(&api, "ada+galaxy@example.org").await;
    let account = attempt(&owner, &challenge, &right).await.expect(200).json();
    let before = mails(&api).await;
    let mut challenges = Vec::new();
    for n in 0..40 {
        challenges.push(ask(&attacker, &format!("ada+{n}@example.org")).await);
    }
    // Short ones while the window has room, and a long one when the mailbox was guarded.
    let after = mails(&api).await;
    assert!((3..=4).contains(&(after - before)), "{} mails", after - before);
    assert_eq!(api.count("auth_addresses WHERE address = 'ada@example.org' AND guarded_until > now()").await, 1);
    // What was asked for without a mail looks as everything else: its own challenge, answered again, that takes a try.
    challenges.sort_unstable();
    challenges.dedup();
    assert_eq!(challenges.len(), 40);
    let silent = ask(&attacker, "ada+39@example.org").await;
    assert!(challenges.contains(&silent));
    assert_eq!(attempt(&attacker, &silent, GUESS).await.status.as_u16(), 422);
    assert_eq!(mails(&api).await, after);
    // The owners of the address without a tag and of the account's get theirs at once, and get in.
    for email in ["ada@example.org", "ada+galaxy@example.org"] {
        let challenge = ask(&owner, email).await;
        let right = code(&api, &challenge).await;
        let signed_in = attempt(&owner, &challenge, &right).await.expect(200).json();
        assert_eq!(signed_in["user_id"] == account["user_id"], email == "ada+galaxy@example.org");
    }
    // Another mailbox of that domain is not concerned.
    assert!(!is_long(&mailed(&api, "bob+1@example.org").await.1));
}
