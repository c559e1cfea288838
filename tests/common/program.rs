//! `easyorder` as a child process, with a shop's databases, ports and queues.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use chassis::config::Secret;
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{
    Shop,
    shop::{ADMIN_EMAIL, ADMIN_PASSWORD, PATIENCE, SERVICES_SECRET},
    until,
};

/// How to run it.
pub struct Program {
    variables: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

impl Program {
    /// In this shop's place.
    pub fn of(shop: &Shop) -> Self {
        let configs = &shop.configs;
        let secret = |secret: &Secret| secret.expose().to_owned();
        let variables = vec![
            ("GATEWAY_HTTP_ADDR", configs.gateway.http_addr.to_string()),
            ("IDENTITY_HTTP_ADDR", configs.identity.http_addr.to_string()),
            ("IDENTITY_GRPC_ADDR", configs.identity.grpc_addr.to_string()),
            (
                "IDENTITY_DATABASE_URL",
                secret(&configs.identity.database_url),
            ),
            (
                "IDENTITY_DATABASE_POOL",
                configs.identity.database_pool.to_string(),
            ),
            (
                "INVENTORY_HTTP_ADDR",
                configs.inventory.http_addr.to_string(),
            ),
            (
                "INVENTORY_GRPC_ADDR",
                configs.inventory.grpc_addr.to_string(),
            ),
            (
                "INVENTORY_DATABASE_URL",
                secret(&configs.inventory.database_url),
            ),
            (
                "INVENTORY_DATABASE_POOL",
                configs.inventory.database_pool.to_string(),
            ),
            ("ORDER_HTTP_ADDR", configs.order.http_addr.to_string()),
            ("ORDER_GRPC_ADDR", configs.order.grpc_addr.to_string()),
            ("ORDER_DATABASE_URL", secret(&configs.order.database_url)),
            (
                "ORDER_DATABASE_POOL",
                configs.order.database_pool.to_string(),
            ),
            ("WORKER_HTTP_ADDR", configs.worker.http_addr.to_string()),
            ("WORKER_DATABASE_URL", secret(&configs.worker.database_url)),
            (
                "WORKER_DATABASE_POOL",
                configs.worker.database_pool.to_string(),
            ),
            (
                "MAIL_DIR",
                configs.worker.mail.mail_dir.display().to_string(),
            ),
            ("AMQP_URL", secret(&configs.order.amqp.amqp_url)),
            ("AMQP_NAMESPACE", configs.order.amqp.amqp_namespace.clone()),
            (
                "IDENTITY_GRPC_URL",
                format!("http://{}", configs.identity.grpc_addr),
            ),
            ("SERVICES_SECRET", SERVICES_SECRET.to_owned()),
            ("ADMIN_EMAIL", ADMIN_EMAIL.to_owned()),
            ("ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
        ];
        Self {
            variables,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Sets a variable, or changes it.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
        self
    }

    /// A file in a folder that goes with the value.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Begins to run it; what it says goes into a file.
    pub fn run(&self, arguments: &[&str]) -> Process {
        let output = self.file(&format!("{}.log", uuid::Uuid::now_v7()));
        let file = File::create(&output).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_easyorder"))
            .args(arguments)
            .envs(self.variables.iter().cloned())
            // Open as long as the child is: a part of the program ends with it.
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            // A test that fails leaves none behind.
            .kill_on_drop(true)
            .spawn()
            .expect("the program");
        Process { child, output }
    }

    /// Runs all services, and waits until they are ready.
    pub async fn serve(&self, shop: &Shop) -> Process {
        let mut process = self.run(&["serve"]);
        let gateway = shop.visitor();
        until("the system is ready", async || {
            process.assert_running();
            let request = gateway.request(reqwest::Method::GET, "/health/ready");
            let answer = crate::common::Client::try_send(request).await;
            answer.is_some_and(|answer| answer.status == 200)
        })
        .await;
        process
    }

    /// Plays a file of sales against the shop, this many orders at a time.
    pub fn replay(&self, shop: &Shop, sales: &str, concurrency: u32, options: &[&str]) -> Replay {
        let report = self.file(&format!("{}.json", uuid::Uuid::now_v7()));
        let (concurrency, path) = (concurrency.to_string(), report.display().to_string());
        let mut arguments = vec!["replay", sales, "--gateway", &shop.url];
        arguments.extend(["--concurrency", &concurrency, "--report", &path]);
        arguments.extend(options);
        Replay {
            process: self.run(&arguments),
            report,
        }
    }
}

/// It runs until it ends or the value goes.
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// What it said so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output)
            .expect("its output; does the program's folder still exist?")
    }

    pub fn assert_running(&mut self) {
        let ended = self.child.try_wait().expect("a child");
        assert!(
            ended.is_none(),
            "it has ended: {ended:?}\n{}",
            self.output()
        );
    }

    pub fn id(&self) -> u32 {
        self.child.id().expect("a running process")
    }

    /// Waits for its end.
    pub async fn end(&mut self) -> ExitStatus {
        match timeout(PATIENCE * 2, self.child.wait()).await {
            Ok(status) => status.expect("a child"),
            Err(_) => panic!("it does not end:\n{}", self.output()),
        }
    }

    /// Asks it to stop, as a process manager does (SIGTERM).
    pub async fn ask_to_stop(&self) {
        let id = self.id();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -TERM {id}")])
            .status()
            .await
            .expect("a shell");
        assert!(sent.success());
    }

    /// Ends it as a power cut would (SIGKILL).
    pub async fn kill(mut self) {
        self.assert_running();
        self.child.kill().await.expect("a child");
    }
}

/// A replay that is under way.
pub struct Replay {
    pub process: Process,
    report: PathBuf,
}

impl Replay {
    /// The report, in which every row is accounted for.
    pub async fn report(mut self) -> Report {
        let status = self.process.end().await;
        assert!(status.success(), "{status}\n{}", self.process.output());
        let report = fs::read(&self.report).expect("a report");
        let report = Report(serde_json::from_slice(&report).expect("JSON"));
        assert_eq!(report.0["problems"], serde_json::json!([]));
        let parts = [
            "sold",
            "returned",
            "unmatched",
            "no_sale",
            "unparsed",
            "refused",
            "beyond_limit",
            "failed",
        ];
        let accounted: i64 = parts.iter().map(|part| report.rows(part)).sum();
        assert_eq!(accounted, report.rows("read"), "{:#}", report.0["rows"]);
        assert_eq!(report.0["read_models"]["difference"], 0);
        assert_eq!(report.0["credit_notes"]["read_models"]["difference"], 0);
        for day in report.0["days"].as_array().expect("days") {
            assert_eq!(day["net"], day["net_file"], "{day:#}");
        }
        report
    }
}

/// What a replay has to say.
pub struct Report(pub Value);

impl Report {
    pub fn rows(&self, part: &str) -> i64 {
        self.0["rows"][part].as_i64().expect(part)
    }

    pub fn orders(&self, part: &str) -> i64 {
        self.0["orders"][part].as_i64().expect(part)
    }

    pub fn returns(&self, part: &str) -> i64 {
        self.0["credit_notes"]["returns"][part]
            .as_i64()
            .expect(part)
    }
}
