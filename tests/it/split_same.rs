//! What is kept of a path, beside what git itself says of it: on a generated monorepo with merges, renames, deletions,
//! odd names, executable bits, symlinks and twenty components.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use rstest::rstest;

use crate::common::{TestEnvironment, TestRepo};
use crate::split::{environment, split};

/// The parts of a commit that stay, and its tree.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    tree: String,
    parents: Vec<String>,
    words: String,
}

/// A generator whose numbers are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// What a commit has: each file's mode and content.
type Files = BTreeMap<String, (&'static str, String)>;

/// A history for `git fast-import`: each commit does a few things to a few components, on one of several branches, and
/// merges take each component from either side.
fn history(commits: usize, components: usize) -> String {
    let mut chance = Chance(7);
    let mut text = String::new();
    let mut branches: Vec<usize> = Vec::new();
    let mut all: Vec<Files> = vec![Files::new()];
    for commit in 1..=commits {
        let parent = if branches.len() > 3 || (chance.below(6) > 0 && !branches.is_empty()) {
            branches.swap_remove(chance.below(branches.len()))
        } else {
            chance.below(commit)
        };
        let other = (!branches.is_empty() && parent > 0 && chance.below(3) == 0)
            .then(|| branches.swap_remove(chance.below(branches.len())))
            .filter(|other| *other != parent);
        let mut files = all[parent].clone();
        if let Some(other) = other {
            for folder in (0..components).map(|number| format!("Components/c{number}/")) {
                if chance.below(2) == 0 {
                    files.retain(|path, _| !path.starts_with(&folder));
                    let theirs = all[other].iter().filter(|(path, _)| path.starts_with(&folder));
                    files.extend(theirs.map(|(path, file)| (path.clone(), file.clone())));
                }
            }
        }
        for _ in 0..chance.below(if other.is_some() { 2 } else { 4 }) {
            act(&mut chance, &mut files, components);
        }
        let message = format!("commit {commit}: cåse\n\n  with odd  spaces \n");
        writeln!(text, "commit refs/heads/main\nmark :{commit}").unwrap();
        writeln!(text, "author Ädä <ada@x> {} +0545", 1_000_000_000 + commit * 7).unwrap();
        writeln!(text, "committer Bob <b@x> {} -0800", 1_000_000_100 + commit * 7).unwrap();
        writeln!(text, "data {}\n{message}", message.len()).unwrap();
        for (word, commit) in [("from", Some(parent).filter(|parent| *parent > 0)), ("merge", other)] {
            commit.into_iter().for_each(|commit| writeln!(text, "{word} :{commit}").unwrap());
        }
        writeln!(text, "deleteall").unwrap();
        for (path, (mode, content)) in &files {
            writeln!(text, "M {mode} inline \"{path}\"\ndata {}\n{content}", content.len()).unwrap();
        }
        writeln!(text, "\nreset refs/heads/main\n").unwrap();
        branches.push(commit);
        all.push(files);
    }
    for (number, tip) in branches.iter().enumerate() {
        writeln!(text, "reset refs/heads/b{number}\nfrom :{tip}\n").unwrap();
    }
    text
}

/// One thing done to one component: few names, so that it meets what others did.
fn act(chance: &mut Chance, files: &mut Files, components: usize) {
    let mut place = || {
        let folder = format!("Components/c{}", chance.below(components));
        let file = ["a", "sub dir/b", "ünï", "deep/er/c"][chance.below(4)];
        (format!("{folder}/{file}"), folder)
    };
    let ((path, folder), (other, _)) = (place(), place());
    let content = chance.below(5).to_string();
    match chance.below(12) {
        0 => files.retain(|path, _| !path.starts_with(&folder)),
        1 => _ = files.remove(&path),
        2 => _ = files.insert(path, ("100755", content)),
        3 => _ = files.insert(format!("{folder}/link"), ("120000", content)),
        4 => _ = files.insert("outside".into(), ("100644", content)),
        5 | 6 => {
            if let Some(file) = files.remove(&path) {
                files.insert(other, file);
            }
        }
        _ => _ = files.insert(path, ("100644", content)),
    }
}

fn lines(repo: &TestRepo<'_>, args: &[&str]) -> Vec<String> {
    repo.git(args).ok().stdout.lines().map(str::to_owned).collect()
}

/// The commits of a repo by their ids, with everything in them that stays.
fn commits(repo: &TestRepo<'_>, revisions: &[&str]) -> BTreeMap<String, Told> {
    let format = "--format=%x01%H%n%T%n%P%n%an%n%ae%n%ad%n%cn%n%ce%n%cd%n%e%n%B";
    let args = [&["log", "--date=raw", format], revisions].concat();
    let text = repo.git(&args).ok().stdout;
    let commit = |text: &str| {
        let mut lines = text.splitn(4, '\n');
        let [id, tree, parents] = [0; 3].map(|_| lines.next().unwrap().to_owned());
        let parents = parents.split_whitespace().map(str::to_owned).collect();
        (id, Told { tree, parents, words: lines.next().unwrap().trim_end_matches('\n').to_owned() })
    };
    text.split('\u{1}').skip(1).map(commit).collect()
}

fn changes(repo: &TestRepo<'_>) -> HashMap<String, String> {
    let args = ["log", "--ignore-working-copy", "--no-graph", "-r", "all()", "-T"];
    let text = repo.jj(&[&args[..], &["commit_id ++ ' ' ++ change_id ++ \"\\n\""]].concat()).ok().stdout;
    text.lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(id, change)| (id.into(), change.into()))
        .collect()
}

