//! The REST listener: requests of hyper become requests of poem, and its answers go back with what they cost.

use std::sync::Arc;

use http_body_util::combinators::BoxBody;
use hyper::Version;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use poem::endpoint::DynEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Request, Response};
use shared::service::listen::{Listener, Peer};
use tokio_util::sync::CancellationToken;

/// The routes with their frame.
pub type Routes = Arc<dyn DynEndpoint<Output = Response>>;

/// Serves the routes until `stop`, then drains. From `leaving` on each answer of HTTP/1 is the last of its connection: whoever
/// keeps connections takes its next call to another replica before this one hangs up.
///
/// # Errors
/// Never.
pub async fn serve(
    listener: Listener,
    routes: Routes,
    leaving: CancellationToken,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let handler = move |request: hyper::Request<Incoming>| {
        let (routes, leaving) = (routes.clone(), leaving.clone());
        let one_by_one = request.version() < Version::HTTP_2;
        async move {
            let mut response = answer(&routes, request).await;
            if one_by_one && leaving.is_cancelled() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    };
    listener.serve(handler, stop).await;
    Ok(())
}

async fn answer(routes: &Routes, request: hyper::Request<Incoming>) -> hyper::Response<BoxBody<Bytes, std::io::Error>> {
    let peer = request.extensions().get::<Peer>().copied();
    let scheme = if peer.is_some_and(|peer| peer.tls) { Scheme::HTTPS } else { Scheme::HTTP };
    let local = LocalAddr(peer.map(|peer| peer.local.into()).unwrap_or_default());
    let remote = RemoteAddr(peer.map(|peer| peer.address.into()).unwrap_or_default());
    let request: Request = (request, local, remote, scheme).into();
    match routes.call(request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
    .into()
}
