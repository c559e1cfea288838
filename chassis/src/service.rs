//! The frame of a running service: servers, background tasks, readiness, and an orderly stop.

use std::{future::Future, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use proto::topology::{Queue, Stream};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{service::Routes, transport::server::TcpIncoming};
use tracing::Instrument as _;

use crate::{
    amqp::{
        Bus, EventHandler, EventListener, StreamReader, consumer, listener, relay,
        stream::{self, Start},
    },
    auth::Guard,
    config,
    health::Health,
    server::{self, HttpRoutes},
    telemetry,
    tls::Tls,
};

/// Requests in flight get this long to end when the service stops.
const DRAIN: Duration = Duration::from_secs(10);
/// Background tasks get this long after that.
const WIND_DOWN: Duration = Duration::from_secs(10);

/// A service that runs, from its construction until [`Service::stop`].
pub struct Service {
    name: &'static str,
    health: Health,
    servers: Tasks,
    background: Tasks,
    /// They outlive the others, whose last events they publish.
    relays: Tasks,
}

/// Tasks that end together.
#[derive(Default)]
struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Asks all to end and waits for them, but no longer than `patience`.
    async fn end(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(patience, self.tracker.wait())
            .await
            .is_ok()
    }
}

impl Service {
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            health: Health::default(),
            servers: Tasks::default(),
            background: Tasks::default(),
            relays: Tasks::default(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Serves a REST interface with what each service has: `/health/live`, `/health/ready`, `/metrics`,
    /// `/openapi.json` and Swagger UI at `/docs`.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn serve_http(
        &self,
        addr: SocketAddr,
        router: axum::Router,
        openapi: utoipa::openapi::OpenApi,
    ) -> anyhow::Result<SocketAddr> {
        let mut openapi = serde_json::to_value(openapi)?;
        crate::openapi::complete(&mut openapi);
        let docs = utoipa_swagger_ui::SwaggerUi::new("/docs");
        let router = router
            .merge(server::health_routes(&self.health))
            .merge(docs.external_url_unchecked("/openapi.json", openapi));
        self.serve_http_bare(addr, HttpRoutes::new(self.name, router))
            .await
    }