fn import(env: &TestEnvironment, commits: usize, components: usize) -> TestRepo<'_> {
    let repo = env.dir("mono");
    repo.git(&["init", "--quiet"]).ok();
    repo.write("../history", &history(commits, components));
    repo.sh("git fast-import --quiet <../history && git checkout --quiet b0").ok();
    repo.jj(&["git", "init", "--colocate"]).ok();
    repo
}

#[rstest]
#[case(300, 20)]
#[case(400, 2)]
fn what_is_kept_of_a_path_is_what_git_says_of_it(#[case] size: usize, #[case] components: usize) {
    let env = environment();
    let repo = import(&env, size, components);
    let paths: Vec<String> = (0..components).map(|number| format!("Components/c{number}")).collect();
    split(&repo, &paths.iter().map(String::as_str).collect::<Vec<_>>());
    let whole = commits(&repo, &["--branches"]);
    let mut merges = 0;
    let old_changes = changes(&repo);
    for (number, path) in paths.iter().enumerate() {
        let there = env.dir(&format!("out/c{number}"));
        let kept = commits(&there, &["--branches"]);
        merges += kept.values().filter(|told| told.parents.len() > 1).count();
        let trees: HashMap<String, String> = trees(&repo, path, whole.keys());
        let expected: HashSet<String> = lines(
            &repo,
            &["log", "--branches", "--full-history", "--simplify-merges", "--format=%H", "--", path],
        )
        .into_iter()
        .collect();
        let new_changes = changes(&there);
        // A change id is made of the commit's own id here, and so tells which commit was kept.
        let by_change: HashMap<&str, &str> =
            old_changes.iter().map(|(id, change)| (change.as_str(), id.as_str())).collect();
        let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let mut found = HashSet::new();
        for (id, told) in &kept {
            let old = by_change[new_changes[id].as_str()];
            found.insert(old.to_owned());
            assert_eq!(told.tree, *trees.get(old).map_or(empty, |tree| tree), "{path} in {old}");
            assert_eq!(told.words, whole[old].words, "{path} in {old}");
            if let [parent] = &told.parents[..] {
                assert_ne!(kept[parent].tree, told.tree, "{old} changes nothing in {path}");
            }
        }
        assert_eq!(found, expected, "{path}");
        assert_eq!(there.git(&["fsck", "--strict"]).ok().stdout, "");
    }
    assert!(merges > size / 20, "{merges} merges are too few to tell anything");
}

/// The tree of each commit at a path, where it has one.
fn trees<'s>(
    repo: &TestRepo<'_>,
    path: &str,
    ids: impl Iterator<Item = &'s String>,
) -> HashMap<String, String> {
    let ids: Vec<&String> = ids.collect();
    let asked: String = ids.iter().map(|id| format!("{id}:{path}\n")).collect();
    repo.write("../asked", &asked);
    let told = repo.sh("git cat-file --batch-check='%(objectname)' <../asked").ok().stdout;
    let pairs = ids.iter().zip(told.lines()).filter(|(_, tree)| tree.len() == 40);
    pairs.map(|(id, tree)| ((*id).clone(), tree.to_owned())).collect()
}
