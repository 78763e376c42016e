//! `jj flow skill` and `jj flow hook`: what they put into files of agents and people, and that it comes out again to
//! the byte.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use rstest::rstest;

use crate::common::{Output, TestEnvironment, TestRepo};

const OWN_SKILL: &str = "---\nname: independent-developer\ndescription: Mine\n---\n\nDo it my way.\n";
const SKILL: &str = "independent-developer/SKILL.md";

/// Everything beneath a folder: folders, links and files, with mode and bytes.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let data = std::fs::symlink_metadata(&path).unwrap();
        let text = if data.is_symlink() {
            format!("-> {}", std::fs::read_link(&path).unwrap().display())
        } else if data.is_dir() {
            found.extend(tree(&path).into_iter().map(|(below, text)| (format!("{name}/{below}"), text)));
            "folder".to_owned()
        } else {
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
        };
        found.insert(name, format!("{:o} {text}", data.permissions().mode() & 0o7777));
    }
    found
}

/// What is in the home and in the whole repo, but for jj's and git's own folders.
fn all(repo: &TestRepo<'_>) -> [BTreeMap<String, String>; 2] {
    let workspace = repo.root().ancestors().find(|folder| folder.join(".jj").exists());
    let mut there = tree(workspace.unwrap_or(repo.root()));
    there.retain(|path, _| !path.starts_with(".jj") && !path.starts_with(".git"));
    [tree(&repo.env().home()), there]
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Installs twice and uninstalls: the second time changes nothing, and in the end everything is as before.
#[track_caller]
fn goes_in_and_out(repo: &TestRepo<'_>, install: &[&str], uninstall: &[&str]) -> Output {
    let before = all(repo);
    assert_ne!(repo.flow(&[install, &["--dry-run"]].concat()).ok().stdout, "");
    assert_eq!(all(repo), before);
    let output = repo.flow(install).ok();
    let installed = all(repo);
    assert_ne!(installed, before);
    let again = repo.flow(install).ok();
    assert!(again.stdout.starts_with("Unchanged: "), "{again}");
    assert_eq!(all(repo), installed);
    repo.flow(&[uninstall, &["--dry-run"]].concat()).ok();
    assert_eq!(all(repo), installed);
    repo.flow(uninstall).ok();
    assert_eq!(all(repo), before);
    let nothing = repo.flow(uninstall).ok();
    assert!(nothing.stdout.starts_with("Nothing of jj-flow's "), "{nothing}");
    assert_eq!(all(repo), before);
    output
}

#[track_caller]
fn skill(repo: &TestRepo<'_>) -> Output {
    goes_in_and_out(repo, &["skill", "install"], &["skill", "uninstall"])
}

#[track_caller]
fn hooks(repo: &TestRepo<'_>) -> Output {
    let agent = ["--agent", "claude"];
    let (install, uninstall) = (["hook", "install"], ["hook", "uninstall"]);
    goes_in_and_out(repo, &[install, agent].concat(), &[uninstall, agent].concat())
}

/// A command that fails with words of ours, and touches nothing.
#[track_caller]
fn refused(repo: &TestRepo<'_>, args: &[&str]) -> Output {
    let before = all(repo);
    let output = repo.flow(args).exits(1);
    assert_eq!(all(repo), before);
    output
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn where_no_agent_is_the_skill_goes_where_most_of_them_look() {
    let env = TestEnvironment::new();
    insta::assert_snapshot!(skill(&env.repo("field")), @r#"
    Wrote $TEST_ENV/home/.agents/skills/independent-developer/SKILL.md
    No agent's folder was found: this is the one that most agents read.
    "#);
    // The same outside of any repo.
    insta::assert_snapshot!(skill(&env.dir("elsewhere")), @r#"
    Wrote $TEST_ENV/home/.agents/skills/independent-developer/SKILL.md
    No agent's folder was found: this is the one that most agents read.
    "#);
}

#[test]
fn each_agent_at_home_gets_the_skill() {
    let env = TestEnvironment::new();
    for folder in [".claude", ".pi/agent/skills", ".codex/skills/.system", ".config"] {
        std::fs::create_dir_all(env.home().join(folder)).unwrap();
    }
    let repo = env.repo("field");
    insta::assert_snapshot!(skill(&repo), @r#"
    Wrote $TEST_ENV/home/.claude/skills/independent-developer/SKILL.md
    Wrote $TEST_ENV/home/.pi/agent/skills/independent-developer/SKILL.md
    Wrote $TEST_ENV/home/.agents/skills/independent-developer/SKILL.md
    "#);
    // Where an agent has been told of another folder, it is that one.
    let moved = repo.with("CLAUDE_CONFIG_DIR", env.dir("claude").root().to_str().unwrap());
    insta::assert_snapshot!(moved.flow(&["skill", "install"]).ok(), @r#"
    Wrote $TEST_ENV/claude/skills/independent-developer/SKILL.md
    Wrote $TEST_ENV/home/.pi/agent/skills/independent-developer/SKILL.md
    Wrote $TEST_ENV/home/.agents/skills/independent-developer/SKILL.md
    "#);
}

#[test]
fn a_skill_that_stands_where_codex_looked_before_is_found() {
    let env = TestEnvironment::new();
    write(&env.home().join(".codex/skills").join(SKILL), OWN_SKILL);
    insta::assert_snapshot!(skill(&env.repo("field")), @r#"
    Wrote $TEST_ENV/home/.agents/skills/independent-developer/SKILL.md
    Added jj-flow's section to $TEST_ENV/home/.codex/skills/independent-developer/SKILL.md
    "#);
}

#[test]
fn a_workspace_with_skills_of_its_own_gets_the_skill_in_each_place() {
    let env = TestEnvironment::new();
    std::fs::create_dir_all(env.home().join(".claude/skills")).unwrap();
    let repo = env.repo("field");
    for folder in [".claude/skills", ".pi/skills", ".agents/skills"] {
        repo.dir(folder);
    }
    repo.write(&format!(".pi/skills/{SKILL}"), OWN_SKILL);
    insta::assert_snapshot!(skill(&repo.dir("deep/er")), @r#"
    Wrote $TEST_ENV/field/.claude/skills/independent-developer/SKILL.md
    Added jj-flow's section to $TEST_ENV/field/.pi/skills/independent-developer/SKILL.md
    Wrote $TEST_ENV/field/.agents/skills/independent-developer/SKILL.md
    "#);
    let json = repo.jj(&["flow", "skill", "install", "--json"]).ok().json();
    let actions = json["files"].as_array().unwrap().iter().map(|file| file["action"].as_str().unwrap());
    assert_eq!(actions.collect::<Vec<_>>(), ["written", "added", "written"]);
}

#[test]
fn folders_that_are_links_to_each_other_are_one_place() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.dir(".agents/skills");
    repo.dir(".claude");
    symlink("../.agents/skills", repo.root().join(".claude/skills")).unwrap();
    assert_eq!(skill(&repo).stdout.lines().count(), 1);
}

#[test]
fn a_folder_that_is_named_is_the_only_place() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.dir(".claude/skills");
    let dir = ["--dir", "my skills/here"];
    let args = |verb| [&["skill", verb], dir.as_slice()].concat();
    insta::assert_snapshot!(goes_in_and_out(&repo, &args("install"), &args("uninstall")), @"Wrote $TEST_ENV/field/my skills/here/independent-developer/SKILL.md");
    let homeless = |args: &[&str]| {
        let args = args.iter().map(|arg| format!("'{arg}'")).collect::<Vec<_>>().join(" ");
        repo.sh(&format!("unset HOME; jj-flow {args}"))
    };
    homeless(&args("install")).ok();
    assert!(repo.read(&format!("my skills/here/{SKILL}")).contains("jj-flow: begin"));
    homeless(&args("uninstall")).ok();
    homeless(&["skill", "install"]).ok();
    std::fs::remove_dir_all(repo.root().join(".claude")).unwrap();
    for command in [["skill", "install"], ["skill", "uninstall"], ["hook", "install"], ["hook", "uninstall"]]
    {
        insta::allow_duplicates! {
            insta::assert_snapshot!(homeless(&command), @r#"
        --- stderr
        Error: Could not find the home folder: HOME is not set
        --- exit 1
        "#);
        }
    }
}

#[rstest]
#[case::as_editors_leave_it(OWN_SKILL)]
#[case::no_line_break_at_its_end("# Mine")]
#[case::cr_lf("# Mine\r\n\r\nthis\r\n")]
#[case::cr_lf_and_no_line_break("# Mine\r\nthis")]
#[case::empty("")]
#[case::lines_at_its_end("# Mine\n\n\n")]
fn somebodys_own_skill_gets_a_section_and_nothing_else(#[case] text: &str) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let path = repo.root().join(".claude/skills").join(SKILL);
    write(&path, text);
    mode(&path, 0o640);
    assert!(skill(&repo).stdout.starts_with("Added jj-flow's section to "));
    repo.flow(&["skill", "install"]).ok();
    let installed = std::fs::read_to_string(&path).unwrap();
    assert!(installed.starts_with(text) && installed.contains("jj flow done"), "{installed}");
    assert_eq!(installed.contains("\r\n"), text.contains("\r\n"));
}

#[test]
fn a_dry_run_shows_the_difference() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.write(&format!(".claude/skills/{SKILL}"), "\tMine\u{1b}[31m\u{202e}\n");
    let before = all(&repo);
    let shown = repo.flow(&["skill", "install", "--dry-run"]).ok().stdout;
    let lines: Vec<&str> = shown.lines().collect();
    let path = format!("$TEST_ENV/field/.claude/skills/{SKILL}");
    assert_eq!(lines[0], format!("Would add jj-flow's section to {path}"));
    assert_eq!(lines[1..3], [format!("--- {path}"), format!("+++ {path}")]);
    let first = [" \tMine\\u{1b}[31m\\u{202e}", "+", "+<!-- jj-flow: begin -->", "+# Independent developer"];
    assert_eq!(lines[4..8], first);
    assert_eq!(lines.last(), Some(&"+<!-- jj-flow: end -->"));
    let json = repo.flow(&["skill", "install", "--dry-run", "--json"]).ok().json();
    let diff = json["files"][0]["diff"].as_str().unwrap();
    assert!(diff.contains("@@\n \tMine\u{1b}[31m\u{202e}\n+\n+<!-- jj-flow: begin -->\n"), "{diff}");
    assert_eq!((json["dry_run"].as_bool(), json["files"][0]["action"].as_str()), (Some(true), Some("added")));
    assert_eq!(all(&repo), before);
}

#[test]
fn what_somebody_wrote_into_our_file_stays() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.dir(".claude/skills");
    repo.flow(&["skill", "install"]).ok();
    let path = format!(".claude/skills/{SKILL}");
    repo.write(&path, &(repo.read(&path) + "Mine.\n").replace("jj flow done", "jj flow undone"));
    insta::assert_snapshot!(repo.flow(&["skill", "install"]).ok(), @"Updated jj-flow's section in $TEST_ENV/field/.claude/skills/independent-developer/SKILL.md");
    assert!(repo.read(&path).contains("jj flow done") && repo.read(&path).ends_with("\nMine.\n"));
    insta::assert_snapshot!(repo.flow(&["skill", "uninstall"]).ok(), @"Took jj-flow's section out of $TEST_ENV/field/.claude/skills/independent-developer/SKILL.md");
    assert!(repo.read(&path).ends_with("\n---\nMine.\n"), "{}", repo.read(&path));
}

#[test]
fn what_is_left_elsewhere_is_told_with_what_takes_it_out() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let before = all(&repo);
    env.dir("").flow(&["skill", "install"]).ok();
    repo.dir(".claude/skills");
    let told = repo.flow(&["skill", "uninstall"]).ok();
    insta::assert_snapshot!(told, @r#"
    Nothing of jj-flow's skill is there.
    Left the skill in $TEST_ENV/home/.agents/skills: jj-flow skill uninstall --dir $TEST_ENV/home/.agents/skills
    "#);
    let (_, command) = told.stdout.trim_end().rsplit_once(": ").unwrap();
    repo.sh(command).ok();
    std::fs::remove_dir_all(repo.root().join(".claude")).unwrap();
    assert_eq!(all(&repo), before);
}

#[rstest]
#[case::half_a_section("<!-- jj-flow: begin -->\nmine\n", "no pair")]
#[case::no_text(b"# Mine \xff\n", "is not UTF-8 text")]
fn a_skill_that_cannot_be_worked_on_is_left_and_so_are_all_others(
    #[case] text: impl AsRef<[u8]>,
    #[case] why: &str,
) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.dir(".claude/skills");
    write(&repo.root().join(".pi/skills").join(SKILL), text);
    for verb in ["install", "uninstall"] {
        let output = refused(&repo, &["skill", verb]);
        let start = format!("Error: Could not work on $TEST_ENV/field/.pi/skills/{SKILL}: it ");
        assert!(output.stderr.starts_with(&start) && output.stderr.contains(why), "{output}");
    }
    let error = &refused(&repo, &["skill", "install", "--json"]).json()["error"];
    assert_eq!(error["code"], "not-mergeable");
}

#[test]
fn read_only_is_left_as_it_is() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let (file, folder) = (repo.root().join(".claude/skills").join(SKILL), repo.root().join(".pi/skills"));
    write(&file, OWN_SKILL);
    repo.dir(".pi/skills");
    mode(&file, 0o444);
    insta::assert_snapshot!(refused(&repo, &["skill", "install"]), @r#"
    --- stderr
    Error: Could not write $TEST_ENV/field/.claude/skills/independent-developer/SKILL.md: it is read-only
    --- exit 1
    "#);
    mode(&file, 0o644);
    mode(&folder, 0o555);
    insta::assert_snapshot!(refused(&repo, &["skill", "install"]), @r#"
    --- stderr
    Error: Could not write $TEST_ENV/field/.pi/skills/independent-developer/SKILL.md: the folder $TEST_ENV/field/.pi/skills is read-only
    --- exit 1
    "#);
    mode(&folder, 0o755);
    let settings = env.home().join(".claude/settings.json");
    write(&settings, "{}\n");
    mode(&settings, 0o400);
    insta::assert_snapshot!(refused(&repo, &["hook", "install"]), @r#"
    --- stderr
    Error: Could not write $TEST_ENV/home/.claude/settings.json: it is read-only
    --- exit 1
    "#);
    mode(&settings, 0o600);
    repo.flow(&["hook", "install"]).ok();
    mode(settings.parent().unwrap(), 0o500);
    insta::assert_snapshot!(refused(&repo, &["hook", "uninstall"]), @r#"
    --- stderr
    Error: Could not write $TEST_ENV/home/.claude/settings.json: the folder $TEST_ENV/home/.claude is read-only
    --- exit 1
    "#);
    // Nothing has to be written for what is there already.
    repo.flow(&["hook", "install"]).ok();
    mode(settings.parent().unwrap(), 0o755);
    repo.flow(&["hook", "uninstall"]).ok();
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), "{}\n");
}

#[test]
fn hooks_go_into_settings_that_are_not_there() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    insta::assert_snapshot!(hooks(&repo), @"Wrote $TEST_ENV/home/.claude/settings.json");
    std::fs::create_dir(env.home().join(".claude")).unwrap();
    hooks(&repo);
    let project = |verb| ["hook", verb, "--project"];
    insta::assert_snapshot!(goes_in_and_out(&repo.dir("deep"), &project("install"), &project("uninstall")), @"Wrote $TEST_ENV/field/.claude/settings.json");
    let moved = repo.with("CLAUDE_CONFIG_DIR", env.root().join("home/no/such/folder").to_str().unwrap());
    insta::assert_snapshot!(hooks(&moved), @"Wrote $TEST_ENV/home/no/such/folder/settings.json");
}

#[rstest]
#[case::other_hooks(
    "{\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\"matcher\": \"Edit\", \"hooks\": [{\"type\": \"command\", \
     \"command\": \"lint\"}]}\n    ]\n  }\n}\n"
)]
#[case::other_settings(
    "{\n\t\"model\": \"opus\",\n\t\"permissions\": {\"allow\": [\"Bash(jj log:*)\"]}\n}\n"
)]
#[case::empty("{}")]
#[case::no_hooks("{\n  \"hooks\": {\n    \"Stop\": []\n  }\n}")]
#[case::one_line(
    "{\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"x\"}]}]},\"env\":{\"A\":\"b\"}}"
)]
#[case::cr_lf("\u{feff}{\r\n  \"a\" : 1\r\n  , \"b\": [ ]\r\n}\r\n\r\n")]
#[case::twice("{\"a\": 1, \"a\": 2, \"hooks\": {}, \"hooks\": {\"Stop\": []}}\n")]
fn settings_keep_everything_that_is_in_them(#[case] text: &str) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let path = env.home().join(".claude/settings.json");
    write(&path, text);
    mode(&path, 0o604);
    assert!(hooks(&repo).stdout.starts_with("Added jj-flow's hooks to "));
    repo.flow(&["hook", "install"]).ok();
    let installed = std::fs::read_to_string(&path).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(installed.trim_start_matches('\u{feff}')).unwrap();
    for (event, command) in
        [("SessionStart", "session-start"), ("PreToolUse", "pre-tool-use"), ("Stop", "stop")]
    {
        let ours = parsed["hooks"][event].as_array().unwrap().last().unwrap();
        assert_eq!(ours["hooks"][0]["command"], format!("jj-flow hook {command}"), "{installed}");
    }
}

