//! The attacks: issue by issue what was seen, and its siblings.

use clap::ValueEnum;
use testkit::hostile::{
    PREFACE, bomb, controls, endless_head, get, grpc_call, grpc_large, large_post, opening, reset, slow_post,
};

/// A code is asked for with this, by anybody.
pub const CODE: &str = "/api/v1/public/auth/send-email-code";

/// One attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Silent,
    HalfPreface,
    HalfHead,
    AtRest,
    NoStream,
    EndlessHeads,
    Unread,
    Controls,
    GrpcStreams,
    GrpcBodies,
    Probes,
    SlowBodies,
    SlowStreams,
    LargeStreams,
    LargeHeads,
    Asleep,
    Guesses,
    UnknownFields,
    Resets,
}

/// Who measures it.
#[derive(Debug, Clone, Copy)]
pub enum Callers {
    /// The gateway.
    Rest,
    /// Whoever asks the operations' listener whether the process is ready.
    Probes,
}

/// Where connections are held.
#[derive(Debug, Clone, Copy)]
pub enum To {
    Rest,
    Grpc,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: &[Self] = &[
        Self::Silent,
        Self::HalfPreface,
        Self::HalfHead,
        Self::AtRest,
        Self::NoStream,
        Self::EndlessHeads,
        Self::Unread,
        Self::Controls,
        Self::GrpcStreams,
        Self::GrpcBodies,
        Self::Probes,
        Self::SlowBodies,
        Self::SlowStreams,
        Self::LargeStreams,
        Self::LargeHeads,
        Self::Asleep,
        Self::Guesses,
        Self::UnknownFields,
        Self::Resets,
    ];

    /// Its row in the issue that asked for it.
    pub const fn row(self) -> &'static str {
        match self {
            Self::Silent
            | Self::HalfPreface
            | Self::HalfHead
            | Self::AtRest
            | Self::NoStream
            | Self::EndlessHeads
            | Self::Controls
            | Self::Resets => "A1",
            Self::Unread => "A2",
            Self::GrpcStreams | Self::GrpcBodies => "A3",
            Self::Probes => "A4",
            Self::SlowBodies | Self::SlowStreams | Self::LargeStreams | Self::LargeHeads | Self::Asleep => "A5",
            Self::Guesses => "A7",
            Self::UnknownFields => "A11",
        }
    }

    /// In words.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Silent => "connections that say nothing",
            Self::HalfPreface => "half a preface",
            Self::HalfHead => "half a head",
            Self::AtRest => "HTTP/1 at rest",
            Self::NoStream => "HTTP/2 without a stream",
            Self::EndlessHeads => "HTTP/2, heads that go on",
            Self::Unread => "HTTP/2, 32 unread answers each",
            Self::Controls => "HTTP/2, pings and settings",
            Self::GrpcStreams => "gRPC, 32 streams each",
            Self::GrpcBodies => "gRPC, 32 slow messages each",
            Self::Probes => "64 that ask the operations' listener",
            Self::SlowBodies => "slow bodies over HTTP/1, two networks",
            Self::SlowStreams => "HTTP/2, 32 slow bodies each, two networks",
            Self::LargeStreams => "HTTP/2, 64 KiB of bodies each, two networks",
            Self::LargeHeads => "HTTP/2, heads of 12 kB, two networks",
            Self::Asleep => "calls to an engine that sleeps",
            Self::Guesses => "40 guesses at a password at a time",
            Self::UnknownFields => "bodies of 1 MB of unknown fields",
            Self::Resets => "HTTP/2, rapid resets",
        }
    }

    pub const fn callers(self) -> Callers {
        match self {
            Self::Probes => Callers::Probes,
            _ => Callers::Rest,
        }
    }

    /// From how many networks.
    pub const fn networks(self) -> usize {
        match self {
            Self::SlowBodies | Self::SlowStreams | Self::LargeStreams | Self::LargeHeads => 2,
            _ => 1,
        }
    }

    /// What each connection that is held says, and where; `None` for an attack that asks and asks.
    pub fn words(self) -> Option<(To, Vec<u8>)> {
        let streams = |window, of: &dyn Fn(u32) -> Vec<u8>| {
            let said = (0..32).flat_map(|n| of(2 * n + 1)).collect::<Vec<u8>>();
            [opening(window), said].concat()
        };
        let words = match self {
            Self::Silent => Vec::new(),
            Self::HalfPreface => PREFACE.get(..16).unwrap_or_default().to_vec(),
            Self::HalfHead => b"GET /healthz HTTP/1.1\r\n".to_vec(),
            Self::AtRest => b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            Self::NoStream => opening(65_535),
            Self::EndlessHeads => [opening(65_535), endless_head(1, 5)].concat(),
            Self::Unread => streams(0, &|n| get(n, "/docs")),
            Self::Controls => [opening(65_535), controls(10_000, 10_000)].concat(),
            Self::Resets => streams(65_535, &|n| reset(n, "/docs")),
            Self::SlowBodies => format!(
                "POST {CODE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{{"
            )
            .into_bytes(),
            Self::SlowStreams => streams(0, &|n| slow_post(n, CODE)),
            Self::LargeStreams => streams(0, &|n| large_post(n, CODE, 1_900)),
            Self::LargeHeads => streams(0, &|n| bomb(n, CODE, n == 1, 3)),
            Self::GrpcStreams => streams(0, &|n| grpc_call(n, "/grpc.health.v1.Health/Watch", true)),
            Self::GrpcBodies => streams(0, &|n| grpc_large(n, "/grpc.health.v1.Health/Check", 900)),
            Self::Probes | Self::Asleep | Self::Guesses | Self::UnknownFields => return None,
        };
        let to = match self {
            Self::GrpcStreams | Self::GrpcBodies => To::Grpc,
            _ => To::Rest,
        };
        Some((to, words))
    }
}
