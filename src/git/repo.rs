//! A git repo's own files: made anew, and its refs moved.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use camino::Utf8Path;

use super::{ObjectId, run};

/// What HEAD names in a repo that nobody has checked out yet.
const UNBORN: &str = "jj-flow/unborn";

/// Makes a repo around what is in `git_dir/objects`, with refs in full (`refs/heads/main`). HEAD is on none of them.
pub(crate) fn make_repo(git_dir: &Utf8Path, refs: &[(String, ObjectId)]) -> anyhow::Result<()> {
    for part in ["refs/heads", "refs/tags", "info", "objects/info", "objects/pack"] {
        std::fs::create_dir_all(git_dir.join(part))?;
    }
    let config = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n";
    std::fs::write(git_dir.join("config"), config)?;
    let mut sorted: Vec<_> = refs.iter().collect();
    sorted.sort();
    let mut packed = "# pack-refs with: peeled fully-peeled sorted \n".to_owned();
    for (name, commit) in sorted {
        writeln!(packed, "{commit} {name}")?;
    }
    std::fs::write(git_dir.join("packed-refs"), packed)?;
    std::fs::write(git_dir.join("HEAD"), format!("ref: refs/heads/{UNBORN}\n"))?;
    Ok(())
}

/// Moves a ref from where it was last seen, or makes it; fails where it is elsewhere by now.
pub(crate) fn run_update_ref(
    git_dir: &Utf8Path,
    name: &str,
    to: &ObjectId,
    from: Option<&ObjectId>,
) -> anyhow::Result<()> {
    let from = from.copied().unwrap_or_else(|| ObjectId::null(super::HASH));
    let git_dir = format!("--git-dir={git_dir}");
    run(None, &[&git_dir, "update-ref", "--no-deref", name, &to.to_string(), &from.to_string()])?;
    Ok(())
}

/// The tags that have a word to say: each with its own object.
pub(crate) fn run_annotated_tags(git_dir: &Utf8Path) -> anyhow::Result<BTreeMap<String, ObjectId>> {
    let git_dir = format!("--git-dir={git_dir}");
    let format = "--format=%(objecttype) %(objectname) %(refname:strip=2)";
    let text = run(None, &[&git_dir, "for-each-ref", format, "refs/tags"])?;
    let tag = |line: &str| {
        let (id, name) = line.strip_prefix("tag ")?.split_once(' ')?;
        Some((name.to_owned(), ObjectId::from_hex(id.as_bytes()).ok()?))
    };
    Ok(text.lines().filter_map(tag).collect())
}

/// Where a ref is.
pub(crate) fn run_read_ref(git_dir: &Utf8Path, name: &str) -> anyhow::Result<Option<ObjectId>> {
    let git_dir = format!("--git-dir={git_dir}");
    let text = run(None, &[&git_dir, "for-each-ref", "--format=%(objectname)", name])?;
    Ok(ObjectId::from_hex(text.trim().as_bytes()).ok())
}

/// Runs something while git and jj ignore `paths` too, whatever a file in them says of what is in them. Afterwards those
/// that are still there stay ignored; which they are.
pub(crate) fn ignoring(
    git_dir: &Utf8Path,
    root: &Utf8Path,
    paths: &[&str],
    act: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<String>> {
    let file = git_dir.join("info/exclude");
    let before = match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text?,
    };
    std::fs::create_dir_all(git_dir.join("info"))?;
    let write = |paths: &[String]| {
        let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
        let lines = paths.iter().map(|path| format!("/{}\n", escaped(path)));
        let lines: String =
            lines.filter(|line| !before.lines().any(|there| there == line.trim_end())).collect();
        std::fs::write(&file, format!("{before}{end}{lines}"))
    };
    write(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())?;
    let acted = act();
    let is_left = |path: &&&str| root.join(path).symlink_metadata().is_ok();
    let left: Vec<String> = paths.iter().filter(is_left).map(|path| (*path).to_owned()).collect();
    write(&left)?;
    acted.map(|()| left)
}

/// A path as a pattern that means just this.
fn escaped(path: &str) -> String {
    let mut pattern = String::new();
    for character in path.chars() {
        match character {
            // No line of patterns has one in it.
            '\n' => pattern.push('?'),
            '*' | '?' | '[' | '\\' | ' ' => pattern.extend(['\\', character]),
            other => pattern.push(other),
        }
    }
    pattern
}

/// The commits whose parents a shallow clone does not have.
pub(crate) fn load_shallow(git_dir: &Utf8Path) -> anyhow::Result<HashSet<ObjectId>> {
    let text = match std::fs::read_to_string(git_dir.join("shallow")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashSet::new()),
        text => text?,
    };
    Ok(text.lines().filter_map(|line| ObjectId::from_hex(line.trim().as_bytes()).ok()).collect())
}
