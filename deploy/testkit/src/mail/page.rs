//! The page to read the mails on, and the same as JSON.
//!
//! Mails come from anywhere: everything is escaped, their HTML is shown in a frame that may run nothing, and the
//! Content-Security-Policy lets no picture call home.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::middleware::{AddData, SetHeader};
use poem::web::{Data, Html, Json, Path, Query};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::message::Mail;
use super::session::Shared;

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; form-action 'none'";
const REFRESH_SECONDS: u32 = 3;

pub(crate) async fn serve(shared: Arc<Shared>, addr: SocketAddr, stop: CancellationToken) -> Result<SocketAddr> {
    let listener =
        tokio::net::TcpListener::bind(addr).await.with_context(|| format!("the mail page cannot listen on {addr}"))?;
    let addr = listener.local_addr()?;
    let app = Route::new()
        .at("/", get(list))
        .at("/messages/:number", get(read))
        .at("/messages/:number/raw", get(raw))
        .at("/api/messages", get(api_list).delete(api_clear))
        .at("/api/messages/:number", get(api_read))
        .with(AddData::new(shared))
        .with(
            SetHeader::new()
                .overriding("Content-Security-Policy", POLICY)
                .overriding("X-Content-Type-Options", "nosniff")
                .overriding("Referrer-Policy", "no-referrer")
                .overriding("Cache-Control", "no-store"),
        );
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?);
    let timeout = Some(std::time::Duration::from_secs(1));
    tokio::spawn(async move {
        if let Err(error) = server.run_with_graceful_shutdown(app, stop.cancelled_owned(), timeout).await {
            eprintln!("mail-catcher: the page ended: {error}");
        }
    });
    Ok(addr)
}

/// Which mails to list.
#[derive(Debug, Deserialize)]
struct Filter {
    /// Only those with this envelope recipient.
    to: Option<String>,
    /// Only those after this: a number, or a time in RFC 3339.
    since: Option<String>,
}

impl Filter {
    fn apply(&self, mut mails: Vec<Mail>) -> Result<Vec<Mail>, &'static str> {
        if let Some(to) = &self.to {
            mails.retain(|mail| mail.is_to(to));
        }
        match &self.since {
            None => {}
            Some(since) => match (since.parse::<u64>(), since.parse::<DateTime<Utc>>()) {
                (Ok(number), _) => mails.retain(|mail| mail.number > number),
                (_, Ok(time)) => mails.retain(|mail| mail.received_at > time),
                _ => return Err("`since` is a mail's number or a time in RFC 3339"),
            },
        }
        Ok(mails)
    }
}

#[handler]
fn api_list(Data(shared): Data<&Arc<Shared>>, Query(filter): Query<Filter>) -> Response {
    match filter.apply(shared.store.all()) {
        Ok(mails) => Json(mails).into_response(),
        Err(fault) => fault.with_status(StatusCode::BAD_REQUEST).into_response(),
    }
}

#[handler]
fn api_read(Data(shared): Data<&Arc<Shared>>, Path(number): Path<u64>) -> Response {
    match shared.store.get(number) {
        Some(mail) => Json(mail).into_response(),
        None => "no such mail".with_status(StatusCode::NOT_FOUND).into_response(),
    }
}

#[handler]
fn api_clear(Data(shared): Data<&Arc<Shared>>) -> Response {
    match shared.store.clear() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => format!("{error:#}").with_status(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
    }
}

#[handler]
fn raw(Data(shared): Data<&Arc<Shared>>, Path(number): Path<u64>) -> Response {
    match shared.store.get(number) {
        Some(mail) => mail.raw.with_content_type("text/plain; charset=utf-8").into_response(),
        None => "no such mail".with_status(StatusCode::NOT_FOUND).into_response(),
    }
}

#[handler]
fn list(Data(shared): Data<&Arc<Shared>>, Query(filter): Query<Filter>) -> Response {
    let mails = match filter.apply(shared.store.all()) {
        Ok(mails) => mails,
        Err(fault) => return fault.with_status(StatusCode::BAD_REQUEST).into_response(),
    };
    let rows: String = mails
        .iter()
        .rev()
        .map(|mail| {
            format!(
                "<tr><td>{time}</td><td>{to}</td><td><a href=\"/messages/{number}\">{subject}</a></td></tr>",
                time = mail.received_at.format("%H:%M:%S"),
                to = escape(&mail.envelope_to.join(", ")),
                number = mail.number,
                subject = if mail.subject.is_empty() { "(no subject)".to_owned() } else { escape(&mail.subject) },
            )
        })
        .collect();
    let empty = if mails.is_empty() { "<p>Nothing yet. This page looks again by itself.</p>" } else { "" };
    let body = format!(
        "<h1>{} mails</h1><table><tr><th>received (UTC)</th><th>to</th><th>subject</th></tr>{rows}</table>{empty}",
        mails.len()
    );
    page("Mails", &body, true)
}

#[handler]
fn read(Data(shared): Data<&Arc<Shared>>, Path(number): Path<u64>) -> Response {
    let Some(mail) = shared.store.get(number) else {
        return page("No such mail", "<p>No such mail. <a href=\"/\">All mails</a></p>", false)
            .with_status(StatusCode::NOT_FOUND)
            .into_response();
    };
    let headers: String = mail
        .headers
        .iter()
        .map(|(name, value)| format!("<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value)))
        .collect();
    let text = mail.text.as_deref().map(|text| format!("<h2>Text</h2><pre>{}</pre>", escape(text)));
    // An empty `sandbox` forbids scripts, forms, links to the top and the origin; the frame inherits our policy.
    let html = mail.html.as_deref().map(|html| {
        format!("<h2>HTML</h2><iframe sandbox=\"\" title=\"the mail\" srcdoc=\"{}\"></iframe>", escape(html))
    });
    let body = format!(
        "<p><a href=\"/\">All mails</a> · <a href=\"/messages/{number}/raw\">source</a></p><h1>{subject}</h1>\
         <p>from &lt;{from}&gt; to {to}, {time} UTC{encrypted}{unacknowledged}</p>{text}{html}\
         <h2>Headers</h2><table>{headers}</table>",
        subject = escape(&mail.subject),
        from = escape(&mail.envelope_from),
        to = escape(&mail.envelope_to.join(", ")),
        time = mail.received_at.format("%Y-%m-%d %H:%M:%S"),
        encrypted = if mail.encrypted { ", over TLS" } else { "" },
        unacknowledged = if mail.acknowledged { "" } else { ", not acknowledged" },
        text = text.unwrap_or_default(),
        html = html.unwrap_or_default(),
    );
    page(&mail.subject, &body, false)
}

fn page(title: &str, body: &str, refresh: bool) -> Response {
    let refresh =
        if refresh { format!("<meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">") } else { String::new() };
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{refresh}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title><style>{STYLE}</style>\
         </head><body>{body}</body></html>",
        escape(title)
    ))
    .into_response()
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1c2430;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;\
border-bottom:1px solid #d8dee6;overflow-wrap:anywhere}th{white-space:nowrap}\
pre{white-space:pre-wrap;background:#f4f6f8;padding:1rem;border-radius:4px}\
iframe{width:100%;height:28rem;border:1px solid #d8dee6;border-radius:4px;background:#fff}a{color:#0b57a4}\
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e3e8ef}th,td{border-color:#333c48}\
pre{background:#1c222b}a{color:#7fb8ff}}";

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
