//! Where jj has made workspaces, their folders still there or not: `workspace_store/index`, which no template tells.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::wire::fields;
use crate::jj::Repo;

/// The folder of a workspace by its name, as jj has written it down; none where that cannot be read.
pub(in crate::jj) fn load_place(repo: &Repo, name: &str) -> Option<Utf8PathBuf> {
    let bytes = std::fs::read(repo.dir().join("workspace_store/index")).ok()?;
    let place = find(&bytes, name)?;
    Some(plain(&repo.dir().join(place)))
}

fn find(index: &[u8], name: &str) -> Option<Utf8PathBuf> {
    for workspace in fields(index) {
        let workspace: Vec<_> = fields(workspace?.bytes()?).collect::<Option<_>>()?;
        let text = |number| workspace.iter().find(|field| field.number == number)?.text();
        if text(1).as_deref() == Some(name) {
            return text(2).map(Utf8PathBuf::from);
        }
    }
    None
}

/// The path without `..`: the repo's folder, which it begins with, has no links in it.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_name() {
        let index = b"\x0a\x10\x0a\x07default\x12\x05../..\x0a\x0b\x0a\x01x\x12\x06../../";
        assert_eq!(find(index, "default"), Some("../..".into()));
        assert_eq!(find(index, "x"), Some("../../".into()));
        assert_eq!((find(index, "y"), find(&index[..12], "x")), (None, None));
        assert_eq!(plain("/a/.jj/repo/../../../x".into()), "/x");
    }
}
