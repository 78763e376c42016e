//! What holds of a repo whatever was done to it: by one, by many at once, and with kills in between.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Output, TestEnvironment, TestRepo};

/// What somebody was told who asked for a landing; of several answers the last one.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The flow's bookmark.
    pub(crate) flow: String,
    /// What it was to land on.
    pub(crate) parent: String,
    /// The description of one of its changes.
    pub(crate) change: String,
    pub(crate) code: i32,
    pub(crate) stderr: String,
}

impl Told {
    pub(crate) fn new(flow: &str, parent: &str, change: &str, output: &Output) -> Self {
        let (flow, parent, change) = (flow.to_owned(), parent.to_owned(), change.to_owned());
        Self { flow, parent, change, code: output.code, stderr: output.stderr.clone() }
    }
}

/// What was there before, and what was done since.
#[derive(Debug, Default)]
pub(crate) struct Since {
    /// Bookmarks that flows land on, each with the change that it was on.
    pub(crate) parents: Vec<(String, String)>,
    pub(crate) told: Vec<Told>,
    /// What people wrote into files, each text only once.
    pub(crate) texts: BTreeSet<String>,
    /// The folders of all workspaces.
    pub(crate) workspaces: Vec<std::path::PathBuf>,
}

impl Since {
    /// Where the parents are now, before anything lands on them.
    pub(crate) fn now(repo: &TestRepo<'_>, parents: &[&str]) -> Self {
        let parents = parents.iter().map(|name| ((*name).to_owned(), repo.changes(&exactly(name)).concat()));
        Self { parents: parents.collect(), ..Self::default() }
    }
}

fn exactly(bookmark: &str) -> String {
    format!("bookmarks(exact:{bookmark:?})")
}

/// Everything that must hold of a repo. The first thing done is the next command that anybody might run.
#[track_caller]
pub(crate) fn assert_sound(repo: &TestRepo<'_>, since: &Since) {
    repo.flow(&[]).ok();
    assert_eq!(repo.op_heads().len(), 1);
    assert_eq!(repo.changes("divergent()"), [""; 0], "{}", repo.log());
    assert_bookmarks(repo, since);
    assert_told(repo, since);
    assert_settled(repo);
    assert_proofs(repo);
    assert_nothing_lost(repo, since);
}

/// Each has one target, on top of where it was.
#[track_caller]
fn assert_bookmarks(repo: &TestRepo<'_>, since: &Since) {
    let all = repo.bookmarks();
    assert!(!all.lines().any(|line| line.ends_with(" conflict")), "{all}");
    for (name, before) in &since.parents {
        let on_top = repo.changes(&format!("change_id({before}) & ::{}", exactly(name)));
        assert_eq!((on_top, repo.changes(&exactly(name)).len()), (vec![before.clone()], 1), "{name}");
    }
}

/// Who was told that it landed, landed; who was not, has left the parent alone, and was told why.
#[track_caller]
fn assert_told(repo: &TestRepo<'_>, since: &Since) {
    for told in &since.told {
        let Told { flow, parent, change, code, stderr } = told;
        let landed =
            repo.changes(&format!("description(exact:{:?}) & ::{}", format!("{change}\n"), exactly(parent)));
        let status = repo.env().rows(&format!(
            "SELECT status FROM FlowRegistry WHERE bookmark = '{flow}' AND gone_at IS NULL AND repo = '{}'",
            id(repo)
        ));
        assert_eq!(
            (landed.len(), status == "merged\n"),
            (usize::from(*code == 0), *code == 0),
            "{told:?}: {status}"
        );
        let is_said = stderr.lines().any(|line| line.starts_with("Error: "));
        assert!(*code == 0 || (1..=5).contains(code) && is_said, "{told:?}");
    }
}

/// What is on record is over: landed, dropped or taken back, and where it landed the parent has it.
#[track_caller]
fn assert_settled(repo: &TestRepo<'_>) {
    let id = id(repo);
    let env = repo.env();
    let of_repo = format!("FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow AND f.repo = '{id}'");
    let open = env.rows(&format!("SELECT l.key, l.state {of_repo} WHERE l.state IN ('planned', 'undoing')"));
    assert_eq!(open, "");
    let wrong = env.rows(&format!(
        "SELECT f.bookmark, f.status, l.state {of_repo} AND f.gone_at IS NULL \
         WHERE l.id = (SELECT max(id) FROM landings WHERE flow = f.id) \
         AND (f.status = 'merged') <> (l.state IN ('landed', 'elsewhere'))"
    ));
    assert_eq!(wrong, "", "a flow is merged where its last landing is in the parent, and nowhere else");
    let left = std::fs::read_dir(repo.shared().join("flow")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.starts_with("resolving-")).collect::<Vec<_>>(), [""; 0]);
    let workspaces = repo.jj(&["--ignore-working-copy", "workspace", "list"]).ok().stdout;
    assert!(!workspaces.contains("flow-resolver-"), "{workspaces}");
}

