//! What is seen of a listener from outside.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, UpDownCounter};

use super::activity::End;
use super::budget::Short;
use crate::service::telemetry;

#[derive(Clone)]
pub(super) struct Metrics {
    listener: &'static str,
    connections: UpDownCounter<i64>,
    refused: Counter<u64>,
    ended: Counter<u64>,
    unread: Counter<u64>,
    streams: Counter<u64>,
}

impl Metrics {
    pub(super) fn new(listener: &'static str) -> Self {
        let meter = telemetry::meter();
        let metrics = Self {
            listener,
            connections: meter
                .i64_up_down_counter("listener_connections")
                .with_description("Connections that are open, by listener")
                .build(),
            refused: meter
                .u64_counter("listener_refused_total")
                .with_description("Connections turned away: the peer network has its `share`, or the `total` is out")
                .build(),
            ended: meter
                .u64_counter("listener_ended_total")
                .with_description(
                    "Connections that we ended: `idle`, `gave_way` to a newcomer, `silent`, `unread`, `flood`",
                )
                .build(),
            unread: meter
                .u64_counter("listener_unread_total")
                .with_description(
                    "Exchanges given up: nobody read the answer by its deadline, or till its place was needed",
                )
                .build(),
            streams: meter
                .u64_counter("listener_streams_refused_total")
                .with_description("Streams of HTTP/2 refused: the peer network has its `share`, or the `total` is out")
                .build(),
        };
        let labels = |why: Short| [KeyValue::new("listener", listener), KeyValue::new("reason", why.word())];
        for counter in [&metrics.refused, &metrics.streams] {
            telemetry::from_nought(counter, [Short::Share, Short::Total].map(labels));
        }
        metrics
    }

    pub(super) fn opened(&self) -> Open {
        self.connections.add(1, &[KeyValue::new("listener", self.listener)]);
        Open(self.clone())
    }

    pub(super) fn refused(&self, why: Short) {
        self.refused.add(1, &[KeyValue::new("listener", self.listener), KeyValue::new("reason", why.word())]);
    }

    pub(super) fn refused_stream(&self, why: Short) {
        self.streams.add(1, &[KeyValue::new("listener", self.listener), KeyValue::new("reason", why.word())]);
    }

    pub(super) fn ended(&self, why: End) {
        self.ended.add(1, &[KeyValue::new("listener", self.listener), KeyValue::new("reason", why.word())]);
    }

    pub(super) fn unread(&self) {
        self.unread.add(1, &[KeyValue::new("listener", self.listener)]);
    }
}

/// A connection in the gauge.
pub(super) struct Open(Metrics);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.add(-1, &[KeyValue::new("listener", self.0.listener)]);
    }
}
