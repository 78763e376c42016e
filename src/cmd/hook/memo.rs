//! What a session has been told at its end, so that it is told once. In files that can be made again: one that is lost
//! has something said twice.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use camino::Utf8PathBuf;
use sha2::{Digest as _, Sha256};

use crate::env;

/// More sessions than this are forgotten, all at once: most have ended long ago.
const MOST: usize = 1_000;

/// The folder of the files, one a session.
pub(in crate::cmd) fn folder() -> Option<Utf8PathBuf> {
    Some(env::cache_dir()?.join("told"))
}

/// Lines that one session has been told.
pub(super) struct Memo {
    file: Option<Utf8PathBuf>,
    told: BTreeSet<String>,
}

impl Memo {
    /// Of a session without a name nothing is kept.
    pub(super) fn load(session: Option<&str>) -> Self {
        let name = session.map(|session| {
            let hash = Sha256::digest(session);
            hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        let file = name.and_then(|name| Some(folder()?.join(name)));
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
        Self { file, told: text.lines().map(str::to_owned).collect() }
    }

    pub(super) fn has(&self, line: &str) -> bool {
        self.told.contains(line)
    }

    pub(super) fn keep(mut self, lines: impl Iterator<Item = String>) -> std::io::Result<()> {
        let (Some(file), Some(folder)) = (&self.file, folder()) else { return Ok(()) };
        self.told.extend(lines);
        if folder.read_dir().is_ok_and(|files| files.count() > MOST) {
            std::fs::remove_dir_all(&folder)?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let text: String = self.told.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(file, text)
    }
}
