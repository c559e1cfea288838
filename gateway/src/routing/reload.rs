//! The file, and the moments when it says something else.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, anyhow};
use tokio_util::sync::CancellationToken;

use super::{BUILT_IN, Table};
use crate::config::Config;

/// How often the file is looked at. Its content, not its time: a mounted ConfigMap changes by way of links, and some
/// file systems tell nobody.
const LOOK: Duration = Duration::from_millis(250);

/// Where the table comes from.
pub(crate) struct Source {
    config: Config,
    file: Option<PathBuf>,
    /// As it was last read, taken or not.
    text: String,
}

impl Source {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// When the file cannot be read, or is refused.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<(Self, Table)> {
        let file = config.gateway_config.clone();
        let text = match &file {
            None => BUILT_IN.to_owned(),
            Some(path) => tokio::fs::read_to_string(path)
                .await
                .with_context(|| format!("GATEWAY_CONFIG: cannot read {}", path.display()))?,
        };
        let table = Table::parse(&text, config).map_err(|refusal| match &file {
            None => anyhow!("gateway.toml, {refusal}"),
            Some(path) => anyhow!("GATEWAY_CONFIG: {}, {refusal}", path.display()),
        })?;
        let source = Self {
            config: config.clone(),
            file,
            text,
        };
        Ok((source, table))
    }

    /// The next table; None when it is time to stop. A file that is refused changes nothing.
    pub(crate) async fn changed(&mut self, stop: &CancellationToken) -> Option<Table> {
        let Some(path) = &self.file else {
            stop.cancelled().await;
            return None;
        };
        let mut seen = self.text.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return None,
            }
            // While an editor replaces it, it may be away.
            let Ok(text) = tokio::fs::read_to_string(path).await else {
                continue;
            };
            // What is still being written may be without its end, and yet no mistake.
            let is_whole = std::mem::replace(&mut seen, text.clone()) == text;
            if text == self.text || !is_whole {
                continue;
            }
            self.text = text;
            match Table::parse(&self.text, &self.config) {
                Ok(table) => {
                    tracing::info!(file = %path.display(), "it has changed, and holds from now on");
                    return Some(table);
                }
                Err(refusal) => {
                    tracing::error!(file = %path.display(), %refusal, "refused; the one before it holds on");
                }
            }
        }
    }
}
