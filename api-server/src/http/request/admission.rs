//! Who is let in at once: places for requests, and bytes for what they bring and what they are answered
//! (docs/shares.md).

use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Bytes};
use poem::http::HeaderMap;
use poem::{Body, Request, Response};
use shared::domain::network::Network;
use shared::service::listen::{self, Budget, Costs, Doubt, Limits, Peer, Permit, Short, Underway};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::body::{MAX_BODY, too_large};
use crate::refusal::{ErrorCode, Problem};

/// Probes and documents have places of their own: a probe is answered however busy the replica is, and the document's
/// page does not keep probes out. In all, and of one network.
const PROBES: (usize, usize) = (64, 16);
const DOCUMENTS: (usize, usize) = (32, 8);
/// Bytes of requests that are being read or answered, in all; one network has half.
const REQUEST_BYTES: usize = 32 << 20;
/// Bytes of answers that have not gone yet, in all; one network has half, which is more than the longest report.
const ANSWER_BYTES: usize = 48 << 20;
/// How long a request of a network that has less than its share waits for a place: longer than nothing is asked back.
const PATIENCE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(20);
/// Requests that wait so, in all and of one network.
const WAITING: (usize, usize) = (64, 8);
/// What a request costs beside its content.
const OVERHEAD: usize = 4 << 10;
/// An answer up to this size is bounded by the places alone: it is never turned back for want of bytes, so that whoever
/// changed something hears of it.
const SMALL_ANSWER: usize = 64 << 10;

/// The budgets of the REST listener.
pub struct Admission {
    operations: Budget<Network>,
    waiting: Budget<Network>,
    probes: Budget<Network>,
    documents: Budget<Network>,
    request_bytes: Budget<Network>,
    answer_bytes: Budget<Network>,
}

/// What kind of places a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/healthz` and its like.
    Probe,
    /// The document, its page, and paths that do not exist.
    Document,
    /// An operation of the API.
    Operation,
}

/// What a request has taken of a budget; `None` for the process's own probe, which takes nothing.
pub type Taken = Option<Permit<Network>>;

impl Admission {
    /// With so many places for operations.
    pub fn new(max_in_flight: usize) -> Self {
        Self {
            operations: Budget::new(max_in_flight, Limits::share_of(max_in_flight)),
            waiting: Budget::new(WAITING.0, WAITING.1),
            probes: Budget::new(PROBES.0, PROBES.1),
            documents: Budget::new(DOCUMENTS.0, DOCUMENTS.1),
            request_bytes: Budget::new(REQUEST_BYTES, Limits::share_of(REQUEST_BYTES)),
            answer_bytes: Budget::new(ANSWER_BYTES, Limits::share_of(ANSWER_BYTES)),
        }
    }

    /// Takes a place. Where others have them all, it is waited for a moment: what they hold and do not use can be asked back by then.
    ///
    /// # Errors
    /// 503 `unavailable` with `Retry-After`.
    pub async fn place(&self, peer: &Peer, kind: Kind) -> Result<Taken, Problem> {
        let places = match kind {
            Kind::Probe => &self.probes,
            Kind::Document => &self.documents,
            Kind::Operation => &self.operations,
        };
        if peer.own {
            return Ok(None);
        }
        let (until, mut waits) = (Instant::now() + PATIENCE, None);
        loop {
            match places.take(&peer.network, 1) {
                Err(Short::Total) if kind != Kind::Probe && Instant::now() < until => {
                    // Few wait, and few of one network: whoever waits holds what they sent.
                    if waits.is_none() {
                        waits = Some(self.waiting.take(&peer.network, 1).map_err(|_| busy(Short::Total))?);
                    }
                    sleep(AGAIN).await;
                }
                taken => return taken.map(Some).map_err(busy),
            }
        }
    }

    /// Takes the bytes of a request's head; the permit grows with its body.
    ///
    /// # Errors
    /// As [`Admission::place`].
    pub fn head(&self, peer: &Peer, headers: &HeaderMap) -> Result<Taken, Problem> {
        if peer.own {
            return Ok(None);
        }
        let fields: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        self.request_bytes.take(&peer.network, OVERHEAD + fields).map(Some).map_err(busy)
    }