/// The tree that was verified is the tree that landed.
#[track_caller]
fn assert_proofs(repo: &TestRepo<'_>) {
    let env = repo.env();
    let proofs = env.rows(&format!(
        "SELECT l.parent_to, v.tree, v.passed FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow \
         LEFT JOIN verifications AS v ON v.key = l.verification AND v.repo = f.repo \
         WHERE f.repo = '{}' AND l.state IN ('landed', 'undone') AND l.verification IS NOT NULL",
        id(repo)
    ));
    let git = repo.git_dir();
    for proof in proofs.lines() {
        let [commit, tree, passed] = proof.split('|').collect::<Vec<_>>()[..] else { panic!("{proof}") };
        let landed = repo.git(&["--git-dir", &git, "rev-parse", &format!("{commit}^{{tree}}")]).ok().stdout;
        assert_eq!((landed.trim(), passed), (tree, "1"), "{proof}");
    }
}

/// Every text that anybody wrote is in a change, or still in a file.
#[track_caller]
fn assert_nothing_lost(repo: &TestRepo<'_>, since: &Since) {
    if since.texts.is_empty() {
        return;
    }
    let there = repo.env().dir("expected");
    let commits = repo.commits("all() ~ root()").join("\n") + "\n";
    std::fs::write(there.root().join("commits"), commits).unwrap();
    let mut names = String::new();
    for (number, text) in since.texts.iter().enumerate() {
        there.write(&number.to_string(), text);
        names += &format!("{number}\n");
    }
    there.write("names", &names);
    let hashes = there.sh("git hash-object --no-filters --stdin-paths <names").ok().stdout;
    let list = format!("git --git-dir '{}' rev-list --objects --stdin <commits", repo.git_dir());
    let objects = there.sh(&list).ok().stdout;
    let kept: BTreeSet<&str> = objects.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut on_disk = BTreeSet::new();
    since.workspaces.iter().for_each(|root| read_all(root, &mut on_disk));
    for (text, hash) in since.texts.iter().zip(hashes.lines()) {
        let lost = !kept.contains(hash) && !on_disk.contains(text);
        assert!(!lost, "{text:?} is nowhere any more:\n{}", repo.log());
    }
}

fn read_all(folder: &Path, texts: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() && name != ".jj" && name != ".git" {
            read_all(&path, texts);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            texts.insert(text);
        }
    }
}

/// The registry is what the journals of these repos say: it is taken away, and comes back the same but for its own
/// numbers.
#[track_caller]
pub(crate) fn assert_rebuilt(env: &TestEnvironment, repos: &[&TestRepo<'_>]) {
    repos.iter().for_each(|repo| _ = repo.flow(&[]).ok());
    let before = dump(env);
    let database = env.data_home().join("jj-flow/registry.db");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", database.display()));
    }
    repos.iter().for_each(|repo| _ = repo.flow(&[]).ok());
    let after = dump(env);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
}

/// Everything in the registry that a journal holds too, without the database's own numbers.
pub(crate) fn dump(env: &TestEnvironment) -> [String; 5] {
    [
        "SELECT repo, bookmark, uid, component, intent, subflow, status, change_id, commit_id, parent_flow, actor, \
         reason, created_at, updated_at, gone_at FROM FlowRegistry ORDER BY repo, id",
        "SELECT e.repo, f.bookmark, e.key, e.at, e.actor, e.kind, e.status_from, e.status_to, e.reason, e.operation, \
         e.line FROM events AS e JOIN FlowRegistry AS f ON f.id = e.flow ORDER BY e.repo, e.id",
        "SELECT f.repo, f.bookmark, l.key, l.parent, l.state, l.base_operation, l.chain_operation, l.operation, \
         l.parent_from, l.parent_to, l.tip_change, l.tip_from, l.tip_to, l.changes, l.rebased, l.planned_at, \
         l.settled_at, l.verification, l.remote, l.undone_at \
         FROM landings AS l JOIN FlowRegistry AS f ON f.id = l.flow ORDER BY f.repo, l.id",
        "SELECT repo, key, tree, command, passed, ending, tail, at FROM verifications ORDER BY repo, id",
        "SELECT f.repo, f.bookmark, c.key, c.parent, c.state, c.line, c.at, c.closed_at \
         FROM conflicts AS c JOIN FlowRegistry AS f ON f.id = c.flow ORDER BY f.repo, c.id",
    ]
    .map(|sql| env.rows(sql))
}

/// The repo's identity in the registry.
fn id(repo: &TestRepo<'_>) -> String {
    let text = std::fs::read_to_string(repo.shared().join("flow/id.json")).unwrap();
    let identity: serde_json::Value = serde_json::from_str(&text).unwrap();
    identity["id"].as_str().unwrap().to_owned()
}
