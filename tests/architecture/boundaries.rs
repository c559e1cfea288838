//! Which crate may depend on which.

use std::fs;

use crate::source::{files, sources, workspace};

/// What is deployed by itself. The root package, which starts them all, is no service.
const SERVICES: [&str; 5] = [
    "order-svc",
    "inventory-svc",
    "identity-svc",
    "worker",
    "gateway",
];

/// The names under any kind of dependencies, whatever form they are written in.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            // [dependencies], [dev-dependencies], [target.'cfg(unix)'.dependencies], [dependencies.x]
            let (before, after) = section.split_once("dependencies").unwrap_or((section, ""));
            inside = section != before && after.is_empty();
            found.extend(after.strip_prefix('.').map(str::to_owned));
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            found.push(name.trim_matches('"').to_owned());
            // Under another name.
            if let Some((_, package)) = line.split_once("package = \"") {
                found.extend(package.split('"').next().map(str::to_owned));
            }
        }
    }
    found
}

fn forbidden(crate_name: &str, manifest: &str) -> Vec<String> {
    dependencies(manifest)
        .into_iter()
        .filter(|name| name != crate_name && SERVICES.contains(&name.as_str()))
        .map(|name| {
            format!(
                "{crate_name}/Cargo.toml: depends on {name}. Services meet by gRPC and events alone; what both need \
                 belongs into proto (contracts) or chassis (techniques)"
            )
        })
        .collect()
}

fn manifest(crate_name: &str) -> String {
    fs::read_to_string(workspace().join(crate_name).join("Cargo.toml")).expect("a crate")
}

#[test]
fn services_depend_on_no_service() {
    let broken: Vec<String> = SERVICES
        .into_iter()
        .chain(["chassis", "proto"])
        .flat_map(|crate_name| forbidden(crate_name, &manifest(crate_name)))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn these_are_all_the_services() {
    let root = manifest(".");
    let members = root
        .lines()
        .find(|line| line.starts_with("members"))
        .expect("a workspace");
    let mut listed: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    listed.retain(|member| !["chassis", "proto"].contains(member));
    listed.sort_unstable();
    let mut known = SERVICES;
    known.sort_unstable();
    assert_eq!(
        listed, known,
        "a new member of the workspace: let the rules know it"
    );
}

#[test]
fn proto_and_chassis_stand_below_all_services() {
    assert!(
        !dependencies(&manifest("proto")).contains(&"chassis".to_owned()),
        "proto is plain contracts"
    );
    for crate_name in ["proto", "chassis"] {
        for source in sources(&format!("{crate_name}/src")) {
            for service in SERVICES {
                let path = format!("{}::", service.replace('-', "_"));
                let named = source.names.iter().find(|name| name.starts_with(&path));
                assert_eq!(named, None, "{}: names a service", source.path);
            }
        }
    }
}

#[test]
fn protocols_are_declared_in_proto_alone() {
    let elsewhere: Vec<String> = SERVICES
        .into_iter()
        .chain(["chassis", "src"])
        .flat_map(|folder| files(folder, "proto"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        elsewhere,
        Vec::<String>::new(),
        "a .proto file belongs into proto/proto, where both sides find it"
    );
}

#[test]
fn a_dependency_on_another_service_is_caught() {
    for bad in [
        "[dependencies]\norder-svc.workspace = true",
        "[dependencies]\nserde = \"1\"\norder-svc = { path = \"../order-svc\" }",
        "[dev-dependencies]\n\"order-svc\" = \"0.1\"",
        "[dependencies.order-svc]\npath = \"../order-svc\"",
        "[target.'cfg(unix)'.dependencies]\nother = { package = \"order-svc\", path = \"..\" }",
    ] {
        let broken = forbidden("inventory-svc", bad);
        assert_eq!(broken.len(), 1, "{bad}: {broken:?}");
        assert!(
            broken[0].contains("inventory-svc/Cargo.toml: depends on order-svc"),
            "{broken:?}"
        );
    }
    let good = "[package]\nname = \"order-svc\"\n[dependencies]\n# order-svc = \"1\"\nserde = \"1\"\n[lints]\nworker = true";
    assert_eq!(forbidden("inventory-svc", good), Vec::<String>::new());
}
