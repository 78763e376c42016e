//! A repo on another machine, which has plain jj and no jj-flow: what `jj flow project` records from its lines is what a
//! local `jj flow` records in that very repo.

use std::os::unix::fs::PermissionsExt as _;

use rstest::{fixture, rstest};
use serde_json::Value;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::ledger::everything;

const NAME: &str = "far:work/api";

/// This machine, and another one.
struct Machines {
    near: TestEnvironment,
    far: TestEnvironment,
}

#[fixture]
fn machines() -> Machines {
    let machines = Machines { near: TestEnvironment::new(), far: TestEnvironment::new() };
    machines.near.set("JJ_FLOW_UID", "a8f2");
    machines.far.set("JJ_FLOW_UID", "a8f2");
    let api = machines.far.repo("api");
    api.commit("a.txt", "a\n", "first");
    api.jj(&["bookmark", "create", "main", "-r", "@-"]).ok();
    machines
}

impl Machines {
    fn api(&self) -> TestRepo<'_> {
        self.far.dir("api")
    }

    /// What the other machine prints when it is asked as `--command` says.
    fn lines(&self) -> String {
        let command = self.near.dir("").flow(&["project", "--command"]).ok().stdout;
        self.api().sh(&command).ok().stdout
    }

    fn project(&self, input: impl Into<Vec<u8>>) -> Output {
        self.project_with(&[], input)
    }

    fn project_with(&self, more: &[&str], input: impl Into<Vec<u8>>) -> Output {
        let args = [&["project", "--repo", NAME, "-"], more].concat();
        self.near.dir("").flow_with(&args, |command| command.write_stdin(input))
    }

    /// Reads the other machine, and gives the events, `kind flow` each. The same lines tell nothing more then, and the
    /// rows are what a local `jj flow` records there.
    #[track_caller]
    fn read(&self) -> Vec<String> {
        let lines = self.lines();
        let events = kinds(&self.project_with(&["--json"], lines.clone()).ok().json());
        let all = everything(&self.near);
        assert_eq!(self.project(lines).ok().stdout, "Level: nothing has happened since the last time.\n");
        assert_eq!(everything(&self.near), all);
        self.api().flow(&["sync"]).ok();
        assert_eq!(rows(&self.near), rows(&self.far));
        events
    }

    fn journal(&self, file: &str) -> std::path::PathBuf {
        let folder = self.near.data_home().join("jj-flow/registry.db.elsewhere");
        let repo = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
        repo.path().join(file)
    }
}

fn rows(env: &TestEnvironment) -> String {
    env.rows(
        "SELECT bookmark, change_id, commit_id, status, trouble, parent_flow, component FROM FlowRegistry \
         WHERE gone_at IS NULL ORDER BY bookmark",
    )
}

fn kinds(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|event| format!("{} {}", text(&event["kind"]), text(&event["flow"]))).collect()
}

#[rstest]
fn what_lines_tell_is_what_a_local_flow_tells(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.commit("b.txt", "b\n", "ask");
    api.jj(&["bookmark", "create", "a8f2--research--scaling", "b1c4--docs", "-r", "@"]).ok();
    assert_eq!(
        machines.read(),
        ["created a8f2--research", "created a8f2--research--scaling", "created b1c4--docs"]
    );
    // Work goes on above a bookmark.
    api.commit("c.txt", "c\n", "measure");
    assert_eq!(machines.read().len(), 2);
    api.jj(&["bookmark", "delete", "b1c4--docs"]).ok();
    assert_eq!(machines.read(), ["deleted b1c4--docs"]);
    api.jj(&["bookmark", "rename", "a8f2--research--scaling", "a8f2--research--size"]).ok();
    assert_eq!(machines.read(), ["renamed a8f2--research--scaling"]);
    // Landed by hand: the sub-flow, then its parent with it.
    api.jj(&["bookmark", "set", "a8f2--research--size", "-r", "@-"]).ok();
    machines.read();
    api.jj(&["bookmark", "set", "a8f2--research", "-r", "@-"]).ok();
    assert!(machines.read().contains(&"elsewhere a8f2--research--size".to_owned()));
    api.jj(&["bookmark", "set", "main", "-r", "@-"]).ok();
    assert_eq!(machines.read(), ["elsewhere a8f2--research"]);
    let landed = machines.near.rows("SELECT parent, state FROM landings ORDER BY id");
    assert_eq!(landed, "a8f2--research|elsewhere\nmain|elsewhere\n");
    // And taken back by jj itself.
    api.jj(&["undo"]).ok();
    assert!(machines.read().contains(&"taken-back a8f2--research".to_owned()));
}

