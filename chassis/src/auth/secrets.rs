//! How our own services prove to identity-svc who they are: each has a secret that is derived from one that the system has.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;

use crate::config::Secret;

/// Fewer characters could be guessed.
const MIN_CHARACTERS: usize = 32;

/// Where the system's secret is.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Config {
    /// The system's secret, 32 characters or more: from it derives what each service proves itself with to identity-svc
    #[arg(
        long,
        env = "SERVICES_SECRET",
        value_name = "SERVICES_SECRET",
        hide_env_values = true
    )]
    pub services_secret: Option<Secret>,
    /// File with that secret, where SERVICES_SECRET is not set; it is made if it is missing
    #[arg(
        long,
        env = "SERVICES_SECRET_FILE",
        value_name = "SERVICES_SECRET_FILE",
        default_value = "var/services-secret"
    )]
    pub services_secret_file: PathBuf,
}

/// The system's secret.
#[derive(Debug, Clone)]
pub struct SystemSecret(Secret);

impl Config {
    /// Reads the secret. On a machine that has none yet it makes one, for the services on this machine to share.
    ///
    /// # Errors
    /// When it is too short, or the file can be neither read nor made; names the variable.
    pub fn load(&self) -> anyhow::Result<SystemSecret> {
        let given = self.services_secret.as_ref().map(Secret::expose);
        let (variable, text) = match given.filter(|text| !text.is_empty()) {
            Some(text) => ("SERVICES_SECRET", text.to_owned()),
            None => {
                let path = &self.services_secret_file;
                let text = read_or_make(path).with_context(|| {
                    format!(
                        "bad configuration: SERVICES_SECRET_FILE: {}",
                        path.display()
                    )
                })?;
                ("SERVICES_SECRET_FILE", text)
            }
        };
        let secret = text.trim();
        ensure!(
            secret.chars().count() >= MIN_CHARACTERS,
            "bad configuration: {variable}: the secret must be at least {MIN_CHARACTERS} characters long"
        );
        Ok(SystemSecret(Secret::from(secret)))
    }
}

impl SystemSecret {
    /// What the service of this name proves itself with; it tells nothing of the secrets of others.
    #[must_use]
    pub fn of(&self, service: &str) -> Secret {
        // The key may have any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes())
            .unwrap_or_else(|_| Hmac::new(&[0; 64].into()));
        mac.update(b"easyorder service\0");
        mac.update(service.as_bytes());
        Secret::from(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

/// The file's text. Of several processes that make it at once, one's secret stays and all get it.
fn read_or_make(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        read => return Ok(read?),
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".secret-{}", Uuid::now_v7()));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?
        .write_all(
            URL_SAFE_NO_PAD
                .encode(rand::random::<[u8; 32]>())
                .as_bytes(),
        )?;
    // It appears whole or not at all, and never in place of another.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(fs::read_to_string(path)?),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn config(secret: Option<&str>, file: PathBuf) -> Config {
        Config {
            services_secret: secret.map(Secret::from),
            services_secret_file: file,
        }
    }

    #[test]
    fn a_machine_without_a_secret_gets_one_that_all_share() {
        let folder = std::env::temp_dir().join(Uuid::now_v7().to_string());
        let file = folder.join("var/services-secret");
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| config(None, file.clone()).load().unwrap()))
                .collect();
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap().of("a").expose().to_owned())
                .collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn each_service_has_a_secret_of_its_own() {
        let nowhere = PathBuf::from("/nowhere/at/all");
        let system = config(Some(&"x".repeat(32)), nowhere.clone());
        let system = system.load().unwrap();
        assert_ne!(system.of("a").expose(), system.of("b").expose());
        assert_eq!(system.of("a").expose(), system.of("a").expose());
        assert!(!format!("{system:?}").contains("xx"));

        let short = config(Some("short"), nowhere).load().unwrap_err();
        assert!(short.to_string().contains("SERVICES_SECRET:"), "{short}");
    }
}
