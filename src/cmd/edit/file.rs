//! Files as they are on the disk: read, and written whole or not at all.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

use super::{Edit, refused};
use crate::agent::Refusal;
use crate::error::refuse;

/// What is in a file; none where there is no file.
pub(in crate::cmd) fn load(path: &Utf8Path) -> anyhow::Result<Option<String>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                refuse!(Io, "Could not read {path}: it is a link to a file that is not there");
            }
            return Ok(None);
        }
        other => other.with_context(|| format!("Could not read {path}"))?,
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(refused(path, Refusal("is not UTF-8 text".to_owned())).into()),
    }
}

impl Edit {
    /// Refuses before anything is written what could not be written.
    pub(super) fn checked(self) -> anyhow::Result<Self> {
        if self.before == self.after {
            return Ok(self);
        }
        let target = self.target()?;
        let folder = target.ancestors().skip(1).find(|folder| folder.exists());
        let is_read_only =
            |path: &Utf8Path| fs::metadata(path).is_ok_and(|found| found.permissions().readonly());
        if is_read_only(&target) {
            refuse!(Io, "Could not write {}: it is read-only", self.path);
        }
        if let Some(folder) = folder.filter(|folder| is_read_only(folder)) {
            refuse!(Io, "Could not write {}: the folder {folder} is read-only", self.path);
        }
        Ok(self)
    }

    /// The file itself, where the path is a link.
    fn target(&self) -> anyhow::Result<Utf8PathBuf> {
        match self.before {
            Some(_) => self.path.canonicalize_utf8().with_context(|| format!("Could not open {}", self.path)),
            None => Ok(self.path.clone()),
        }
    }

    pub(super) fn apply(&self) -> anyhow::Result<()> {
        if self.before == self.after {
            return Ok(());
        }
        let target = self.target()?;
        match &self.after {
            Some(text) => self.write(&target, text),
            None => self.remove(&target),
        }
    }

    fn write(&self, target: &Utf8Path, text: &str) -> anyhow::Result<()> {
        let refused = || format!("Could not write {}", self.path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(refused)?;
        }
        let new = Utf8PathBuf::from(format!("{target}.{}", std::process::id()));
        let old = self.before.as_ref().map(|_| fs::metadata(target)).transpose().with_context(refused)?;
        let written = write_new(&new, text, old.as_ref()).with_context(refused);
        let replaced = written
            .and_then(|()| self.require_unchanged())
            .and_then(|()| fs::rename(&new, target).with_context(refused));
        if replaced.is_err() {
            // What is reported is why it could not be written, whatever becomes of the new file.
            let _ = fs::remove_file(&new);
        }
        replaced
    }

    fn remove(&self, target: &Utf8Path) -> anyhow::Result<()> {
        self.require_unchanged()?;
        for file in [Some(target), (target != self.path).then_some(self.path.as_path())].into_iter().flatten()
        {
            match fs::remove_file(file) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                other => other.with_context(|| format!("Could not remove {file}"))?,
            }
        }
        for folder in self.path.ancestors().skip(1).take(self.folders) {
            // It stays with whatever else has come into it.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn require_unchanged(&self) -> anyhow::Result<()> {
        if load(&self.path)? != self.before {
            refuse!(Raced, "Could not write {}: somebody else changed it meanwhile", self.path);
        }
        Ok(())
    }
}

/// Writes a new file, with mode and owner of the one whose place it takes.
fn write_new(path: &Utf8Path, text: &str, old: Option<&Metadata>) -> std::io::Result<()> {
    // What was private is never anything else, not for a moment.
    let mode = if old.is_some() { 0o600 } else { 0o666 };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    if let Some(old) = old {
        if file.metadata()?.uid() != old.uid() {
            chown(path, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::agent::Rest;
    use crate::cmd::edit::plan_uninstall;
    use crate::error::{Failure, Kind};

    /// A folder with a file in it, and a plan for that file.
    fn planned(after: Rest) -> (tempfile::TempDir, Utf8PathBuf, Edit) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("file");
        fs::write(&path, "before").unwrap();
        let edit = plan_uninstall(path.clone(), |_| Ok(after.clone())).unwrap().unwrap();
        (folder, path, edit)
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_left() {
        for rest in [Rest::Text("after".into()), Rest::Nothing { folders: 0 }] {
            let (folder, path, edit) = planned(rest);
            fs::write(&path, "meanwhile").unwrap();
            assert_eq!(Failure::of(&edit.apply().unwrap_err()).kind, Kind::Raced);
            assert_eq!((fs::read_to_string(&path).unwrap().as_str(), names(&folder).len()), ("meanwhile", 1));
        }
    }

    #[test]
    fn a_file_keeps_its_mode_and_its_owner() {
        let (_folder, path, edit) = planned(Rest::Text("after".into()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let is_root = chown(&path, Some(4321), Some(4322)).is_ok();
        edit.apply().unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), found.mode() & 0o777), ("after", 0o640));
        assert_eq!((found.uid() == 4321, found.gid() == 4322), (is_root, is_root));
    }

    #[test]
    fn with_a_file_of_ours_goes_the_link_to_it() {
        let (folder, path, _) = planned(Rest::Text("after".into()));
        let link = path.with_file_name("link");
        symlink("file", &link).unwrap();
        let edit = plan_uninstall(link, |_| Ok(Rest::Nothing { folders: 0 })).unwrap().unwrap();
        edit.apply().unwrap();
        assert_eq!(names(&folder), [""; 0]);
    }
}
