//! Pulls: of one image one at a time, shared by all who wait for it, with its progress. It ends when it has ended, when nothing
//! new came for too long, or when nobody waits for it any more.

use std::collections::HashMap;
use std::time::Duration;

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::future::{BoxFuture, Shared, WeakShared};
use futures::{FutureExt as _, StreamExt as _};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::super::pull_words::pull_text;
use super::super::{DriverError, Progress};
use super::error;

type Outcome = Result<(), DriverError>;

/// The pulls that are under way in this process.
#[derive(Default)]
pub(super) struct Pulls(Mutex<HashMap<String, Pull>>);

struct Pull {
    done: WeakShared<BoxFuture<'static, Outcome>>,
    said: watch::Receiver<String>,
}

impl std::fmt::Debug for Pulls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulls").field("running", &self.0.lock().len()).finish()
    }
}

impl Pulls {
    /// Waits for the pull of this name, which `begin` begins where none is under way.
    pub(super) async fn join(
        &self,
        name: &str,
        begin: impl FnOnce(watch::Sender<String>) -> BoxFuture<'static, Outcome>,
        progress: &dyn Progress,
    ) -> Outcome {
        let (mut done, mut said) = self.enter(name, begin);
        let mut speaks = true;
        loop {
            tokio::select! {
                outcome = &mut done => return outcome,
                news = said.changed(), if speaks => {
                    speaks = news.is_ok();
                    let line = said.borrow_and_update().clone();
                    if speaks {
                        progress.report(&line).await;
                    }
                }
            }
        }
    }

    fn enter(
        &self,
        name: &str,
        begin: impl FnOnce(watch::Sender<String>) -> BoxFuture<'static, Outcome>,
    ) -> (Shared<BoxFuture<'static, Outcome>>, watch::Receiver<String>) {
        let mut running = self.0.lock();
        // Those that ended, or that nobody waits for.
        running.retain(|_, pull| pull.done.upgrade().is_some_and(|done| done.peek().is_none()));
        if let Some(pull) = running.get(name)
            && let Some(done) = pull.done.upgrade()
        {
            return (done, pull.said.clone());
        }
        let (say, said) = watch::channel(String::new());
        let done = begin(say).shared();
        if let Some(weak) = done.downgrade() {
            running.insert(name.to_owned(), Pull { done: weak, said: said.clone() });
        }
        (done, said)
    }
}

/// Pulls `image` (a reference as [`to_pull`](shared::domain::image_reference::ImageReference::to_pull) writes it).
pub(super) async fn pull(
    docker: Docker,
    image: String,
    credentials: Option<DockerCredentials>,
    silence: Duration,
    say: watch::Sender<String>,
) -> Outcome {
    let options = CreateImageOptionsBuilder::default().from_image(&image).build();
    let mut stream = std::pin::pin!(docker.create_image(Some(options), None, credentials));
    let mut news = News::default();
    let mut limit = Instant::now() + silence;
    loop {
        let next = timeout_at(limit, stream.next()).await.map_err(|_| DriverError::Image {
            reason: format!("the registry sent nothing new for {silence:?}"),
            passing: true,
        })?;
        match next {
            None => return Ok(()),
            Some(Err(error)) => return Err(error::pull(&error)),
            Some(Ok(info)) => {
                if let Some(detail) = info.error_detail {
                    let reason = detail.message.unwrap_or_else(|| "pull failed".to_owned());
                    return Err(pull_text(reason));
                }
                if news.is(&info) {
                    limit = Instant::now() + silence;
                }
                let line = [info.id, info.status].into_iter().flatten().collect::<Vec<_>>().join(": ");
                say.send_replace(line);
            }
        }
    }
}

/// What was said of each layer last: a daemon that counts down to its next try says much and gets nowhere.
#[derive(Default)]
struct News(HashMap<String, (String, i64)>);

impl News {
    fn is(&mut self, info: &CreateImageInfo) -> bool {
        let status = info.status.clone().unwrap_or_default();
        if status.starts_with("Retrying") {
            return false;
        }
        let at = info.progress_detail.as_ref().and_then(|detail| detail.current).unwrap_or_default();
        let said = (status, at);
        self.0.insert(info.id.clone().unwrap_or_default(), said.clone()) != Some(said)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::driver::Silent;

    struct Heard(Mutex<Vec<String>>);

    #[async_trait::async_trait]
    impl Progress for Heard {
        async fn report(&self, line: &str) {
            self.0.lock().push(line.to_owned());
        }
    }

    #[tokio::test]
    async fn all_who_want_an_image_wait_for_one_pull_and_hear_its_progress() {
        let (pulls, begun) = (Pulls::default(), Arc::new(AtomicUsize::new(0)));
        let go = Arc::new(tokio::sync::Notify::new());
        let begin = |say: watch::Sender<String>| {
            begun.fetch_add(1, Ordering::SeqCst);
            let go = Arc::clone(&go);
            async move {
                say.send_replace("half".to_owned());
                go.notified().await;
                Err(DriverError::Failed("so it ended".to_owned()))
            }
            .boxed()
        };
        let (first, second) = (Heard(Mutex::default()), Heard(Mutex::default()));
        let heard = || first.0.lock().len() + second.0.lock().len();
        let release = async {
            while heard() < 2 {
                tokio::task::yield_now().await;
            }
            go.notify_one();
        };
        let (a, b, ()) = tokio::join!(pulls.join("a", begin, &first), pulls.join("a", begin, &second), release);
        assert_eq!((&a, &b), (&Err(DriverError::Failed("so it ended".to_owned())), &a));
        assert_eq!((first.0.into_inner(), second.0.into_inner()), (vec!["half".to_owned()], vec!["half".to_owned()]));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        // The next one begins anew, and another image never waits.
        go.notify_one();
        assert_eq!(pulls.join("a", begin, &Silent).await, a);
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_waiter_that_leaves_ends_nobody_s_pull_and_the_last_one_ends_it() {
        struct Told(Arc<AtomicUsize>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (pulls, ended) = (Pulls::default(), Arc::new(AtomicUsize::new(0)));
        let begin = |_: watch::Sender<String>| {
            let told = Told(Arc::clone(&ended));
            async move {
                let _told = told;
                std::future::pending().await
            }
            .boxed()
        };
        let mut first = Box::pin(pulls.join("a", begin, &Silent));
        let mut second = Box::pin(pulls.join("a", begin, &Silent));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().is_none());
        assert_eq!(ended.load(Ordering::SeqCst), 0);
        drop(second);
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_count_down_to_the_next_try_is_no_news() {
        let info = |status: &str| CreateImageInfo {
            id: Some("a1".to_owned()),
            status: Some(status.to_owned()),
            ..CreateImageInfo::default()
        };
        let mut news = News::default();
        assert!(news.is(&info("Downloading")));
        assert!(!news.is(&info("Downloading")));
        assert!(!news.is(&info("Retrying in 5 seconds")) && !news.is(&info("Retrying in 4 seconds")));
        assert!(!news.is(&info("Downloading")));
        assert!(news.is(&info("Pull complete")));
    }
}