#[rstest]
#[case::comment("{\n  // mine\n  \"a\": 1\n}\n", "is not JSON: key must be a string at line 2 column 3")]
#[case::trailing_comma("{\"a\": 1,}\n", "is not JSON: key must be a string at line 1 column 9")]
#[case::cut_off("{\"hooks\": {\"Stop\": [", "is not JSON: EOF while parsing a list at line 1 column 20")]
#[case::empty("", "is not JSON: EOF while parsing a value at line 1 column 0")]
#[case::an_array("[]\n", "is not a JSON object")]
#[case::a_list_of_hooks("{\"hooks\": []}\n", "has `hooks` that are not a JSON object")]
#[case::no_text(b"{\"a\": \"\xff\"}", "is not UTF-8 text")]
fn settings_that_are_none_are_left_alone(#[case] text: impl AsRef<[u8]>, #[case] why: &str) {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    write(&env.home().join(".claude/settings.json"), text);
    let output = refused(&repo, &["hook", "install", "--agent", "claude"]);
    let expected = format!("Error: Could not work on $TEST_ENV/home/.claude/settings.json: it {why}\n");
    assert_eq!(output.stderr, expected);
}

#[test]
fn settings_behind_a_link_are_written_where_they_are() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let (link, file) = (env.home().join(".claude/settings.json"), env.home().join("dotfiles/claude.json"));
    write(&file, "{\n  \"model\": \"opus\"\n}\n");
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("../dotfiles/claude.json", &link).unwrap();
    hooks(&repo);
    repo.flow(&["hook", "install"]).ok();
    assert!(std::fs::read_to_string(&file).unwrap().contains("jj-flow hook stop"));
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("../dotfiles/claude.json"));
    std::fs::remove_file(&file).unwrap();
    insta::assert_snapshot!(refused(&repo, &["hook", "install"]), @r#"
    --- stderr
    Error: Could not read $TEST_ENV/home/.claude/settings.json: it is a link to a file that is not there
    --- exit 1
    "#);
}

