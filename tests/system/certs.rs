//! `easyorder certs`.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use chassis::tls::{self, Tls};
use tempfile::TempDir;
use tokio::process::Command;

/// Whoever has a certificate.
const NAMES: [&str; 6] = [
    "identity-svc",
    "inventory-svc",
    "order-svc",
    "worker",
    "gateway",
    "easyorder",
];

/// What it wrote, and whether it went well.
async fn run(folder: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_easyorder"))
        .arg("certs")
        .arg(folder)
        .output()
        .await
        .expect("the program");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A folder with certificates of an authority that nobody else has.
pub async fn made() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (well, output) = run(folder.path()).await;
    assert!(well, "{output}");
    folder
}

/// What a service of this name is told of where its certificate is.
pub fn config(folder: &Path, name: &str) -> tls::Config {
    let file = |file: String| Some(folder.join(file));
    tls::Config {
        grpc_tls_cert: file(format!("{name}.pem")),
        grpc_tls_key: file(format!("{name}.key")),
        grpc_tls_ca: file("ca.pem".to_owned()),
        ..tls::Config::default()
    }
}

/// Every file and its content.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let content = fs::read_to_string(&path).unwrap();
            (path, content)
        })
        .collect()
}

#[tokio::test]
async fn it_makes_an_authority_and_a_certificate_for_each_service() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("not/yet/there");
    let (well, output) = run(&folder).await;
    assert!(well, "{output}");
    for variable in ["GRPC_TLS_CERT=", "GRPC_TLS_KEY=", "GRPC_TLS_CA="] {
        let (_, path) = output.split_once(variable).expect(variable);
        assert!(Path::new(path.lines().next().unwrap()).is_file(), "{path}");
    }
    for name in NAMES {
        assert!(Tls::load(&config(&folder, name)).unwrap().is_some());
    }
    let files = contents(&folder);
    assert_eq!(files.len(), 2 * (NAMES.len() + 1), "{:?}", files.keys());
    for (path, content) in files {
        let secret = content.contains("PRIVATE KEY");
        assert_eq!(secret, path.extension().unwrap() == "key");
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if secret { 0o600 } else { 0o644 }, "{path:?}");
    }
}

#[tokio::test]
async fn it_renews_certificates_and_keeps_the_authority() {
    let folder = made().await;
    let before = contents(folder.path());
    let (well, output) = run(folder.path()).await;
    assert!(well, "{output}");
    for (path, content) in contents(folder.path()) {
        let authority = path.file_stem().unwrap() == "ca";
        assert_eq!(content == before[&path], authority, "{path:?}");
    }
    for name in NAMES {
        assert!(Tls::load(&config(folder.path(), name)).unwrap().is_some());
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_leaves_all_as_it_was() {
    let other = made().await;
    for spoil in [
        |folder: &Path, _: &Path| fs::remove_file(folder.join("ca.key")).unwrap(),
        |folder: &Path, _: &Path| fs::remove_file(folder.join("ca.pem")).unwrap(),
        |folder: &Path, _: &Path| fs::write(folder.join("ca.key"), "hunter2").unwrap(),
        |folder: &Path, other: &Path| {
            fs::copy(other.join("ca.key"), folder.join("ca.key")).unwrap();
        },
    ] {
        let folder = made().await;
        spoil(folder.path(), other.path());
        let before = contents(folder.path());
        let (well, output) = run(folder.path()).await;
        assert!(!well && output.contains("ca."), "{output}");
        assert!(!output.contains("hunter2"), "{output}");
        assert_eq!(contents(folder.path()), before);
    }
}