#[rstest]
fn a_flow_with_no_one_tip_is_in_trouble_until_it_has_one(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.commit("b.txt", "b\n", "ask");
    machines.read();
    // Somebody else has moved it at the same time.
    api.jj(&["bookmark", "set", "a8f2--research", "-r", "@"]).ok();
    api.jj(&["--at-op", "@-", "bookmark", "set", "a8f2--research", "-B", "-r", "main"]).ok();
    assert!(machines.read().contains(&"conflicted a8f2--research".to_owned()));
    api.jj(&["bookmark", "set", "a8f2--research", "-B", "-r", "@-"]).ok();
    assert!(machines.read().contains(&"clear a8f2--research".to_owned()));
    // Two describe one change side by side.
    api.commit("c.txt", "c\n", "note");
    let op = api.op_heads().remove(0);
    api.jj(&["describe", "-m", "one", "@-"]).ok();
    api.jj(&["bookmark", "create", "b1c4--docs", "-r", "@-"]).ok();
    api.jj(&["--at-op", &op, "describe", "-m", "other", "@-"]).ok();
    assert!(machines.read().contains(&"divergent b1c4--docs".to_owned()));
}

#[rstest]
fn a_flow_that_was_put_on_the_trunk_has_not_landed(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "main"]).ok();
    api.commit("b.txt", "b\n", "ask");
    api.jj(&["bookmark", "create", "b1c4--docs", "-r", "@-"]).ok();
    machines.read();
    // The trunk leaves the one behind, and the other is put on it.
    api.jj(&["new", "main"]).ok();
    api.commit("c.txt", "c\n", "somebody else's");
    api.jj(&["bookmark", "set", "main", "-r", "@-"]).ok();
    api.jj(&["bookmark", "set", "b1c4--docs", "-B", "-r", "main"]).ok();
    machines.read();
    assert_eq!(machines.near.rows("SELECT DISTINCT status FROM FlowRegistry"), "in-progress\n");
}

#[rstest]
fn work_that_went_on_and_landed_between_two_readings_has_landed(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.commit("b.txt", "b\n", "ask");
    machines.read();
    api.commit("c.txt", "c\n", "answer");
    api.jj(&["bookmark", "set", "a8f2--research", "main", "-r", "@-"]).ok();
    assert_eq!(machines.read(), ["elsewhere a8f2--research"]);
}

#[rstest]
fn what_is_no_line_is_left_out_and_nothing_is_taken_as_deleted(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "b1c4--docs", "-r", "@"]).ok();
    machines.project(machines.lines()).ok();
    let before = rows(&machines.near);
    api.jj(&["bookmark", "delete", "b1c4--docs"]).ok();
    let lines = machines.lines();
    let (first, rest) = lines.split_once('\n').unwrap();
    let hostile = ["\u{1b}[31mwelcome\u{202e}", "{\"commit\":{}}"];
    let mut input = format!("{first}\n{}\n{}\n{rest}", hostile[0], hostile[1]).into_bytes();
    input.extend(b"\xff\xfe\n");
    input.extend(vec![b'x'; 2 * 1024 * 1024]);
    input.push(b'\n');
    let output = machines.project(input.clone()).exits(1);
    assert!(!output.stderr.contains(['\u{1b}', '\u{202e}']), "{output}");
    for text in [
        "Left out line 2: expected value at line 1 column 1: \\u{1b}[31mwelcome\\u{202e}\n",
        "Left out line 3: missing field",
        ": it is not UTF-8: ",
        ": it is longer than 1048576 bytes: xxxx",
        "Left out 4 lines, took ",
        "Not taken as deleted, though missing: b1c4--docs.",
    ] {
        assert!(output.stderr.contains(text), "{text}\n{output}");
    }
    let answer = machines.project_with(&["--json"], input).exits(1).json();
    assert_eq!(answer["skipped_lines"], 4, "{answer}");
    assert_eq!((&answer["skipped"][0]["line"], &answer["whole"]), (&2.into(), &false.into()), "{answer}");
    // Cut off at any place, and nothing at all.
    for length in [0, 10, first.len() - 1, lines.len() - 1] {
        machines.project(&lines.as_bytes()[..length]).exits(1);
        assert_eq!(rows(&machines.near), before, "{length}");
    }
    assert_eq!(machines.read(), ["deleted b1c4--docs"]);
}

#[rstest]
fn lines_written_by_hand_are_read(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.jj(&["describe", "-m", "line\u{1b}[31m one\n\ntwo\ttabs"]).ok();
    let template = r#"json(self) ++ "\t" ++ json(local_bookmarks) ++ "\n""#;
    let lines = api.jj(&["log", "--no-graph", "-r", "bookmarks()", "-T", template]).ok().stdout;
    let doubled = lines.lines().flat_map(|line| [line, line]).map(|line| format!("{line}\n"));
    let answer = machines.project_with(&["--json"], doubled.collect::<String>()).ok().json();
    assert_eq!(kinds(&answer), ["created a8f2--research"]);
    // The longer form knows the same of it.
    machines.read();
}

#[rstest]
fn a_registry_that_was_deleted_is_read_back(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.commit("b.txt", "b\n", "ask");
    machines.read();
    api.jj(&["bookmark", "set", "main", "a8f2--research", "-r", "@-"]).ok();
    machines.read();
    let all = everything(&machines.near);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(machines.near.data_home().join(format!("jj-flow/registry.db{end}")));
    }
    machines.project(machines.lines()).ok();
    assert_eq!(everything(&machines.near), all);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(machines.journal("")), 0o700);
    for file in ["journal.ndjson", "repo.json", "stood.json"] {
        assert_eq!(mode(machines.journal(file)), 0o600, "{file}");
    }
}

