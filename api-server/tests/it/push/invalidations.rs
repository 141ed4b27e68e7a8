//! Revocations reach the streams with their commit, and only with it.

use shared::db::push_log;
use shared::ids::{DeviceSessionId, UserId};
use shared::proto::push::SessionInvalidation;
use shared::proto::push::push_event::Kind;

use super::gateway::{Publisher, Subscription, event};
use super::stage::Stage;

#[tokio::test]
async fn an_invalidation_comes_with_the_commit_and_never_without() {
    let stage = Stage::new().await;
    let (one, two) = (stage.replica().await, stage.replica().await);
    let mut streams =
        [Subscription::open(one.address, "one", "").await, Subscription::open(two.address, "two", "").await];
    let mut publisher = Publisher::connect(one.address).await;
    let (user, session) = (UserId::new(), DeviceSessionId::new());
    let pool = stage.pool();

    let mut undone = pool.begin().await.unwrap();
    push_log::append_invalidation(&mut undone, UserId::new(), &[], "undone").await.unwrap();
    let mut open = pool.begin().await.unwrap();
    push_log::append_invalidation(&mut open, user, &[session], "logout").await.unwrap();
    one.wake();
    undone.rollback().await.unwrap();
    // Numbered after the insert, though committed before it: the open transaction holds nobody up.
    publisher.one(event("test", "meanwhile")).await;
    for stream in &mut streams {
        assert!(matches!(stream.take(1).await[0].kind, Some(Kind::ClientEvent(_))));
    }
    open.commit().await.unwrap();
    one.wake();
    stage.invalidate(user, &[], "blocked").await;
    two.wake();
    let expected = |sessions: Vec<String>, reason: &str| {
        Some(Kind::SessionInvalidation(SessionInvalidation {
            user_id: user.to_string(),
            device_session_ids: sessions,
            reason: reason.to_owned(),
            traceparent: String::new(),
        }))
    };
    for stream in &mut streams {
        let kinds: Vec<_> = stream.take(2).await.into_iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, [expected(vec![session.to_string()], "logout"), expected(vec![], "blocked")]);
    }
}
