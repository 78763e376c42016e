//! Where a workspace and its repo lie, read from the disk alone.

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::OpId;

/// A workspace, and the shared folder of the repo that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repo {
    root: Utf8PathBuf,
    dir: Utf8PathBuf,
}

impl Repo {
    /// The workspace that a folder lies in: the nearest folder upwards with a `.jj`, as for jj itself.
    pub(crate) fn find(from: &Utf8Path) -> Option<Self> {
        from.ancestors().find(|root| root.join(".jj").is_dir()).and_then(Self::at)
    }

    /// The workspace whose root this folder is.
    pub(crate) fn at(root: &Utf8Path) -> Option<Self> {
        let link = root.join(".jj/repo");
        let kind = std::fs::metadata(&link).ok()?;
        let dir = if kind.is_dir() {
            link
        } else {
            // A secondary workspace: the file holds the path of the shared folder, relative to its own `.jj`.
            let target = std::fs::read_to_string(&link).ok()?;
            root.join(".jj").join(target.trim_end_matches('\n')).canonicalize_utf8().ok()?
        };
        Some(Self { root: root.to_owned(), dir })
    }

    /// The root of this workspace.
    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The shared `.jj/repo`, the same for all workspaces.
    pub(crate) fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// The root of the workspace that holds the shared folder.
    pub(crate) fn main_root(&self) -> &Utf8Path {
        self.dir.ancestors().nth(2).unwrap_or(&self.root)
    }

    /// The name of a workspace beside the one that holds the shared folder, as jj has written it down.
    pub(crate) fn load_workspace_name(&self) -> Option<String> {
        if self.is_default_workspace() { None } else { super::store::load_name(self) }
    }

    /// Whether this is the workspace that holds the shared folder.
    pub(crate) fn is_default_workspace(&self) -> bool {
        self.main_root() == self.root
    }

    /// The git repo that holds the commits; none where jj keeps them in something else.
    pub(crate) fn git_dir(&self) -> Option<Utf8PathBuf> {
        let store = self.dir.join("store");
        let target = std::fs::read_to_string(store.join("git_target")).ok()?;
        store.join(target.trim_end()).canonicalize_utf8().ok()
    }

    /// Whether git works in the main workspace's folder too, so that its refs should follow jj's.
    pub(crate) fn is_colocated(&self) -> bool {
        let git = self.main_root().join(".git");
        git.exists() && self.git_dir().is_some() && self.git_dir() == git.canonicalize_utf8().ok()
    }

    /// The operations that the repo stands at: one, unless operations went on side by side.
    pub(crate) fn load_heads(&self) -> std::io::Result<Vec<OpId>> {
        let mut heads = Vec::new();
        for entry in self.dir.join("op_heads/heads").read_dir_utf8()? {
            let entry = entry?;
            let name = entry.file_name();
            if name.len() == 128 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                heads.push(OpId::new(name));
            }
        }
        heads.sort();
        Ok(heads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_found_from_below_and_shares_its_repo() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        std::fs::create_dir_all(top.join("main/.jj/repo/op_heads/heads")).unwrap();
        std::fs::create_dir_all(top.join("main/deep/er")).unwrap();
        std::fs::create_dir_all(top.join("other/.jj")).unwrap();
        std::fs::write(top.join("other/.jj/repo"), "../../main/.jj/repo").unwrap();
        let main = Repo::find(&top.join("main/deep/er")).unwrap();
        assert_eq!((main.root(), main.main_root()), (top.join("main").as_path(), main.root()));
        let other = Repo::find(&top.join("other")).unwrap();
        assert_eq!((other.dir(), other.main_root()), (main.dir(), main.root()));
        assert_eq!(other.root(), top.join("other"));
        assert_eq!(Repo::find(&top), None);
    }

    #[test]
    fn heads_are_the_operations_and_not_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        let heads = top.join(".jj/repo/op_heads/heads");
        std::fs::create_dir_all(&heads).unwrap();
        std::fs::write(heads.join("lock"), "").unwrap();
        std::fs::write(heads.join("a".repeat(128)), "").unwrap();
        assert_eq!(Repo::at(top).unwrap().load_heads().unwrap(), [OpId::new("a".repeat(128))]);
    }
}
