//! Arrows between crates point one way.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The crates of the workspace, and for each the names of what it depends on outside of tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let normal = |package: &cargo_metadata::Package| {
        package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development).map(|d| d.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), normal(package))).collect()
}

/// Tests and tools may depend on anything.
fn is_product(name: &str) -> bool {
    name.starts_with("naptime") && !["naptime-tests", "naptime-sim", "naptime-bench"].contains(&name)
}

#[test]
fn crates_depend_only_on_those_below() {
    let allowed: BTreeMap<&str, &[&str]> = [
        ("naptime-core", &[][..]),
        ("naptime-charts", &[]),
        ("naptime-store", &["naptime-core"]),
        ("naptime-mongo", &["naptime-core", "naptime-store"]),
        ("naptime-sqlite", &["naptime-core", "naptime-store"]),
        ("naptime-worker", &["naptime-core", "naptime-store"]),
        ("naptime-web", &["naptime-core", "naptime-charts", "naptime-store", "naptime-events", "naptime-alerts"]),
        ("naptime-alerts", &["naptime-core", "naptime-store"]),
        ("naptime-events", &["naptime-core", "naptime-store"]),
        ("naptime-client", &[]),
        (
            "naptime-embed",
            &[
                "naptime-core",
                "naptime-store",
                "naptime-mongo",
                "naptime-sqlite",
                "naptime-worker",
                "naptime-web",
                "naptime-events",
                "naptime-alerts",
            ],
        ),
        ("naptime-prove", &["naptime-core", "naptime-charts", "naptime-store", "naptime-mongo", "naptime-sqlite"]),
        (
            "naptime",
            &[
                "naptime-core",
                "naptime-embed",
                "naptime-store",
                "naptime-mongo",
                "naptime-sqlite",
                "naptime-worker",
                "naptime-web",
                "naptime-events",
                "naptime-alerts",
                "naptime-prove",
                "naptime-client",
            ],
        ),
    ]
    .into();
    for (name, dependencies) in dependencies().iter().filter(|(name, _)| is_product(name)) {
        let ours: Vec<&String> = dependencies.iter().filter(|name| name.starts_with("naptime")).collect();
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} has no place in the layers"));
        for used in ours {
            assert!(allowed.contains(&used.as_str()), "{name} may not depend on {used}");
        }
    }
}

/// `cargo run` takes the one binary of the packages that are built by default, as the README has it.
#[test]
fn plain_cargo_run_starts_naptime() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(root).no_deps().exec().unwrap();
    let targets = metadata.workspace_default_packages().into_iter().flat_map(|package| &package.targets);
    let binaries: Vec<&str> = targets.filter(|target| target.is_bin()).map(|target| target.name.as_str()).collect();
    assert_eq!(binaries, ["naptime"]);
}

#[test]
fn each_outside_thing_has_one_crate() {
    let owners: &[(&str, &[&str])] = &[
        ("mongodb", &["naptime-mongo"]),
        ("bson", &["naptime-mongo"]),
        ("rusqlite", &["naptime-sqlite"]),
        // What makes outbound calls.
        ("h2", &["naptime-worker"]),
        ("tokio-rustls", &["naptime-worker"]),
        // Beside the client, what sends telemetry.
        ("reqwest", &["naptime", "naptime-client"]),
        ("opentelemetry", &["naptime"]),
        ("lapin", &["naptime-events"]),
        ("minijinja", &["naptime-events"]),
        ("axum", &["naptime-web"]),
        ("maud", &["naptime-charts", "naptime-web"]),
        ("clap", &["naptime"]),
        ("anyhow", &["naptime"]),
    ];
    let dependencies = dependencies();
    for (outside, owners) in owners {
        // What judges the others from outside calls and is called like the world outside.
        let is_inside = |name: &str| is_product(name) && name != "naptime-prove";
        let users: Vec<&str> = dependencies
            .iter()
            .filter(|(name, used)| is_inside(name) && used.contains(*outside))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(&users, owners, "who depends on {outside}");
    }
}

#[test]
fn the_domain_knows_no_runtime() {
    let core = &dependencies()["naptime-core"];
    for outside in ["tokio", "async-trait", "futures", "rand"] {
        assert!(!core.contains(outside), "naptime-core may not depend on {outside}");
    }
}
