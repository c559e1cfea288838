//! The gateway's competitor.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::bench::{cores, cpu::Part, server::free_addrs};

/// It reads a short file.
const READY: Duration = Duration::from_secs(10);

/// nginx before a service, until the end of the value.
pub struct Nginx {
    pub addr: SocketAddr,
    /// A single one.
    pub process: (Part, u32),
    _child: Child,
    _dir: TempDir,
}

/// How much it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It passes requests on, and nothing else.
    Nothing,
    /// About what our gateway does: it counts callers, bounds times and sizes, tries again, says where a request comes from and
    /// which one it is, tells browsers what they may do, and writes a line for each.
    Everything,
}

/// Where it is; the folder of an administrator's programs is in few people's PATH.
pub async fn find() -> Option<PathBuf> {
    for path in ["nginx", "/usr/sbin/nginx"] {
        let asking = Command::new(path)
            .arg("-v")
            .stderr(Stdio::null())
            .status()
            .await;
        if asking.is_ok_and(|status| status.success()) {
            return Some(path.into());
        }
    }
    None
}

impl Nginx {
    /// Starts it before the service and waits until it listens.
    pub async fn start(
        program: &Path,
        cores: Option<&str>,
        service: SocketAddr,
        does: Does,
    ) -> anyhow::Result<Self> {
        let [addr] = free_addrs()?;
        let dir = TempDir::with_prefix("easyorder-bench-nginx-")?;
        let (file, log) = (dir.path().join("nginx.conf"), dir.path().join("error.log"));
        fs::write(&file, configuration(addr, service, does))?;
        let mut child = cores::command(cores, program)
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(&log)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start nginx")?;
        let pid = child.id().context("nginx has ended")?;
        let listening = async {
            while TcpStream::connect(addr).await.is_err() {
                if let Some(status) = child.try_wait()? {
                    let words = fs::read_to_string(&log).unwrap_or_default();
                    bail!("nginx has ended ({status}):\n{words}");
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        tokio::time::timeout(READY, listening)
            .await
            .context("nginx does not listen in time")??;
        Ok(Self {
            addr,
            process: (Part::Nginx, pid),
            _child: child,
            _dir: dir,
        })
    }
}

/// One process, which is the one that was started: a worker of its own would outlive its killed master.
fn configuration(addr: SocketAddr, service: SocketAddr, does: Does) -> String {
    let (http, location) = match does {
        Does::Nothing => ("access_log off;".to_owned(), ""),
        Does::Everything => (EVERYTHING.to_owned(), EVERYTHING_OF_A_ROUTE),
    };
    format!(
        r#"daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 1000000000;
  {http}
  upstream service {{
    server {service} max_conns=256;
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {addr} backlog=4096;
    location / {{
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      {location}
    }}
  }}
}}
"#
    )
}

const EVERYTHING: &str = r#"
  limit_req_zone $binary_remote_addr zone=standard:10m rate=1000000r/s;
  log_format line '$time_iso8601 client=$remote_addr method=$request_method path=$uri version=$server_protocol '
                  'status=$status bytes=$bytes_sent seconds=$request_time agent="$http_user_agent" id=$request_id';
  access_log access.log line;
  gzip on; gzip_min_length 1024; gzip_types application/json; gzip_proxied any;
"#;

const EVERYTHING_OF_A_ROUTE: &str = r#"
      limit_req zone=standard burst=100000 nodelay;
      client_max_body_size 2m; client_body_timeout 10s;
      proxy_connect_timeout 2s; proxy_read_timeout 30s;
      proxy_next_upstream error timeout http_503; proxy_next_upstream_tries 3;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header Traceparent "00-$request_id-0123456789abcdef-01";
      proxy_set_header X-Request-Timeout-Ms 30000;
      add_header X-Request-Id $request_id always;
      add_header X-Content-Type-Options nosniff always;
      add_header Referrer-Policy no-referrer always;
      add_header X-Frame-Options DENY always;
      add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'none'" always;
      add_header Cross-Origin-Resource-Policy same-site always;
      add_header Cross-Origin-Opener-Policy same-origin always;
      add_header Cache-Control no-store always;
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_everything_writes_a_line_for_each_request() {
        let [addr, service] = free_addrs().unwrap();
        let nothing = configuration(addr, service, Does::Nothing);
        let everything = configuration(addr, service, Does::Everything);
        assert!(nothing.contains("access_log off;") && !nothing.contains("limit_req"));
        assert!(everything.contains("access_log access.log") && everything.contains("limit_req"));
        for text in [nothing, everything] {
            assert!(text.contains(&format!("listen {addr} ")), "{text}");
            assert!(text.contains(&format!("server {service} ")), "{text}");
        }
    }
}
