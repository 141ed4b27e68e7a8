//! What calls bring while it arrives: bounded in all and by network, and asked back where it comes too slowly
//! (docs/shares.md).

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use parking_lot::Mutex;
use shared::domain::network::Network;
use shared::service::listen::{Budget, Limits, Peer, Permit, Short, Underway};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

/// Bytes of calls that arrive or are answered, in all; one network has half, which is two of the greatest messages.
const BYTES: usize = 32 << 20;
/// What a call costs beside its content: tonic's first buffer of 8 KiB, and the call itself.
const OVERHEAD: usize = 12 << 10;

/// The budget of the gRPC listener.
#[derive(Clone)]
pub(super) struct Arrivals(Budget<Network>);

/// What a call holds until its answer's head.
pub(super) type Held = Arc<Mutex<Permit<Network>>>;

impl Arrivals {
    pub(super) fn new() -> Self {
        Self(Budget::new(BYTES, Limits::share_of(BYTES)))
    }

    /// Counts a call's head, and its body while it comes.
    pub(super) fn admit(&self, request: http::Request<Incoming>) -> Result<(http::Request<Arriving>, Held), Status> {
        let (parts, body) = request.into_parts();
        let network = parts.extensions.get::<Peer>().map(|peer| peer.network);
        let network = network.ok_or_else(|| Status::internal("nobody called"))?;
        let fields: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        let mut permit = self.0.take(&network, OVERHEAD + fields).map_err(busy)?;
        let asked_back = CancellationToken::new();
        let ask = asked_back.clone();
        permit.lend(move || ask.cancel());
        let held = Arc::new(Mutex::new(permit));
        let underway = parts.extensions.get::<Underway>().cloned();
        if let Some(underway) = &underway {
            underway.waits();
        }
        let asked_back = Box::pin(asked_back.cancelled_owned());
        let body = Arriving { body, asked_back, coming: Some(Coming { held: Arc::clone(&held), underway }) };
        Ok((http::Request::from_parts(parts, body), held))
    }
}

fn busy(short: Short) -> Status {
    Status::unavailable(match short {
        Short::Total => "too many calls are under way; call again",
        Short::Share => "too many calls from this network are under way; call again",
        Short::GaveWay => "the message came too slowly while there was no room for others; call again",
    })
}

/// A body that comes.
pub(super) struct Arriving {
    body: Incoming,
    asked_back: Pin<Box<WaitForCancellationFutureOwned>>,
    /// `None` once all of it is there.
    coming: Option<Coming>,
}

struct Coming {
    held: Held,
    underway: Option<Underway>,
}

impl Coming {
    fn over(&self) -> Result<(), Short> {
        if let Some(underway) = &self.underway {
            underway.goes_on();
        }
        self.held.lock().keep()
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.coming.is_some() && self.asked_back.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(busy(Short::GaveWay))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose();
        let frame = frame.map_err(|error| Status::from_error(error.into()))?;
        if let (Some(coming), Some(data)) = (&self.coming, frame.as_ref().and_then(Frame::data_ref)) {
            coming.held.lock().grow(data.len()).map_err(busy)?;
        }
        if (frame.is_none() || self.body.is_end_stream())
            && let Some(coming) = self.coming.take()
        {
            coming.over().map_err(busy)?;
        }
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