    /// Puts what an answer costs into it: its place, and its bytes where they are its own. While it waits to be read
    /// they may be asked back, which ends it.
    ///
    /// # Errors
    /// 503 where the bytes of unread answers are out.
    pub fn cost(&self, caller: &Caller, response: &mut Response, place: Taken, own_bytes: bool) -> Result<(), Problem> {
        let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
        let size = body.size_hint().exact().map_or(0, |size| usize::try_from(size).unwrap_or(usize::MAX));
        response.set_body(Body::from(body));
        let bytes = match size {
            size if size <= SMALL_ANSWER || !own_bytes => None,
            size => Some(self.answer_bytes.take(&caller.peer.network, size).map_err(busy)?),
        };
        let mut held = (place, bytes);
        if let Some(underway) = &caller.underway {
            for permit in [&mut held.0, &mut held.1].into_iter().flatten() {
                let ended = underway.clone();
                permit.lend(move || ended.end());
            }
        }
        response.extensions_mut().insert(Costs::new(held));
        Ok(())
    }
}

/// Whoever sent a request, and the exchange that it is part of.
pub struct Caller {
    /// Whoever sent it.
    pub peer: Peer,
    /// `None` where no listener stands before us.
    pub underway: Option<Underway>,
}

fn busy(short: Short) -> Problem {
    let detail = match short {
        Short::Total => "Too many requests are under way.",
        Short::Share => "Too many requests from this network are under way.",
        Short::GaveWay => "The body came too slowly while there was no room for others.",
    };
    Problem::new(ErrorCode::Unavailable, detail).retry_after(Duration::from_secs(1))
}

/// What no two readers may understand in two ways ([`listen::unambiguous`]).
///
/// # Errors
/// 400.
pub fn unambiguous(request: &Request, peer: &Peer) -> Result<(), Problem> {
    let judged = listen::unambiguous(peer, request.version(), request.uri(), request.headers());
    judged.map_err(|doubt| match doubt {
        Doubt::End => Problem::new(ErrorCode::InvalidRequest, sentence(&doubt.to_string())),
        Doubt::NoHost => Problem::field("/header/Host", "required", doubt.to_string()),
        Doubt::TwoHosts => Problem::field("/header/Host", "duplicate", doubt.to_string()),
        Doubt::NoSuchHost => Problem::field("/header/Host", "value", doubt.to_string()),
    })
}

/// A reason, written as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// Reads a request's body to its end and puts it back as a whole: it holds no place while it comes, however slowly, and
/// what it holds of the listener's bytes is asked back where somebody else needs them.
///
/// # Errors
/// 413, 400 where it breaks off, 503 where bytes are out or were asked back, 504 where it takes longer than `limit`.
pub async fn read_body(
    request: &mut Request,
    caller: &Caller,
    bytes: &mut Taken,
    limit: Duration,
) -> Result<(), Problem> {
    let mut body: BoxBody<Bytes, std::io::Error> = request.take_body().into();
    if body.is_end_stream() {
        return Ok(());
    }
    let asked_back = CancellationToken::new();
    if let Some(bytes) = bytes {
        let asked_back = asked_back.clone();
        bytes.lend(move || asked_back.cancel());
    }
    if let Some(underway) = &caller.underway {
        underway.waits();
    }
    let reading = tokio::time::timeout(limit, whole(&mut body, bytes));
    let whole = tokio::select! {
        biased;
        () = asked_back.cancelled() => Err(busy(Short::GaveWay)),
        read = reading => match read {
            Ok(read) => read,
            Err(_elapsed) => Err(Problem::new(ErrorCode::Timeout, "The body did not come in time.")),
        },
    };
    if let Some(underway) = &caller.underway {
        underway.goes_on();
    }
    let whole = whole?;
    if let Some(bytes) = bytes {
        bytes.keep().map_err(busy)?;
    }
    request.set_body(Body::from(whole));
    Ok(())
}

/// All of a body. What is paid for is what it takes in memory, not what has come of it.
async fn whole(body: &mut BoxBody<Bytes, std::io::Error>, bytes: &mut Taken) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(ErrorCode::InvalidRequest, "The body could not be read to its end.");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let length = whole.len() + data.len();
        if length > MAX_BODY {
            return Err(too_large());
        }
        if length > whole.capacity() {
            // Half as much again each time, so that all is copied a few times at most.
            let room = length.max(whole.capacity() + whole.capacity() / 2).min(MAX_BODY);
            if let Some(bytes) = bytes {
                bytes.grow(room - whole.capacity()).map_err(busy)?;
            }
            whole.reserve_exact(room - whole.len());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_told_in_the_words_of_the_listener() {
        assert_eq!(
            sentence(&Doubt::End.to_string()),
            "A request has either Content-Length or one Transfer-Encoding: chunked, and one with the second is not sent ahead."
        );
    }
}
