//! The one integration crate: real jj, real git, real SQLite, each test in a folder and an environment of its own.
//!
//! A test file is a module here. `common` is the harness, `house` reads the sources themselves.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    reason = "the harness starts processes and opens databases itself, and a test fails by panicking, with words on stderr"
)]

mod agent_hooks;
mod agent_payloads;
mod agents_install;
mod asking;
mod common;
mod completion;
mod completion_shells;
mod concurrent;
mod conflict_slips;
mod conflict_ways;
mod conflicts;
mod context;
mod crowd;
mod doctor;
mod doctor_waits;
mod documents;
mod documents_help;
mod documents_readme;
mod export;
mod faults;
mod faults_disk;
mod faults_killed;
mod faults_places;
mod fleet;
mod fleet_crowd;
mod guard;
mod hints;
mod hints_agents;
mod hints_conflicts;
mod hints_doctor;
mod hints_landing;
mod hints_names;
mod hints_remotes;
mod hints_setup;
mod hints_undo;
mod hostile;
mod house;
mod install;
mod install_spares;
mod kept;
mod kept_journals;
mod kept_kills;
mod kills;
mod land;
mod landing;
mod ledger;
mod meanwhile;
mod modes;
mod names;
#[cfg(target_os = "linux")]
mod narrow;
mod output;
mod own_workspaces;
mod places;
mod project;
mod projection;
mod proofs;
mod push;
mod push_races;
mod record;
mod resolvers;
mod rows;
mod shapes;
mod shim;
mod shim_crowd;
mod shim_passes;
mod shim_places;
mod shim_reads;
mod shim_same;
#[cfg(target_os = "linux")]
mod shim_signals;
#[cfg(target_os = "linux")]
mod shim_terminal;
mod shim_watch;
mod split;
mod split_again;
mod split_flows;
mod split_odd;
mod split_same;
mod three_agents;
mod undo;
mod unsettled;
mod upkeep;
mod upkeep_gone;
mod upkeep_moves;
mod verify;
mod verify_folder;
mod walk;
mod workspaces;

#[test]
fn every_test_file_is_listed() {
    let listed: Vec<&str> = include_str!("main.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_module = path.is_dir() || path.extension().is_some_and(|extension| extension == "rs");
        assert!(
            !is_module || name == "main" || listed.contains(&name),
            "tests/it/{name} never runs: add `mod {name};` to tests/it/main.rs"
        );
    }
}
