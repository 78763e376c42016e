//! Repos that are not there any more: told from disks that are only not mounted, archived, and taken from the record.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Failure, Kind};
use crate::failpoint;
use crate::model::RepoId;
use crate::registry::{Registry, archive};

/// Where disks and homes of others come and go by themselves.
const COMING_AND_GOING: [&str; 8] =
    ["/", "/mnt", "/media", "/run/media", "/Volumes", "/net", "/home", "/Users"];

/// What is found where a repo was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Its folder is there.
    There,
    /// It is gone, and what it was in is there.
    Gone,
    /// It may only be out of reach, for this reason.
    Doubtful(String),
}

/// A repo that was taken from the record, and where everything of it is now.
#[derive(Clone, Debug)]
pub(crate) struct Away {
    pub(crate) archive: Utf8PathBuf,
    pub(crate) flows: u32,
    pub(crate) events: usize,
}

/// The nearest folder that is there, of those that a repo lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nearest<'a> {
    path: &'a Utf8Path,
    is_folder: bool,
    is_empty: bool,
    is_mount_point: bool,
}

/// Looks whether a repo is where it was.
pub(crate) fn look(root: &Utf8Path) -> Ground {
    for path in root.ancestors() {
        match std::fs::symlink_metadata(path) {
            Ok(_) if path == root => return Ground::There,
            Ok(_) => {
                return load_nearest(path).map_or_else(|error| unreadable(path, &error), |it| judge(&it));
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return unreadable(path, &error),
        }
    }
    Ground::Doubtful(format!("{root} is no path from the root"))
}

fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Ground {
    Ground::Doubtful(format!("{path} could not be looked at: {error}"))
}

fn load_nearest(path: &Utf8Path) -> std::io::Result<Nearest<'_>> {
    // Through a link: one that leads nowhere is an error here.
    let here = std::fs::metadata(path)?;
    let above = std::fs::metadata(path.join(".."))?;
    let is_empty = here.is_dir() && path.read_dir_utf8()?.next().is_none();
    Ok(Nearest { path, is_folder: here.is_dir(), is_empty, is_mount_point: here.dev() != above.dev() })
}

/// A disk that is not mounted leaves an empty folder behind, or none at all where such folders are made for it.
fn judge(nearest: &Nearest<'_>) -> Ground {
    let Nearest { path, is_folder, is_empty, is_mount_point } = nearest;
    let for_each_user = ["/media", "/run/media"];
    let doubt = if !is_folder {
        format!("{path} is no folder any more")
    } else if *is_empty && *is_mount_point {
        format!("the disk at {path} is empty: perhaps it is another one")
    } else if *is_empty {
        format!("{path} is empty: perhaps a disk is not mounted there")
    } else if COMING_AND_GOING.iter().any(|folder| path == folder)
        || path.parent().is_some_and(|above| for_each_user.iter().any(|folder| above == *folder))
    {
        format!("only {path} is left of its path: perhaps a disk is not mounted there")
    } else {
        return Ground::Gone;
    };
    Ground::Doubtful(doubt)
}

/// Archives everything on record of a repo beside the registry and takes it from there; none where it has gone from the
/// record already.
pub(crate) fn take_away(
    registry: &mut Registry,
    registry_path: &Utf8Path,
    repo: &RepoId,
) -> anyhow::Result<Option<Away>> {
    let Some(record) = registry.record_of(repo)? else { return Ok(None) };
    let archive = archive(registry_path, &record)?;
    failpoint::reach("archived");
    let root = Utf8Path::new(&record.repo.root);
    if look(root) != Ground::Gone || !registry.remove_repo(&record)? {
        let message = format!("Could not take {root} from the record: it was seen again meanwhile");
        return Err(Failure::new(Kind::Raced, message).hint("jj flow gc --all").into());
    }
    Ok(Some(Away { archive, flows: record.flows, events: record.events.len() }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/srv/work", true, false, false, true)]
    #[case("/srv/disk", true, false, true, true)]
    #[case("/srv/work", true, true, false, false)]
    #[case("/srv/disk", true, true, true, false)]
    #[case("/srv/work", false, false, false, false)]
    #[case("/", true, false, true, false)]
    #[case("/mnt", true, false, false, false)]
    #[case("/mnt/disk", true, false, true, true)]
    #[case("/run/media/me", true, false, false, false)]
    #[case("/run/media/me/disk", true, false, true, true)]
    #[case("/home", true, false, false, false)]
    #[case("/home/me", true, false, false, true)]
    fn only_what_is_surely_gone_is_gone(
        #[case] path: &str,
        #[case] is_folder: bool,
        #[case] is_empty: bool,
        #[case] is_mount_point: bool,
        #[case] is_gone: bool,
    ) {
        let path = Utf8Path::new(path);
        let ground = judge(&Nearest { path, is_folder, is_empty, is_mount_point });
        assert_eq!(ground == Ground::Gone, is_gone, "{ground:?}");
        assert!(is_gone || matches!(ground, Ground::Doubtful(why) if why.contains(path.as_str())));
    }

    #[test]
    fn a_folder_is_looked_for_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(dir.path()).unwrap();
        assert_eq!(look(top), Ground::There);
        assert!(matches!(look(&top.join("work/repo")), Ground::Doubtful(_)));
        std::fs::write(top.join("file"), "").unwrap();
        assert_eq!(look(&top.join("work/repo")), Ground::Gone);
        assert!(matches!(look(&top.join("file/repo")), Ground::Doubtful(_)));
        std::os::unix::fs::symlink("nowhere", top.join("link")).unwrap();
        assert!(matches!(look(&top.join("link/repo")), Ground::Doubtful(_)));
        assert_eq!(look(&top.join("link")), Ground::There);
    }
}