#[test]
fn hooks_name_the_program_so_that_it_is_found() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let settings = env.home().join(".claude/settings.json");
    write(&settings, "{}\n");
    let copy = env.dir("my programs").root().join("jj-flow");
    std::fs::copy(env.root().join("bin/jj-flow"), &copy).unwrap();
    let own = |args: &str| repo.sh(&format!("'{}' {args}", copy.display())).ok();
    own("hook install");
    let installed = std::fs::read_to_string(&settings).unwrap();
    let command = format!("\"'{}' hook stop\"", copy.display());
    assert!(installed.contains(&command), "{installed}");
    assert!(repo.flow(&["hook", "install"]).ok().stdout.starts_with("Updated "));
    let installed = std::fs::read_to_string(&settings).unwrap();
    assert!(installed.contains("\"jj-flow hook stop\"") && !installed.contains("my programs"), "{installed}");
    own("hook uninstall");
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), "{}\n");
}

#[test]
fn another_agent_is_told_what_to_put_where() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let before = all(&repo);
    let codex = repo.flow(&["hook", "install", "--agent", "codex"]).ok();
    assert!(codex.stderr.contains("~/.codex/hooks.json"), "{codex}");
    let commands = codex.json()["hooks"].as_object().unwrap().len();
    assert_eq!(commands, 3);
    let unknown = repo.flow(&["hook", "install", "--agent", "nobody"]).ok();
    assert_eq!(unknown.stdout, codex.stdout);
    let json = repo.flow(&["hook", "install", "--agent", "nobody", "--json"]).ok().json();
    assert_eq!(json["snippet"].as_str().map(str::trim), Some(codex.stdout.trim()));
    insta::assert_snapshot!(repo.flow(&["hook", "uninstall", "--agent", "nobody"]).ok(), @"What nobody has of jj-flow was put there by hand: take it out by hand too.");
    assert_eq!(all(&repo), before);
}

