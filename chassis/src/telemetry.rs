//! Logs. Everything goes to standard output; what is logged at ERROR is also handed to the [`Errors`] queue, from
//! which each process sends it to the bus, so that operators find it in one place.

use std::{
    collections::BTreeMap,
    fmt,
    io::IsTerminal as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use proto::{
    cloudevents::CloudEvent,
    events::ops::{ERROR_LOGGED, ErrorLogged},
};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Event, Level, Subscriber, field::Visit, span};
use tracing_subscriber::{
    EnvFilter, Layer, layer::Context, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{amqp::Bus, trace::TraceContext};

/// Errors that wait for the bus; beyond that, the newest are only in the log of the process.
const CAPACITY: usize = 1_024;
/// A message longer than this is cut, in characters.
const MAX_TEXT: usize = 4_000;

static ERRORS: OnceLock<Errors> = OnceLock::new();

/// The queue between the log and the bus.
#[derive(Clone)]
struct Errors {
    sender: mpsc::Sender<Logged>,
    receiver: Arc<Mutex<mpsc::Receiver<Logged>>>,
}

struct Logged {
    at: DateTime<Utc>,
    error: ErrorLogged,
}

/// What is logged unless `RUST_LOG` says otherwise.
const FILTER: &str = "info,lapin=error,sqlx=warn";

/// Starts logging for this process. `RUST_LOG` filters (default `info`); `LOG_FORMAT=json` writes JSON lines.
pub fn init() {
    init_with("");
}

/// The same, for a process that people watch: by default without a line for each request.
pub fn init_without_access_log() {
    init_with(",access=off");
}

fn init_with(more: &str) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("{FILTER}{more}")));
    // Whatever is asked for: lapin logs the payload of what is returned to it; apalis logs what the worker handles and
    // logs itself.
    let filter = [
        "lapin::returned_messages=off",
        "apalis_core=off",
        "apalis_postgres=off",
    ]
    .into_iter()
    .filter_map(|directive| directive.parse().ok())
    .fold(filter, EnvFilter::add_directive);
    let json = std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    // Colours are for people; a file or a pipe gets the text alone.
    let format = tracing_subscriber::fmt::layer().with_ansi(std::io::stdout().is_terminal());
    let format = if json {
        format.json().boxed()
    } else {
        format.compact().boxed()
    };
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let errors = ERRORS.get_or_init(|| Errors {
        sender,
        receiver: Arc::new(Mutex::new(receiver)),
    });
    // A second call (tests) changes nothing.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(format)
        .with(ErrorLayer(errors.sender.clone()))
        .try_init();
}

/// Sends what was logged at ERROR to the bus until `stop`. While the bus is away it waits; requests never do.
pub(crate) async fn forward_errors(bus: Arc<Bus>, stop: CancellationToken) {
    // Without `init` nothing is collected, and a background task that ends counts as a fault.
    let Some(errors) = ERRORS.get() else {
        return stop.cancelled().await;
    };
    // All services of one process share the queue; whoever holds the lock serves it.
    let mut receiver = tokio::select! {
        receiver = errors.receiver.lock() => receiver,
        () = stop.cancelled() => return,
    };
    loop {
        let logged = tokio::select! {
            Some(logged) = receiver.recv() => logged,
            () = stop.cancelled() => return,
        };
        let source = format!("/{}", logged.error.service);
        let subject = logged.error.service.clone();
        let Ok(event) = CloudEvent::new(
            &source,
            ERROR_LOGGED,
            subject,
            None,
            logged.at,
            &logged.error,
        ) else {
            continue;
        };
        while let Err(error) = bus.publish(&event).await {
            tracing::debug!(%error, "an error report waits for the bus");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Hands over what is logged at ERROR; never blocks.
struct ErrorLayer(mpsc::Sender<Logged>);

/// The service that a span belongs to.
struct ServiceName(String);

impl<S> Layer<S> for ErrorLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(name), Some(span)) = (fields.0.remove("service"), context.span(id)) {
            span.extensions_mut().insert(ServiceName(name));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        let service = context
            .event_scope(event)
            .and_then(|mut scope| {
                scope.find_map(|span| {
                    span.extensions()
                        .get::<ServiceName>()
                        .map(|name| name.0.clone())
                })
            })
            .unwrap_or_else(|| "easyorder".to_owned());
        let error = ErrorLogged {
            service,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: event.metadata().target().to_owned(),
            message,
            trace_id: TraceContext::current().map(|context| context.trace_id()),
            fields: fields.0,
        };
        if self
            .0
            .try_send(Logged {
                at: Utc::now(),
                error,
            })
            .is_err()
        {
            metrics::counter!("errors_not_reported_total").increment(1);
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn put(&mut self, field: &tracing::field::Field, mut text: String) {
        if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
            text.truncate(end);
        }
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
