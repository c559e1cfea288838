//! `easyorder certs`: certificates for mutual TLS between the services, of an authority of one's own.

use std::{
    fs::{self, Permissions},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use chassis::tls::{self, Tls};
use chrono::{DateTime, Datelike as _, Days, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tempfile::{NamedTempFile, TempDir};

use crate::say;

/// Who gets one of their own.
const SERVICES: [&str; 5] = [
    "identity-svc",
    "inventory-svc",
    "order-svc",
    "worker",
    "gateway",
];
/// All services in one process, and whoever operates them.
const ALL: &str = "easyorder";
const AUTHORITY: &str = "EasyOrder development authority";
/// Life of the authority, in days.
const AUTHORITY_LIFE: u64 = 3_653;
/// Life of a service's certificate, in days.
const LIFE: u64 = 365;

/// Makes or renews them, and says what was written and what to set.
///
/// # Errors
/// When the directory cannot be written to, or its authority cannot be used.
pub fn run(directory: &Path) -> anyhow::Result<()> {
    let directory = std::path::absolute(directory)?;
    let made = write(&directory, Utc::now())?;
    let path = |name: &str| directory.join(name).display().to_string();
    say(format_args!("In {}:", directory.display()));
    if made {
        say(format_args!(
            "  ca.pem, ca.key   a new authority; no service needs ca.key: keep it away from them"
        ));
    } else {
        say(format_args!("  ca.pem, ca.key   the authority, as it was"));
    }
    for name in SERVICES.iter().chain([&ALL]) {
        let files = format!("{name}.pem, {name}.key");
        say(format_args!("  {files:<38} new, for {LIFE} days"));
    }
    say(format_args!(
        "\nFor all services in one process, and for `easyorder audit`, set"
    ));
    say(format_args!("  GRPC_TLS_CERT={}", path("easyorder.pem")));
    say(format_args!("  GRPC_TLS_KEY={}", path("easyorder.key")));
    say(format_args!("  GRPC_TLS_CA={}", path("ca.pem")));
    say(format_args!(
        "\nA service in a process of its own has its own certificate and key there. Whatever calls another service by an address \
         that is set, IDENTITY_GRPC_URL, INVENTORY_GRPC_URL or ORDER_GRPC_URL, needs https:// in it. Services that run take \
         renewed files by themselves."
    ));
    Ok(())
}

/// True if the authority is new, too.
fn write(directory: &Path, now: DateTime<Utc>) -> anyhow::Result<bool> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    let (certificate, key) = (directory.join("ca.pem"), directory.join("ca.key"));
    let made = match (certificate.exists(), key.exists()) {
        (true, true) => false,
        (false, false) => {
            make_authority(&certificate, &key, now)?;
            true
        }
        (true, false) | (false, true) => bail!(
            "{} has only one of ca.pem and ca.key: without the other no certificate can be made, and a new authority would \
             not be known to the services",
            directory.display()
        ),
    };
    let authority = Issuer::from_ca_cert_pem(
        &fs::read_to_string(&certificate)?,
        KeyPair::from_pem(&fs::read_to_string(&key)?).context("ca.key")?,
    )
    .context("ca.pem")?;
    // All are made before the first takes an old one's place.
    let draft = TempDir::new_in(directory)?;
    for name in SERVICES {
        issue(&draft, name, &[name], &authority, now)?;
    }
    let mut names = SERVICES.to_vec();
    names.push(ALL);
    issue(&draft, ALL, &names, &authority, now)?;
    for name in &names {
        check(&draft, name, &certificate)?;
    }
    for name in names {
        for file in [format!("{name}.key"), format!("{name}.pem")] {
            fs::rename(draft.path().join(&file), directory.join(file))?;
        }
    }
    Ok(made)
}

fn make_authority(certificate: &Path, key: &Path, now: DateTime<Utc>) -> anyhow::Result<()> {
    let pair = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, now, AUTHORITY_LIFE)?;
    // The key first: a certificate without it would be of no use.
    put(key, &pair.serialize_pem(), 0o600)?;
    put(certificate, &params.self_signed(&pair)?.pem(), 0o644)
}

/// A certificate for both sides of a connection, where the service is reached by one of the names or on this machine.
fn issue(
    folder: &TempDir,
    name: &str,
    names: &[&str],
    authority: &Issuer<'_, KeyPair>,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let pair = KeyPair::generate()?;
    let mut params = CertificateParams::new(
        names
            .iter()
            .chain(&["localhost"])
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    )?;
    params.subject_alt_names.extend([
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    set_life(&mut params, now, LIFE)?;
    let file = |end: &str| folder.path().join(format!("{name}.{end}"));
    put(&file("key"), &pair.serialize_pem(), 0o600)?;
    put(
        &file("pem"),
        &params.signed_by(&pair, authority)?.pem(),
        0o644,
    )
}

/// From yesterday, for clocks that are behind.
fn set_life(params: &mut CertificateParams, now: DateTime<Utc>, days: u64) -> anyhow::Result<()> {
    let date = |date: Option<DateTime<Utc>>| {
        let date = date.context("a date out of range")?.date_naive();
        let (month, day) = (u8::try_from(date.month())?, u8::try_from(date.day())?);
        anyhow::Ok(rcgen::date_time_ymd(date.year(), month, day))
    };
    params.not_before = date(now.checked_sub_days(Days::new(1)))?;
    params.not_after = date(now.checked_add_days(Days::new(days)))?;
    Ok(())
}

/// As the services will: an authority whose key is not its own is found here.
fn check(folder: &TempDir, name: &str, authority: &Path) -> anyhow::Result<()> {
    let file = |end: &str| Some(folder.path().join(format!("{name}.{end}")));
    let config = tls::Config {
        grpc_tls_cert: file("pem"),
        grpc_tls_key: file("key"),
        grpc_tls_ca: Some(PathBuf::from(authority)),
        ..tls::Config::default()
    };
    Tls::load(&config)
        .with_context(|| format!("{} and ca.key do not belong together", authority.display()))?;
    Ok(())
}

/// A new file, whole from the moment it is there.
fn put(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    let file = NamedTempFile::new_in(folder)?;
    fs::write(file.path(), text)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))?;
    file.persist_noclobber(path)
        .with_context(|| path.display().to_string())?;
    Ok(())
}