    /// Serves routes as they are.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn serve_http_bare(
        &self,
        addr: SocketAddr,
        routes: HttpRoutes,
    ) -> anyhow::Result<SocketAddr> {
        let (listener, addr) = self.bind(addr).await?;
        let stop = self.servers.stop.clone();
        self.servers
            .tracker
            .spawn(server::serve_http(listener, routes, stop, DRAIN));
        tracing::info!(service = self.name, %addr, "HTTP");
        Ok(addr)
    }

    /// Serves gRPC to whom the guard admits, with health and reflection for all; with TLS, for all who have a certificate.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub async fn serve_grpc(
        &self,
        addr: SocketAddr,
        routes: Routes,
        guard: Guard,
        tls: Option<Tls>,
    ) -> anyhow::Result<SocketAddr> {
        let (listener, addr) = self.bind(addr).await?;
        let (reporter, health) = tonic_health::server::health_reporter();
        let checks = self.health.clone();
        self.background("grpc-health", async move |stop| {
            loop {
                let status = if checks.ready() {
                    tonic_health::ServingStatus::Serving
                } else {
                    tonic_health::ServingStatus::NotServing
                };
                reporter.set_service_status("", status).await;
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    () = stop.cancelled() => return,
                }
            }
        });
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;
        let routes = server::grpc_routes(
            self.name,
            routes.add_service(health).add_service(reflection),
            guard,
        );
        let stop = self.servers.stop.clone();
        let name = self.name;
        tracing::info!(service = self.name, %addr, tls = tls.is_some(), "gRPC");
        self.servers.tracker.spawn(async move {
            let server = tonic::transport::Server::builder()
                .http2_keepalive_interval(Some(Duration::from_secs(20)))
                .add_routes(routes);
            let stop = stop.cancelled();
            let served = match tls {
                Some(tls) => {
                    server
                        .serve_with_incoming_shutdown(tls.incoming(listener), stop)
                        .await
                }
                None => {
                    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                    server.serve_with_incoming_shutdown(incoming, stop).await
                }
            };
            if let Err(error) = served {
                tracing::error!(service = name, %error, "the gRPC server ended");
            }
        });
        Ok(addr)
    }

    async fn bind(&self, addr: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind(addr).await.with_context(|| {
            format!(
                "{} cannot listen at {addr}: is the port in use? Its *_ADDR variable names another",
                self.name
            )
        })?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    }

    /// Runs a task until the service stops: after the servers have drained, the token is cancelled and the task ends.
    pub fn background<F, Fut>(&self, name: &'static str, task: F)
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.run_among(&self.background, name, task);
    }

    fn run_among<F, Fut>(&self, tasks: &Tasks, name: &'static str, task: F)
    where
        F: FnOnce(CancellationToken) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let future = task(tasks.stop.clone());
        let stop = tasks.stop.clone();
        // What served a request may end with the last of them.
        let stopping = self.servers.stop.clone();
        let alive = self.health.register(name);
        alive.set(true);
        let span = tracing::info_span!("background", service = self.name, task = name);
        tasks.tracker.spawn(
            async move {
                let ended = tokio::spawn(future.in_current_span()).await;
                if !stop.is_cancelled() && !stopping.is_cancelled() {
                    // Not ready any more: whoever runs us restarts us.
                    alive.set(false);
                    tracing::error!(
                        task = name,
                        panicked = ended.is_err(),
                        "a background task ended"
                    );
                }
            }
            .instrument(span),
        );
    }

    /// Publishes the outbox of this database, and watches the database and the bus for readiness.
    pub fn relay(&self, pool: PgPool, bus: Arc<Bus>) {
        self.watch(pool.clone(), bus.clone());
        self.run_among(&self.relays, "relay", async move |stop| {
            relay::run(pool, bus, stop).await;
        });
    }

    /// Feeds a queue to its handler.
    pub fn consume(
        &self,
        queue: Queue,
        pool: PgPool,
        bus: Arc<Bus>,
        handler: Arc<dyn EventHandler>,
    ) {
        let check = self.health.register(&format!("consumer {}", queue.name));
        self.background(queue.name, async move |stop| {
            consumer::run(queue, pool, bus, handler, check, stop).await;
        });
    }

    /// Tells a listener of all events of these types. The service is ready also while it hears of none.
    pub fn listen(
        &self,
        name: &'static str,
        kinds: &'static [&'static str],
        bus: Arc<Bus>,
        listener: Arc<dyn EventListener>,
    ) {
        self.background(name, async move |stop| {
            listener::run(kinds, bus, listener, stop).await;
        });
    }

    /// Reads a stream to its reader. The service is ready also while it cannot be read.
    pub fn read(&self, stream: Stream, start: Start, bus: Arc<Bus>, reader: Arc<dyn StreamReader>) {
        self.background(stream.name, async move |stop| {
            stream::run(stream, start, bus, reader, stop).await;
        });
    }

    /// Cancelled when the service begins to stop: for answers without end, which end then.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.servers.stop.clone()
    }

    /// Ready only while PostgreSQL and RabbitMQ are; also sends logged errors to the bus.
    pub fn watch(&self, pool: PgPool, bus: Arc<Bus>) {
        let postgres = self.health.register("postgres");
        let rabbitmq = self.health.register("rabbitmq");
        let reporter = bus.clone();
        self.background("error-reports", async move |stop| {
            telemetry::forward_errors(reporter, stop).await;
        });
        self.background("watch", async move |stop| {
            loop {
                let ping = sqlx::query("select 1").execute(&pool);
                let answered = tokio::time::timeout(Duration::from_secs(2), ping).await;
                postgres.set(matches!(answered, Ok(Ok(_))));
                rabbitmq.set(bus.ready());
                // More often while somebody waits for it.
                let pause = if rabbitmq.holds() { 500 } else { 50 };
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                    () = stop.cancelled() => return,
                }
            }
        });
    }

    /// Stops in order: no new requests, those in flight end, then the background tasks, then what publishes the events of
    /// all of them.
    pub async fn stop(self) {
        let drained = self.servers.end(DRAIN + Duration::from_secs(1)).await;
        let ended = self.background.end(WIND_DOWN).await & self.relays.end(WIND_DOWN).await;
        if drained && ended {
            tracing::info!(service = self.name, "stopped");
        } else {
            tracing::warn!(
                service = self.name,
                drained,
                ended,
                "stopped, but not all had ended"
            );
        }
    }
}

/// Resolves when the process is asked to stop (SIGTERM, or Ctrl-C).
///
/// # Errors
/// When the signals cannot be listened for.
pub async fn stop_requested() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

#[derive(Parser)]
struct Cli<O: Subcommand> {
    #[command(subcommand)]
    command: Option<Command<O>>,
}

#[derive(Subcommand)]
enum Command<O: Subcommand> {
    /// Run the service (the default)
    Serve,
    /// Bring the database up to date, and end
    Migrate,
    #[command(flatten)]
    Own(O),
}

/// What a service has beside `serve` and `migrate`: nothing.
#[derive(Subcommand)]
enum NoCommands {}

/// The `main` of a service's own binary.
pub fn run<C: clap::Parser>(
    name: &'static str,
    migrate: impl AsyncFnOnce(&C) -> anyhow::Result<()>,
    start: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
) -> ExitCode {
    run_with(
        name,
        migrate,
        start,
        async |none: NoCommands, _| match none {},
    )
}

/// The same, of a service with commands of its own.
pub fn run_with<C: clap::Parser, O: Subcommand>(
    name: &'static str,
    migrate: impl AsyncFnOnce(&C) -> anyhow::Result<()>,
    start: impl AsyncFnOnce(C) -> anyhow::Result<Service>,
    own: impl AsyncFnOnce(O, C) -> anyhow::Result<()>,
) -> ExitCode {
    let command = Cli::<O>::command()
        .name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(config::help(&config::describe::<C>()));
    let cli = match Cli::<O>::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    telemetry::init();
    let result = runtime().and_then(|runtime| {
        runtime.block_on(async {
            let config = config::from_env::<C>()?;
            match cli.command.unwrap_or(Command::Serve) {
                Command::Migrate => migrate(&config).await,
                Command::Serve => {
                    let service = start(config).await?;
                    stop_requested().await?;
                    service.stop().await;
                    Ok(())
                }
                Command::Own(command) => own(command, config).await,
            }
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(service = name, "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?)
}
