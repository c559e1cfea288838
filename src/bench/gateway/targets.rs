//! Whom the same question is asked.

use std::{fs, net::SocketAddr};

use anyhow::Context as _;
use gateway::routing::BUILT_IN;
use tempfile::TempDir;

use super::nginx::{self, Does, Nginx};
use crate::bench::{cpu::Part, server::Server, shop::Open};

/// Straight at the service.
pub const DIRECT: &str = "inventory-svc itself";
/// The gateway as it passes everything on, and nothing else.
pub const GATEWAY: &str = "gateway";
pub const GATEWAY_CACHED: &str = "gateway, cache";
pub const GATEWAY_LIMITED: &str = "gateway, rate limits";
pub const GATEWAY_LOGGED: &str = "gateway, rate limits, access log";
pub const NGINX: &str = "nginx";
pub const NGINX_EQUAL: &str = "nginx, what the gateway does";

/// Someone who answers.
pub struct Target {
    pub name: &'static str,
    pub addr: SocketAddr,
    /// Whose processor time is spent when it answers.
    pub processes: Vec<(Part, u32)>,
    proxy: Option<Proxy>,
}

enum Proxy {
    Gateway(Server),
    Nginx(#[allow(dead_code, reason = "runs as long as it is kept")] Nginx),
}

/// All of them, before the same services; nginx only where there is one. They end with the value, or with [`Targets::stop`].
pub struct Targets {
    pub all: Vec<Target>,
    _files: TempDir,
}

impl Targets {
    pub async fn start(open: &Open, cores: Option<&str>) -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let plain = files.path().join("plain.toml");
        fs::write(&plain, generous(&without_cache(BUILT_IN)?)?)?;
        let cached = files.path().join("cached.toml");
        fs::write(&cached, generous(BUILT_IN)?)?;

        // The shop's own gateway has nothing to do.
        let services = open.processes().into_iter();
        let services: Vec<_> = services
            .filter(|(part, _)| *part != Part::Gateway)
            .collect();
        let and = |proxy| services.iter().copied().chain([proxy]).collect();
        let mut all = vec![Target {
            name: DIRECT,
            addr: open.inventory,
            processes: services.clone(),
            proxy: None,
        }];
        for (name, config, limits, log) in [
            (GATEWAY, &plain, "off", "warn"),
            (GATEWAY_CACHED, &cached, "off", "warn"),
            (GATEWAY_LIMITED, &plain, "on", "warn"),
            (GATEWAY_LOGGED, &plain, "on", "info"),
        ] {
            let variables = vec![
                ("GATEWAY_CONFIG", config.display().to_string()),
                ("RATE_LIMITS", limits.to_owned()),
                ("RUST_LOG", log.to_owned()),
            ];
            let (server, addr) = open.another_gateway(variables).await?;
            all.push(Target {
                name,
                addr,
                processes: and(server.process()),
                proxy: Some(Proxy::Gateway(server)),
            });
        }
        if let Some(program) = nginx::find().await {
            for (name, does) in [(NGINX, Does::Nothing), (NGINX_EQUAL, Does::Everything)] {
                let nginx = Nginx::start(&program, cores, open.inventory, does).await?;
                all.push(Target {
                    name,
                    addr: nginx.addr,
                    processes: and(nginx.process),
                    proxy: Some(Proxy::Nginx(nginx)),
                });
            }
        }
        Ok(Self { all, _files: files })
    }

    pub fn by_name(&self, name: &str) -> anyhow::Result<&Target> {
        let mut all = self.all.iter();
        all.find(|target| target.name == name)
            .context(name.to_owned())
    }

    pub async fn stop(self) {
        for target in self.all {
            if let Some(Proxy::Gateway(server)) = target.proxy {
                server.stop().await;
            }
        }
    }
}

/// The gateway's file, but no product is kept.
fn without_cache(file: &str) -> anyhow::Result<String> {
    change(file, r#""GET /v1/products/{sku}""#, r#", cache = "1s""#, "")
}

/// The gateway's file, with a limit that nobody reaches.
fn generous(file: &str) -> anyhow::Result<String> {
    change(
        file,
        "standard = {",
        "requests = 6000",
        "requests = 4000000000",
    )
}

/// Within the line that begins so.
fn change(file: &str, line: &str, old: &str, new: &str) -> anyhow::Result<String> {
    let found = file.lines().find(|text| text.starts_with(line));
    let found = found
        .filter(|text| text.contains(old))
        .with_context(|| format!("the gateway's file has no `{line} ...{old}`"))?;
    Ok(file.replacen(found, &found.replacen(old, new, 1), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_file_is_changed_in_the_two_lines_alone() {
        let changed = generous(&without_cache(BUILT_IN).unwrap()).unwrap();
        let differ = BUILT_IN
            .lines()
            .zip(changed.lines())
            .filter(|(before, after)| before != after);
        assert_eq!(differ.count(), 2);
        assert!(changed.contains("requests = 4000000000, per"), "{changed}");
        assert!(change(BUILT_IN, "no such line", "", "").is_err());
    }
}
