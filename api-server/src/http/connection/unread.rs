//! Whether a request was read to its end. A connection of HTTP/1.1 whose request was not cannot carry another one, and is closed
//! after the answer: a client that is not told (RFC 9112 §9.6) may send its next request into the closing connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Bytes, Frame, SizeHint};
use poem::http::{HeaderValue, Version, header};
use poem::{Body, Request, Response};

type Inner = BoxBody<Bytes, std::io::Error>;

/// What is known of a request's body.
pub struct Unread(Option<Arc<AtomicBool>>);

impl Unread {
    /// Watches the body of a request.
    pub fn watch(request: &mut Request) -> Self {
        let inner: Inner = request.take_body().into();
        let http1 = request.version() < Version::HTTP_2;
        if !http1 || inner.is_end_stream() {
            request.set_body(Body::from(inner));
            return Self(None);
        }
        let ended = Arc::new(AtomicBool::new(false));
        request.set_body(Body::from(Inner::new(Watched { inner, ended: ended.clone() })));
        Self(Some(ended))
    }

    /// Tells the client, in the answer, that nothing more is heard on this connection, if so it is.
    pub fn say(&self, response: &mut Response) {
        if self.0.as_ref().is_some_and(|ended| !ended.load(Ordering::Acquire)) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

struct Watched {
    inner: Inner,
    ended: Arc<AtomicBool>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if frame.is_none() || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Release);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
