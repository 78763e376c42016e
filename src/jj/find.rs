//! Finding repos beneath a folder.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use camino::{Utf8Path, Utf8PathBuf};
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::Repo;

/// What a search came upon.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Each repo once, however many workspaces of it there are, by its shared folder.
    pub(crate) repos: Vec<Repo>,
    /// Folders that could not be looked into, and why.
    pub(crate) closed: Vec<String>,
}

/// Every repo beneath a folder but for one within it: in hidden and ignored folders too, and within the working
/// copies of others. Links are not followed, so that no loop leads back, and what is in a `.jj` or `.git` is nobody's
/// working copy.
pub(crate) fn find_repos(root: &Utf8Path, but: Option<Utf8PathBuf>) -> Search {
    let mut walk = WalkBuilder::new(root);
    let is_passed_over = move |entry: &DirEntry| but.as_deref().is_some_and(|but| entry.path() == but);
    walk.standard_filters(false).follow_links(false);
    walk.filter_entry(move |entry| is_looked_into(entry) && !is_passed_over(entry));
    let (sender, receiver) = channel();
    walk.build_parallel().run(|| {
        let sender = sender.clone();
        Box::new(move |entry| {
            let found = match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_dir()) => {
                    if entry.path().join(".jj").is_dir() {
                        Ok(entry.into_path())
                    } else {
                        return WalkState::Continue;
                    }
                }
                Ok(_) => return WalkState::Continue,
                Err(error) => Err(error.to_string()),
            };
            if sender.send(found).is_ok() { WalkState::Continue } else { WalkState::Quit }
        })
    });
    drop(sender);
    let (mut repos, mut closed) = (BTreeMap::new(), Vec::new());
    for found in receiver {
        match found.map(Utf8PathBuf::from_path_buf) {
            Ok(Ok(path)) => match Repo::at(&path) {
                Some(repo) => _ = repos.insert(repo.dir().to_owned(), repo),
                None => closed.push(format!("{path}: its .jj leads to no repo")),
            },
            Ok(Err(path)) => closed.push(format!("{}: its name is not UTF-8", path.display())),
            Err(error) => closed.push(error),
        }
    }
    closed.sort();
    let main = |repo: Repo| Repo::at(repo.main_root()).unwrap_or(repo);
    Search { repos: repos.into_values().map(main).collect(), closed }
}

fn is_looked_into(entry: &DirEntry) -> bool {
    ![".jj", ".git"].iter().any(|name| entry.file_name() == *name)
}
