//! Not for /work/main: tests that show defects.

use rusqlite::TransactionBehavior;

use crate::common::{TestEnvironment, TestRepo};
use crate::shim::{environment, names};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn d01_an_alias_in_table_form_is_intercepted() {
    let env = environment();
    env.add_config("[aliases.bt]\ndefinition = ['bookmark', 'create']\ndoc = 'a table'\n");
    let repo = env.repo("field");
    repo.shim(&["bt", "foo"]).ok();
    assert_eq!(names(&repo), "a8f2--logicFoo");
}

fn found_again(verb: &[&str]) {
    let env = environment();
    let repo = env.repo("field");
    let file = env.data_home().join("jj-flow/registry.db");
    std::fs::create_dir_all(&file).unwrap();
    repo.shim(&["bookmark", "create", "foo"]).ok();
    std::fs::remove_dir(&file).unwrap();
    repo.flow(verb).ok();
    assert_eq!(env.rows("SELECT bookmark FROM FlowRegistry"), "a8f2--logicFoo\n");
}

#[test]
fn d02_list_records_what_was_missed() {
    found_again(&["list"]);
}

#[test]
fn d03_the_tree_records_what_was_missed() {
    found_again(&[]);
}

#[test]
fn d04_a_locked_registry_does_not_hold_up_jj() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["uid"]).ok();
    let mut registry = env.registry();
    let _held = registry.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let before = std::time::Instant::now();
    repo.shim(&["bookmark", "create", "foo"]).ok();
    assert!(before.elapsed().as_secs() < 3, "{:?}", before.elapsed());
}

#[test]
fn d05_a_locked_registry_and_a_new_session_does_not_hold_up_jj() {
    let env = TestEnvironment::new();
    let repo = env.repo("field").with("JJ_FLOW_SESSION", "1");
    env.dir("field").flow(&["uid"]).ok();
    let mut registry = env.registry();
    let _held = registry.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    let before = std::time::Instant::now();
    repo.shim(&["bookmark", "create", "main"]).ok();
    assert!(before.elapsed().as_secs() < 3, "{:?}", before.elapsed());
}

fn jj_at(env: &TestEnvironment, folder: &str, text: &str) -> String {
    let folder = env.root().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let jj = folder.join("jj");
    std::fs::write(&jj, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&jj, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder.to_str().unwrap().to_owned()
}

fn on_path(repo: &TestRepo<'_>, folders: &[&str]) {
    let path = format!("{}:{}/bin:/usr/bin:/bin", folders.join(":"), repo.env().root().display());
    repo.with("PATH", &path).sh("ulimit -t 3; jj log").ok();
}

#[test]
fn d06_a_wrapper_that_takes_itself_off_path() {
    let env = environment();
    let repo = env.repo("field");
    let root = env.root().display();
    let wrapper =
        jj_at(&env, "wrapper", &format!("PATH={root}/shim:{root}/bin:/usr/bin:/bin exec jj \"$@\""));
    on_path(&repo, &[&format!("{root}/shim"), &wrapper]);
}

#[test]
fn d07_copies_on_a_path_with_repeated_folders() {
    let env = environment();
    let repo = env.repo("field");
    let own = std::fs::canonicalize(env.root().join("shim/jj")).unwrap();
    let copies = ["one", "two"].map(|name| {
        let folder = jj_at(&env, name, "");
        std::fs::copy(&own, format!("{folder}/jj")).unwrap();
        folder
    });
    on_path(&repo, &[&copies[0], &copies[1], &copies[0], &copies[1]]);
}

#[test]
fn d08_a_renamed_flow_keeps_its_history_though_the_registry_was_away() {
    let env = environment();
    let repo = env.repo("field");
    repo.shim(&["bookmark", "create", "foo"]).ok();
    repo.flow(&["fail", "--reason", "no luck"]).ok();
    let aside = env.root().join("aside.db");
    repo.with("JJ_FLOW_REGISTRY", "/proc/nowhere/registry.db")
        .shim(&["bookmark", "rename", "a8f2--logicFoo", "docs"])
        .ok();
    let _ = aside;
    repo.flow(&["reopen", "docs"]).ok();
    assert_eq!(env.rows("SELECT count(*) FROM FlowRegistry"), "1\n");
}

#[test]
fn d10_config_file_holds_too() {
    let env = environment();
    let repo = env.repo("field");
    repo.write("flow.toml", "flow.policy = 'off'\n");
    repo.shim(&["--config-file=flow.toml", "bookmark", "create", "foo"]).ok();
    assert_eq!(names(&repo), "foo");
}

#[test]
fn d11_the_last_repository_option_wins() {
    let env = environment();
    let (here, _) = (env.repo("here"), env.repo("other"));
    here.shim(&["-R.", "flow", "-R../other", "list"]).ok();
}

#[test]
fn d12_the_component_of_the_folder_holds_through_the_installed_alias() {
    let env = environment();
    env.add_config("aliases.flow = ['util', 'exec', '--', 'jj-flow', '--via-jj']");
    let repo = env.repo("field");
    repo.dir("Components/alpha").jj(&["flow", "new", "docs"]).ok();
    assert_eq!(env.rows("SELECT component FROM FlowRegistry"), "alpha\n");
}

#[test]
fn d13_one_clear_error_without_jj_behind_the_shim() {
    let env = environment();
    let repo = env.repo("field");
    let alone = repo.with("PATH", &format!("{}/shim:/usr/bin:/bin", env.root().display()));
    let output = alone.sh("jj bookmark create foo").exits(127);
    assert!(!output.stderr.contains("Warning"), "{output}");
}

#[test]
fn d14_contexts_survive_the_registry() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let (first, second) = (repo.with("JJ_FLOW_SESSION", "147"), repo.with("JJ_FLOW_SESSION", "258"));
    first.flow(&["new", "research"]).ok();
    second.flow(&["new", "docs"]).ok();
    let before = second.flow(&["uid"]).ok().stdout;
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    assert_eq!(second.flow(&["uid"]).ok().stdout, before);
}

