use std::path::PathBuf;

use anyhow::Context as _;
use async_trait::async_trait;
use tokio::fs;
use uuid::Uuid;

use super::{Letter, Mailer};
use crate::queue::permanent;

/// Writes each letter to a file of its own, named by its key: sent twice, it is still one file.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

#[async_trait]
impl Mailer for Folder {
    async fn send(&self, letter: Letter) -> anyhow::Result<()> {
        let name = letter
            .key
            .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ".");
        let message = letter.message().map_err(permanent)?;
        let write = async {
            fs::create_dir_all(&self.0).await?;
            // Whoever reads the folder never sees half a mail.
            let draft = self.0.join(format!(".{}.tmp", Uuid::now_v7()));
            fs::write(&draft, message.formatted()).await?;
            fs::rename(&draft, self.0.join(format!("{name}.eml"))).await
        };
        write
            .await
            .with_context(|| format!("writing to the mail folder {}", self.0.display()))
    }
}
