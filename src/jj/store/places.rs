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

/// The name of the workspace whose root this is.
pub(in crate::jj) fn load_name(repo: &Repo) -> Option<String> {
    let bytes = std::fs::read(repo.dir().join("workspace_store/index")).ok()?;
    let is_it = |place: &Utf8Path| plain(&repo.dir().join(place)) == repo.root();
    entries(&bytes).into_iter().find(|(_, place)| is_it(place)).map(|(name, _)| name)
}

fn find(index: &[u8], name: &str) -> Option<Utf8PathBuf> {
    entries(index).into_iter().find(|(own, _)| own == name).map(|(_, place)| place)
}

/// Names and places, as far as they can be read.
fn entries(index: &[u8]) -> Vec<(String, Utf8PathBuf)> {
    let entry = |workspace: &[u8]| {
        let workspace: Vec<_> = fields(workspace).collect::<Option<_>>()?;
        let text = |number| workspace.iter().find(|field| field.number == number)?.text();
        Some((text(1)?, Utf8PathBuf::from(text(2)?)))
    };
    fields(index).map_while(|field| entry(field?.bytes()?)).collect()
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
