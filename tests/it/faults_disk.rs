//! A disk that is full: where the registry is, where the repo is, where verifications run. In a file system of its own
//! that the test fills, where one may be mounted.

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::shapes::{repo, work, work_on_main};
use crate::shim::environment;

/// Fills the folder `ROOM` but for `LEFT` KiB, lands, makes room, and lands again.
const SCRIPT: &str = r#"
set -e
mkdir -p "$ROOM"
cp -a "$ROOM" "$TEST_ENV/saved"
mount -t tmpfs -o size=6m tmpfs "$ROOM"
cp -a "$TEST_ENV/saved/." "$ROOM"
dd if=/dev/zero of="$ROOM/filler" bs=1k 2>/dev/null || true
truncate -s "-${LEFT}k" "$ROOM/filler"
code=0
jj-flow done research >"$TEST_ENV/told" 2>&1 || code=$?
echo "full: $code"
rm "$ROOM/filler"
jj-flow
[ $code = 0 ] || jj-flow reopen research >/dev/null 2>&1 || true
[ $code = 0 ] || jj-flow done research
jj-flow query "SELECT bookmark, status, (SELECT count(*) FROM landings WHERE state = 'landed') FROM FlowRegistry"
jj --ignore-working-copy log --no-graph -r main -T 'description.first_line() ++ "\n"'
jj --ignore-working-copy log --no-graph -r 'divergent()' -T '"divergent\n"'
jj --ignore-working-copy op log --no-graph -n1 -T '"one head\n"'
"#;

fn can_mount(repo: &TestRepo<'_>) -> bool {
    repo.sh("unshare -rm mount -t tmpfs tmpfs /tmp 2>/dev/null").code == 0
}

/// A flow that is to be rebased and verified.
fn field(env: &TestEnvironment) -> TestRepo<'_> {
    env.add_config("flow.hooks.verify = \"cat one two >/dev/null\"\n");
    let repo = repo(env);
    repo.flow(&["new", "research"]).ok();
    work(&repo, &["one", "two"]);
    work_on_main(&repo, "meanwhile");
    repo.flow(&["sync"]).ok();
    repo
}

#[rstest]
fn a_full_disk_loses_nothing_and_lands_once_there_is_room(
    #[values("data", "field", "cache")] place: &str,
    #[values(0, 40, 200)] left: u32,
) {
    let env = environment();
    let repo = field(&env);
    if !can_mount(&repo) {
        eprintln!("skipped: no file system may be mounted here");
        return;
    }
    let script = format!("ROOM=$TEST_ENV/{place}; LEFT={left}; {SCRIPT}");
    let ran = repo.command("unshare", &["-rm", "sh", "-c", &script]).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let told = std::fs::read_to_string(env.root().join("told")).unwrap_or_default();
    let all = format!("{stdout}--- stderr\n{stderr}--- told\n{told}");
    assert!(ran.status.success(), "{all}");
    let code = stdout.lines().next().unwrap().strip_prefix("full: ").unwrap();
    let errors = told.lines().filter(|line| line.starts_with("Error: ")).count();
    match code {
        "0" => assert_eq!(errors, 0, "{all}"),
        "1" | "4" | "5" | "6" => assert_eq!(errors, 1, "{all}"),
        _ => panic!("{all}"),
    }
    if left == 0 {
        assert_ne!(code, "0", "{all}");
    }
    assert!(!told.contains("panicked"), "{all}");
    assert!(stdout.contains("\na8f2--research  merged  1\ntwo\none head\n"), "{all}");
}
