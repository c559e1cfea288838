use std::fs;

use chrono::Utc;
use clap::Parser as _;
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

use super::pki::{Authority, Folder};
use crate::tls::{Config, Tls};

#[derive(clap::Parser)]
struct Parsed {
    #[command(flatten)]
    tls: Config,
}

/// What is said of the configuration when it is refused.
fn refusal(config: &Config) -> String {
    format!("{:#}", Tls::load(config).err().unwrap())
}

#[test]
fn tls_is_off_unless_it_is_asked_for() {
    let unset = ["x"].as_slice();
    let empty = &["x", "--grpc-tls-cert=", "--grpc-tls-key=", "--grpc-tls-ca="];
    for arguments in [unset, empty] {
        let config = Parsed::parse_from(arguments).tls;
        assert!(Tls::load(&config).unwrap().is_none());
        assert_eq!(config.scheme(), "http");
    }
}

#[test]
fn one_variable_needs_the_others() {
    let whole = Folder::of(&Authority::new()).config();
    assert_eq!(whole.scheme(), "https");
    let mut without = [whole.clone(), whole.clone(), whole];
    without[0].grpc_tls_cert = None;
    without[1].grpc_tls_key = Some("".into());
    without[2].grpc_tls_ca = None;
    for (config, missing) in without.iter().zip(["CERT", "KEY", "CA"]) {
        let refusal = refusal(config);
        let expected = format!("GRPC_TLS_{missing} is not");
        assert!(refusal.contains(&expected), "{refusal}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_variable() {
    let authority = Authority::new();
    for (file, variable) in [
        ("cert.pem", "GRPC_TLS_CERT"),
        ("key.pem", "GRPC_TLS_KEY"),
        ("ca.pem", "GRPC_TLS_CA"),
    ] {
        let folder = Folder::of(&authority);
        let path = folder.path(file);
        let whole = fs::read_to_string(&path).unwrap();
        // The secret of a broken file must not come out.
        let spoilt = whole.replace("-----\n", "-----hunter2");
        for content in [Some(""), Some("hunter2"), Some(spoilt.as_str()), None] {
            match content {
                Some(content) => folder.put(file, content),
                None => fs::remove_file(&path).unwrap(),
            }
            let refusal = refusal(&folder.config());
            let named = format!("{variable} ({})", path.display());
            assert!(refusal.contains(&named), "{content:?}: {refusal}");
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }
}

#[test]
fn certificate_and_key_belong_together() {
    let authority = Authority::new();
    let folder = Folder::of(&authority);
    folder.put("key.pem", &authority.issue().key);
    let refusal = refusal(&folder.config());
    assert!(refusal.contains("is not the key of"), "{refusal}");
}

#[test]
fn a_certificate_that_no_other_service_would_accept_is_refused() {
    let authority = Authority::new();
    for (what, pair) in [
        ("of another authority", Authority::new().issue()),
        ("expired", authority.issue_expired()),
        (
            "of tomorrow",
            authority.issue_with(|params| params.not_before = date_time_ymd(2100, 1, 1)),
        ),
        (
            "for servers alone",
            authority.issue_with(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
        ),
        (
            "for clients alone",
            authority.issue_with(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }),
        ),
    ] {
        let folder = Folder::of(&authority);
        folder.put_pair(&pair);
        let refusal = refusal(&folder.config());
        assert!(refusal.contains("GRPC_TLS_CERT"), "{what}: {refusal}");
        assert!(refusal.contains("would accept it"), "{what}: {refusal}");
    }
}

#[test]
fn it_is_known_until_when_a_certificate_is_accepted() {
    let authority = Authority::new();
    let folder = Folder::of(&authority);
    folder.put_pair(&authority.issue_with(|params| params.not_after = date_time_ymd(2100, 1, 1)));
    let loaded = folder.load().current.load_full();
    assert!(loaded.accepted_until > Utc::now().timestamp().unsigned_abs());
    assert_eq!(loaded.expires_at(), "2100-01-01T00:00:00+00:00");
}
