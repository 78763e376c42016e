//! The guard against deep rebases: an old line of work must not drag yesterday's files onto today's parent.

use std::collections::BTreeSet;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::chain::is_own;
use super::plan::{Plan, count};
use crate::error::{Failure, Kind};
use crate::jj::{Jj, Touching};
use crate::text::quoted;

/// Refuses rebased changes that touch more files than the guard allows, or add files that the parent ignores.
pub(super) fn check_touched(jj: &Jj, plan: &Plan, read: &Touching) -> anyhow::Result<()> {
    let (flow, parent) = (&plan.flow, &plan.parent);
    let all = read.graph.changes().iter().zip(&read.touched);
    let (own, others): (Vec<_>, Vec<_>) = all.partition(|(change, _)| is_own(plan, &change.id));
    let files: BTreeSet<&str> =
        own.iter().flat_map(|(_, touched)| touched.iter()).map(|(_, path)| path.as_str()).collect();
    let max = plan.guard.max_files;
    if files.len() > max {
        let message = format!(
            "Could not rebase {flow}: it touches {} over {parent}, where flow.guard.max-files is {max}. \
             Is it an old line of work?",
            count(files.len(), "file")
        );
        let range = format!("{}..{}", quoted(parent.as_str()), plan.tip.change.short());
        let hint = format!("jj log --summary --revisions {}", quoted(&range));
        return Err(Failure::new(Kind::DeepRebase, message).hint(hint).into());
    }
    // Rules that have not changed since the flow began were obeyed by its snapshots.
    if others.is_empty() || plan.guard.allow_ignored {
        return Ok(());
    }
    let mut rules = Vec::new();
    for (folder, text) in jj.read_ignores(&read.graph.op, &plan.parent_at.commit)? {
        rules.push((rules_of(&text), folder));
    }
    for (change, touched) in own {
        let added = touched.iter().filter(|(status, _)| status == "A").map(|(_, path)| path);
        let ignored: Vec<&str> = added.filter(|path| is_ignored(&rules, path)).map(String::as_str).collect();
        if let Some(first) = ignored.first() {
            let id = change.id.short();
            let message = format!(
                "Could not rebase {flow}: its change {id} would bring back what {parent} ignores: {first}{}",
                if ignored.len() > 1 { format!(" and {} more", ignored.len() - 1) } else { String::new() }
            );
            let top = quoted(&format!("root:{:?}", topmost_ignored(&rules, first)));
            let hint = format!("jj restore --changes-in {id} {top}");
            return Err(Failure::new(Kind::DeepRebase, message).hint(hint).into());
        }
    }
    Ok(())
}

/// The rules of one `.gitignore`. A line that is no pattern is passed over, as git does.
fn rules_of(text: &str) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for line in text.lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// The topmost folder above an ignored path that is ignored as a whole, else the path itself.
fn topmost_ignored<'a>(rules: &[(Gitignore, String)], path: &'a str) -> &'a str {
    let mut folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    folders.find(|folder| is_ignored_as(rules, folder, true)).unwrap_or(path)
}

/// Whether a file's path is ignored, the nearest rules deciding.
fn is_ignored(rules: &[(Gitignore, String)], path: &str) -> bool {
    is_ignored_as(rules, path, false)
}

fn is_ignored_as(rules: &[(Gitignore, String)], path: &str, is_folder: bool) -> bool {
    let mut nearest: Vec<&(Gitignore, String)> =
        rules.iter().filter(|(_, folder)| path.starts_with(folder.as_str())).collect();
    nearest.sort_by_key(|(_, folder)| std::cmp::Reverse(folder.len()));
    let decided = nearest.iter().map(|(rules, folder)| {
        rules.matched_path_or_any_parents(path.strip_prefix(folder.as_str()).unwrap_or(path), is_folder)
    });
    decided.into_iter().find(|decided| !decided.is_none()).is_some_and(|decided| decided.is_ignore())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("target/debug/x", true)]
    #[case("sub/target/x", true)]
    #[case("keep.log", false)]
    #[case("other.log", true)]
    #[case("sub/other.log", false)]
    #[case("src/main.rs", false)]
    fn the_nearest_rules_decide(#[case] path: &str, #[case] ignored: bool) {
        let rules = vec![
            (rules_of("target/\n*.log\n!keep.log\n"), String::new()),
            (rules_of("!other.log\n"), "sub/".to_owned()),
        ];
        assert_eq!(is_ignored(&rules, path), ignored, "{path}");
    }

    #[rstest]
    #[case("src/target/debug/x", "src/target")]
    #[case("src/other.log", "src/other.log")]
    fn no_more_than_what_is_ignored_goes(#[case] path: &str, #[case] goes: &str) {
        let rules = vec![(rules_of("target/\n*.log\n"), String::new())];
        assert_eq!(topmost_ignored(&rules, path), goes);
    }
}
