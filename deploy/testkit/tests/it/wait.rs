use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use testkit::eventually;

#[tokio::test]
async fn gives_the_value_once_it_is_there() {
    let asked = AtomicU32::new(0);
    let value = eventually(Duration::from_secs(5), "the third answer", || async {
        (asked.fetch_add(1, Ordering::Relaxed) == 2).then_some("here")
    })
    .await;
    assert_eq!(value, "here");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test]
#[should_panic(expected = "the moon: did not happen within 30ms")]
async fn says_what_did_not_happen() {
    eventually(Duration::from_millis(30), "the moon", || async { Err::<(), _>("still dark") }).await;
}

#[tokio::test]
#[should_panic(expected = "the probe hung")]
async fn cuts_off_a_probe_that_hangs() {
    eventually(Duration::from_millis(30), "an answer", std::future::pending::<bool>).await;
}
