//! What is logged, from `BACKEND_LOGGING_LEVEL`.

use std::str::FromStr as _;

use anyhow::Context as _;
use tracing::{
    Level, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter,
    layer::{Context, Filter as LayerFilter},
    registry::LookupSpan,
};

/// Libraries that say more than an operator wants at `info`.
const QUIET: &str = "sqlx=warn,hyper=warn,tonic=warn,tower=warn,opentelemetry=warn,opentelemetry_sdk=warn,\
     opentelemetry-otlp=warn,bollard=warn";

/// Libraries that warn of what any stranger sends: h2 of each ping's answer that it did not ask for, rustls of alerts and of
/// messages out of turn. Nobody may write our log from outside.
const STRANGERS: &str = "h2=error,rustls=error";

/// Which events are logged. Spans of level INFO and above always count, since their fields (the request id) belong on
/// the lines of errors too, however quiet the log is.
pub(super) struct Filter(EnvFilter);

impl Filter {
    pub(super) fn new(level: &str) -> anyhow::Result<Self> {
        // What the operator names comes last and counts; libraries are only ever made quieter than they asked.
        let directives = match level.split(',').rev().find_map(|d| Level::from_str(d.trim()).ok()) {
            Some(level_of_all) if level_of_all >= Level::INFO => format!("{QUIET},{STRANGERS},{level}"),
            Some(Level::WARN) => format!("{STRANGERS},{level}"),
            _ => level.to_owned(),
        };
        let filter = EnvFilter::builder().parse(&directives).with_context(|| format!("log filter {directives:?}"))?;
        Ok(Self(filter))
    }

    fn always(meta: &Metadata<'_>) -> bool {
        meta.is_span() && *meta.level() <= Level::INFO
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> LayerFilter<S> for Filter {
    fn enabled(&self, meta: &Metadata<'_>, cx: &Context<'_, S>) -> bool {
        Self::always(meta) || LayerFilter::<S>::enabled(&self.0, meta, cx)
    }

    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        let interest = LayerFilter::<S>::callsite_enabled(&self.0, meta);
        if Self::always(meta) { Interest::always() } else { interest }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        LayerFilter::<S>::max_level_hint(&self.0).map(|hint| hint.max(LevelFilter::INFO))
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        LayerFilter::<S>::on_new_span(&self.0, attrs, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        LayerFilter::<S>::on_record(&self.0, id, values, ctx);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        LayerFilter::<S>::on_enter(&self.0, id, ctx);
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        LayerFilter::<S>::on_exit(&self.0, id, ctx);
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        LayerFilter::<S>::on_close(&self.0, id, ctx);
    }
}
