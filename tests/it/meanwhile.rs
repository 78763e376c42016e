//! Other people's commands at every step of a landing, and some that were under way before and publish after it: the
//! parent has one target, nothing is torn, and what each of them made is there.

use rstest::rstest;

use crate::shim::environment;
use crate::workspaces::{Way, busy_flow, done, meanwhile};

/// A command of somebody's, in the default workspace or on the operation from before, which `$base` names.
#[rstest]
#[case::describes_the_tip("jj describe -r 'description(substring:three)' -m 'three, foreign'")]
#[case::begins_a_change("jj new --no-edit 'description(substring:three)' -m foreign")]
#[case::squashes(
    "jj describe -m foreign 'description(substring:one)'; jj squash -r 'description(substring:two)' -m 'two, foreign'"
)]
#[case::describes_the_tip_late(
    "jj --at-op $base describe -r 'description(substring:three)' -m 'three, foreign'"
)]
#[case::describes_the_root_late(
    "jj --at-op $base describe -r 'description(substring:one)' -m 'one, foreign'"
)]
#[case::begins_a_change_late("jj --at-op $base new --no-edit 'description(substring:three)' -m foreign")]
#[case::describes_the_parent_late("jj --at-op $base describe -r main -m 'main, foreign'")]
#[case::moves_the_parent_late("jj --at-op $base bookmark set main -r 'description(substring:foreign)'")]
fn somebody_elses_command_is_kept(
    #[case] script: &str,
    #[values("planned", "journalled", "published")] step: &str,
    #[values(Way::Forward, Way::Rebased)] way: Way,
) {
    let env = environment();
    let repo = busy_flow(&env, way, true);
    repo.jj(&["new", "--no-edit", "main", "-m", "foreign, on main"]).ok();
    // Sealed by hand, so that the landing begins where the other command has begun.
    for name in ["tip", "middle"] {
        env.dir(name).jj(&["--config=snapshot.auto-update-stale=true", "new", "main"]).ok();
    }
    repo.jj(&["status"]).ok();
    let (base, main) = (repo.op_heads().concat(), repo.changes("main").concat());
    let tip = repo.changes("description(substring:three)").concat();
    let script = format!("cd $TEST_ENV/field; jj workspace update-stale || true; base={base}; {script}");
    let output = done(&meanwhile(&repo, step, &script), way);
    assert!(env.root().join("met").exists());
    repo.jj(&["status"]).ok();

    let log = format!("{output}{}", repo.log());
    assert_eq!(repo.commits("main").len(), 1, "{log}");
    assert_eq!(repo.changes("divergent() | conflicts()"), [""; 0], "{log}");
    assert_eq!(repo.changes(&format!("{main} & ::main")).len(), 1, "{log}");
    assert!(
        !repo.changes("description(substring:', foreign') | description(exact:'foreign\n')").is_empty()
            || script.contains("bookmark"),
        "{log}"
    );
    let landed = repo.changes(&format!("{tip} & ::main")).len() == 1;
    let merged = env.rows("SELECT status FROM FlowRegistry ORDER BY id").starts_with("merged\n");
    assert_eq!((landed, merged), (output.code == 0, output.code == 0), "{log}");
    if script.contains("bookmark set") {
        assert_eq!(repo.changes("::main & description(substring:'foreign, on main')").len(), 1, "{log}");
    }
    let files = repo.jj(&["file", "list", "--revision", &tip]).ok().stdout;
    assert!(["one\n", "two\n", "three\n"].iter().all(|file| files.contains(file)), "{log}");
}

/// Somebody describes the tip and moves the parent there, from the operation before it all: what was published stays
/// in the parent, and theirs is a change of its own.
#[test]
fn another_copy_of_what_landed_is_put_aside_though_the_parent_was_moved_there() {
    let env = environment();
    let repo = busy_flow(&env, Way::Described, true);
    for name in ["tip", "middle"] {
        env.dir(name).jj(&["--config=snapshot.auto-update-stale=true", "new", "main"]).ok();
    }
    repo.jj(&["status"]).ok();
    let (base, tip) = (repo.op_heads().concat(), repo.commits("@").concat());
    let late = format!(
        "cd $TEST_ENV/field/.jj/repo/op_heads/heads; before=$(ls); jj --at-op {base} describe {tip} -m late; \
         for op in *; do case $before in *$op*) ;; *) \
         jj --at-op $op bookmark set main -r 'subject(late)' --allow-backwards;; esac; done"
    );
    let output = done(&meanwhile(&repo, "published", &late), Way::Described).ok();
    repo.jj(&["workspace", "update-stale"]).ok();
    assert_eq!(repo.commits("main").len(), 1, "{output}");
    assert_eq!(repo.changes("divergent() | conflicts()"), [""; 0], "{output}");
    assert_eq!(repo.changes("::main & subject('the last')").len(), 1, "{output}");
    assert_eq!(repo.changes("subject(late) ~ ::main").len(), 1, "{output}");
}