#[rstest]
fn a_dry_run_and_an_empty_input_record_nothing(machines: Machines) {
    machines.api().jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    machines.project("").exits(1);
    let output = machines.project_with(&["--dry-run"], machines.lines()).ok();
    assert!(output.stdout.starts_with("Created a8f2--research (change "), "{output}");
    assert_eq!(machines.near.rows("SELECT * FROM repos"), "");
    assert!(!machines.near.data_home().join("jj-flow/registry.db.elsewhere").exists());
}

#[rstest]
fn other_commands_do_not_take_it_for_a_folder(machines: Machines) {
    machines.api().jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    let near = machines.near.repo("near");
    let root = near.root().to_str().unwrap().to_owned();
    // Not even where it is called like one.
    for name in [NAME, &root] {
        let args = ["project", "--repo", name, "--component", "theirs"];
        near.flow_with(&args, |command| command.write_stdin(machines.lines())).ok();
    }
    machines.near.registry().execute("UPDATE FlowRegistry SET status = 'success'", []).unwrap();
    let list = near.flow(&["list", "--all"]).ok().stdout;
    assert!(list.contains(NAME) && list.contains("theirs"), "{list}");
    assert_eq!(near.flow(&["land"]).ok().stdout, "Nothing waits to land.\n");
    assert_eq!(near.flow(&["land", "--all"]).ok().stdout, "Nothing waits to land.\n");
    assert_eq!(near.flow(&["sync", "--all", "--json"]).ok().json()["failed"], serde_json::json!([]));
    let repos = near.flow(&["repo", "list"]).ok().stdout;
    assert_eq!(repos.matches("elsewhere").count(), 2, "{repos}");
    // What somebody says of it in SQL is written down by the next reading.
    near.flow_with(&["project", "--repo", NAME], |command| command.write_stdin(machines.lines())).ok();
    let unwritten = "SELECT count(*) FROM events AS e JOIN repos AS r ON r.id = e.repo \
                     WHERE e.line IS NULL AND r.root = 'far:work/api'";
    assert_eq!(machines.near.rows(unwritten), "0\n");
}

#[rstest]
#[case(&["project"], 2)]
#[case(&["project", "--repo", ""], 2)]
#[case(&["project", "--repo", "a\u{1b}b"], 2)]
#[case(&["project", "--repo", "far", "--template"], 2)]
#[case(&["project", "--repo", "far", "no-such-file"], 1)]
fn what_cannot_be_read_is_refused(machines: Machines, #[case] args: &[&str], #[case] code: i32) {
    machines.near.dir("").flow(args).exits(code);
}

#[rstest]
fn what_the_other_machine_is_asked_stands_in_single_quotes(machines: Machines) {
    let here = machines.near.dir("");
    let part = |flag: &str| here.flow(&["project", flag]).ok().stdout.trim_end().to_owned();
    let (template, revset, command) = (part("--template"), part("--revset"), part("--command"));
    for text in [&template, &revset] {
        assert!(!text.contains(['\'', '\n']), "{text}");
    }
    assert!(command.ends_with(&format!("log --no-graph -r '{revset}' -T '{template}'")), "{command}");
    // A trunk of any name.
    machines.near.add_config("[flow]\ntrunk = \"it's\"\n");
    let api = machines.api();
    api.jj(&["bookmark", "rename", "main", "\"it's\""]).ok();
    api.jj(&["bookmark", "create", "a8f2--research", "-r", "@"]).ok();
    api.commit("b.txt", "b\n", "ask");
    machines.project(machines.lines()).ok();
    api.jj(&["bookmark", "set", "\"it's\"", "a8f2--research", "-r", "@-"]).ok();
    assert_eq!(machines.project(machines.lines()).ok().stdout, "Landed a8f2--research on it's.\n");
}

#[rstest]
fn a_rename_is_told_only_where_it_can_be_no_other(machines: Machines) {
    let api = machines.api();
    api.jj(&["bookmark", "create", "a8f2--research", "a8f2--schema", "b1c4--docs", "-r", "@"]).ok();
    machines.read();
    // Of two on one change either may be either, and another uid's is another flow.
    for (old, new) in
        [("a8f2--research", "a8f2--logic"), ("a8f2--schema", "a8f2--docs"), ("b1c4--docs", "c0de--docs")]
    {
        api.jj(&["bookmark", "rename", old, new]).ok();
    }
    let expected = [
        "deleted a8f2--research",
        "deleted a8f2--schema",
        "deleted b1c4--docs",
        "created a8f2--docs",
        "created a8f2--logic",
        "created c0de--docs",
    ];
    assert_eq!(machines.read(), expected);
    // Only its case is another.
    api.jj(&["bookmark", "rename", "c0de--docs", "c0de--docS"]).ok();
    assert_eq!(machines.read(), ["renamed c0de--docs"]);
}