fn same_after_rebuild(sql: &[&str]) {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    for sql in sql {
        env.registry().execute(sql, []).unwrap();
    }
    repo.flow(&["sub", "x", "--of", "research"]).ok();
    let all = "SELECT bookmark, status, reason, created_at, updated_at FROM FlowRegistry ORDER BY bookmark";
    let before = env.rows(all);
    std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    repo.flow(&["reopen", "x"]).ok();
    assert_eq!(env.rows(all), before);
}

#[test]
fn d15_a_reason_from_outside_survives() {
    same_after_rebuild(&["UPDATE FlowRegistry SET status = 'failed', reason = 'why'"]);
}

#[test]
fn d16_a_reason_left_standing_survives() {
    same_after_rebuild(&[
        "UPDATE FlowRegistry SET status = 'failed', reason = 'why'",
        "UPDATE FlowRegistry SET status = 'success'",
    ]);
}

#[test]
fn d17_a_reason_alone_survives() {
    same_after_rebuild(&["UPDATE FlowRegistry SET reason = 'why'"]);
}

#[test]
fn d18_no_status_without_an_event() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let _ = env.registry().execute("UPDATE FlowRegistry SET status = 'success', last_event = NULL", []);
    let events = env.rows("SELECT count(*) FROM events WHERE kind = 'status'");
    let status = env.rows("SELECT status FROM FlowRegistry");
    assert!(events == "1\n" || status == "in-progress\n", "{status}{events}");
}

#[test]
fn d19_merged_is_not_forged() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let registry = env.registry();
    let _ = registry.execute_batch(
        "INSERT INTO landings (flow, key, parent, state, tip_change, planned_at) VALUES (1, 'k', 'main', 'landed', 'x', 'y');
         UPDATE FlowRegistry SET status = 'merged';");
    assert_eq!(env.rows("SELECT status FROM FlowRegistry"), "in-progress\n");
}

#[test]
fn d20_repos_are_not_deleted_or_replaced() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let registry = env.registry();
    registry.pragma_update(None, "foreign_keys", false).unwrap();
    assert!(registry.execute("DELETE FROM repos", []).is_err());
}

#[test]
fn d21_a_row_from_outside_is_refused_or_logged() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let r = env.registry().execute(
        "INSERT INTO FlowRegistry (repo, bookmark, uid, component, intent, status, change_id, commit_id, actor, created_at, updated_at)
         SELECT repo, 'zzz', uid, component, intent, 'success', change_id, commit_id, actor, created_at, updated_at FROM FlowRegistry", []);
    assert!(r.is_err() || env.rows("SELECT count(*) FROM events") == "2\n");
    repo.flow(&["list"]).ok();
}

fn at_home(env: &TestEnvironment, name: &str) -> TestRepo<'static> {
    let env: &'static TestEnvironment = unsafe_free_leak(env);
    let home = env.root().join(name);
    std::fs::create_dir_all(&home).unwrap();
    env.repo("field").with("HOME", home.to_str().unwrap()).with("JJ_FLOW_UID", "a8f2")
}
fn unsafe_free_leak(_: &TestEnvironment) -> &'static TestEnvironment {
    Box::leak(Box::new(TestEnvironment::new()))
}
const UNSET: &str = "unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME XDG_STATE_HOME SHELL;";

#[test]
fn d22_a_legacy_config_file_does_not_lead_the_config_astray() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "ada");
    repo.sh(&format!(
        "{UNSET} touch ~/.jjconfig.toml; jj-flow install && find ~ -name jj-flow.toml && jj flow list"
    ))
    .ok();
}

