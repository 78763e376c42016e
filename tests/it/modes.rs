//! What jj-flow writes is its owner's alone, whatever the umask lets others do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};

/// Commands that leave something behind: registry, journal, list of repos, verification, caches, what sessions were
/// told, exports, another machine's record, the archive, jj's config.
const COMMANDS: &str = r#"
    jj-flow new research
    echo work >work
    jj-flow done --config 'flow.hooks.verify="true"' --message work
    jj-flow new docs
    echo more >more
    jj-flow fail --reason why
    jj-flow reopen
    echo '{"session_id": "s"}' | CLAUDE_ENV_FILE=$HOME/.session env -u JJ_FLOW_UID jj-flow hook session-start
    echo '{"session_id": "s"}' | jj-flow hook stop
    jj-flow export -o $XDG_DATA_HOME/jj-flow/export.ndjson
    id=0123456789012345678901234567890123456789
    printf '{"commit_id":"%s","parents":[],"change_id":"%s","description":"d"}\t[{"name":"a8f2--schema","target":["%s"]}]\n' \
        $id kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk $id | jj-flow project --repo build:x
    jj-flow sync --all
    jj-flow gc --all
    jj-flow doctor || true
    jj-flow query 'SELECT 1'
    jj-flow install --no-shim
"#;

#[rstest]
fn nobody_else_reads_or_writes_what_is_kept(#[values("000", "022", "077")] umask: &str) {
    let env = TestEnvironment::new();
    env.set("JJ_FLOW_UID", "a8f2");
    // Folders that are there already are whosever they are; these are made by jj-flow.
    for made in ["data", "cache"] {
        std::fs::remove_dir(env.root().join(made)).unwrap();
    }
    let repo = env.repo("field");
    repo.jj(&["bookmark", "create", "main"]).ok();
    repo.jj(&["new"]).ok();
    run(&repo, umask);
    let mut open = Vec::new();
    for (folder, least) in [("data", 5), ("cache", 4), ("field/.jj/repo/flow", 3)] {
        let kept = find_open(&env.root().join(folder), &mut open);
        assert!(kept >= least, "{folder} has only {kept} files");
    }
    assert!(open.is_empty(), "{open:#?}");
    let config = env.config_home().join("jj/conf.d/jj-flow.toml");
    assert_eq!(mode(&config) & 0o022, 0, "{config:?}");
    assert_eq!(mode(&env.home().join(".session")) & 0o077, 0);
}

#[track_caller]
fn run(repo: &TestRepo<'_>, umask: &str) {
    repo.sh(&format!("set -e; umask {umask}; {COMMANDS}")).ok();
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{path:?}: {error}")).permissions().mode()
}

/// What others may look into or write, and how many files there are. Behind a folder that is closed nothing is open.
fn find_open(path: &Path, open: &mut Vec<String>) -> usize {
    let is_open = mode(path) & 0o077 != 0;
    if is_open {
        open.push(format!("{path:?}: {:o}", mode(path)));
    }
    if !path.is_dir() {
        return 1;
    }
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let behind: &mut Vec<String> = if is_open { open } else { &mut Vec::new() };
    entries.map(|entry| find_open(&entry, behind)).sum()
}