#[test]
fn there_is_no_project_outside_of_a_repo() {
    let env = TestEnvironment::new();
    let dir = env.dir("elsewhere");
    insta::assert_snapshot!(dir.flow(&["hook", "install", "--project"]), @r#"
    --- stderr
    Error: There is no jj repo in $TEST_ENV/elsewhere
    Hint: jj git init
    --- exit 1
    "#);
    assert!(tree(dir.root()).is_empty());
}

#[test]
fn leaving_says_what_agents_still_have() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    let before = all(&repo);
    repo.flow(&["skill", "install"]).ok();
    repo.flow(&["hook", "install"]).ok();
    repo.flow(&["hook", "install", "--project"]).ok();
    let told = repo.flow(&["uninstall"]).ok();
    insta::assert_snapshot!(told, @r#"
    Left the skill in $TEST_ENV/home/.agents/skills: jj-flow skill uninstall --dir $TEST_ENV/home/.agents/skills
    Left the hooks in $TEST_ENV/home/.claude/settings.json: jj-flow hook uninstall --agent claude
    Left the hooks in $TEST_ENV/field/.claude/settings.json: jj-flow hook uninstall --project --agent claude
    The program itself: cargo uninstall jj-flow
    "#);
    let lines = told.stdout.lines().filter(|line| line.starts_with("Left the "));
    for line in lines.filter(|line| !line.contains("registry")) {
        let (_, command) = line.split_once(": ").unwrap();
        repo.sh(command).ok();
    }
    assert_eq!(all(&repo), before);
}