#[test]
fn d23_the_hint_of_uninstall_uninstalls() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "ada");
    let o = repo.sh(&format!("{UNSET} JJ_CONFIG=/dev/null jj-flow uninstall")).exits(1);
    assert!(o.stderr.contains("uninstall"), "{o}");
}

#[test]
fn d24_a_home_with_a_dollar() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "a$b `x` e\u{301}");
    let o = repo.sh(&format!("{UNSET} eval \"$(jj-flow install | grep 'export PATH')\"; command -v jj")).ok();
    assert!(o.stdout.contains(".local/share/jj-flow/bin/jj"), "{o}");
}

#[test]
fn d25_a_foreign_file_in_latin1_is_not_overwritten() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "ada");
    repo.sh(&format!("{UNSET} mkdir -p ~/.config/jj/conf.d; printf '# \\351' >~/.config/jj/conf.d/jj-flow.toml; jj-flow install")).exits(1);
}

#[test]
fn d26_a_foreign_link_is_not_replaced() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "ada");
    let o = repo.sh(&format!("{UNSET} mkdir -p ~/.local/share/jj-flow/bin; ln -s /bin/true ~/.local/share/jj-flow/bin/jj; jj-flow uninstall; readlink ~/.local/share/jj-flow/bin/jj"));
    assert_eq!(o.code, 0, "{o}");
}

#[test]
fn d27_an_empty_conf_d_of_ones_own_stays() {
    let env = TestEnvironment::new();
    let repo = at_home(&env, "ada");
    repo.sh(&format!("{UNSET} mkdir -p ~/.config/jj/conf.d; cd; find . >/tmp/x; cd - >/dev/null; jj-flow install && jj-flow uninstall; test -d ~/.config/jj/conf.d || find ~ -type d")).ok();
}

#[test]
fn d30_options_behind_the_text_are_options() {
    let env = environment();
    let repo = env.repo("field");
    let o = repo.flow(&["name", "make", "foo", "--json"]).ok();
    assert!(o.stdout.starts_with('{'), "{o}");
}

#[test]
fn d31_the_hint_in_a_folder_of_a_git_repo_makes_no_nested_repo() {
    let env = environment();
    let here = env.dir("plain");
    here.git(&["init", "-q"]).ok();
    let deep = here.dir("deep");
    crate::names::run_hint(&deep, &deep.flow(&["new", "research"])).ok();
    assert!(!here.root().join("deep/.git").exists());
}

#[test]
fn d32_the_tree_goes_on_where_the_registry_is_damaged_further_down() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    let file = env.data_home().join("jj-flow/registry.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let len = bytes.len();
    bytes[8192..len].fill(0xa5);
    std::fs::write(&file, bytes).unwrap();
    let o = repo.flow(&[]);
    assert_eq!(o.code, 0, "{o}");
}

#[test]
fn d33_a_config_that_jj_cannot_read_is_told() {
    let env = environment();
    let repo = env.repo("field");
    env.add_config("flow = [");
    let o = repo.flow(&["new", "research"]);
    assert!(o.code == 1 && o.stderr.contains("TOML"), "{o}");
}

#[test]
fn d34_one_that_was_readable_before() {
    let env = environment();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    env.add_config("flow = [");
    let o = repo.flow(&["new", "docs"]);
    assert!(o.code == 1 && o.stderr.contains("TOML"), "{o}");
}

#[test]
fn d35_disk_full_at_every_size() {
    let env = environment();
    let mut bad = String::new();
    for blocks in (0..400).step_by(8) {
        let repo = env.repo(&format!("r{blocks}"));
        let state = repo.state();
        let o = repo.sh(&format!("unshare -rm sh -c 'mkdir -p {0}/full; mount -t tmpfs -o size={blocks}k,nr_inodes=20 none {0}/full; JJ_FLOW_REGISTRY={0}/full/r.db exec jj-flow new research'", env.root().display()));
        if o.code != 0 && repo.state() != state || ![0, 6].contains(&o.code) {
            bad += &format!("{blocks}k: {o}\n");
        }
    }
    assert_eq!(bad, "");
}

#[test]
fn d36_disk_full_when_the_registry_is_there() {
    let env = environment();
    let mut bad = String::new();
    for blocks in (150..230).step_by(4) {
        let repo = env.repo(&format!("r{blocks}"));
        let state = repo.state();
        let o = repo.sh(&format!(
            "trap '' XFSZ; jj-flow uid >/dev/null; ulimit -f {blocks}; exec jj-flow new research"
        ));
        if o.code != 0 && repo.state() != state || ![0, 6].contains(&o.code) {
            bad += &format!("{blocks}: {o}\n");
        }
        std::fs::remove_dir_all(env.data_home().join("jj-flow")).unwrap();
    }
    assert_eq!(bad, "");
}
