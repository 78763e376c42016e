//! What a repo's folder keeps beside the journal: small files, each written whole or not at all.

use std::io::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Journal, private};
use crate::model::{OpId, RepoId};

/// Who a repo is. A copied folder brings its `id` along but lies in another inode.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: RepoId,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Journal {
    /// The operation up to which the events tell everything; none where there is no such word, or none that can be one.
    pub(crate) fn told(&self) -> Option<OpId> {
        let text = std::fs::read_to_string(self.dir.join("told")).ok()?;
        let id = text.trim_end();
        (id.len() == 128 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| OpId::new(id))
    }

    /// Writes down up to which operation the events tell everything.
    pub(crate) fn set_told(&self, op: &OpId) -> std::io::Result<()> {
        if self.told().as_ref() == Some(op) {
            return Ok(());
        }
        // Where a power cut takes it, more is looked at again.
        self.replace("told", format!("{op}\n").as_bytes(), false)
    }

    /// The identity on disk; none where there is none, or one that cannot be read.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let text = std::fs::read(self.dir.join("id.json")).ok()?;
        let identity: Identity = serde_json::from_slice(&text).ok()?;
        identity.id.is_valid().then_some(identity)
    }

    pub(crate) fn write_identity(&self, identity: &Identity) -> std::io::Result<()> {
        self.replace("id.json", &serde_json::to_vec(identity)?, false)
    }

    /// What is kept of a repo on another machine beside its events; none where there is none, or none that can be read.
    pub(crate) fn memo<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.dir.join(name)).ok()?).ok()
    }

    pub(crate) fn write_memo<T: Serialize>(&self, name: &str, memo: &T) -> std::io::Result<()> {
        self.replace(name, &serde_json::to_vec(memo)?, false)
    }

    /// What is known of a repo elsewhere beside its events, as it was written down.
    pub(crate) fn about(&self) -> Option<Vec<u8>> {
        std::fs::read(self.dir.join("repo.json")).ok()
    }

    pub(crate) fn write_about(&self, about: &[u8]) -> std::io::Result<()> {
        self.replace("repo.json", about, false)
    }

    /// Puts a new file into the place of one, on the disk before it stands there where it has to `last`.
    pub(super) fn replace(&self, name: &str, text: &[u8], last: bool) -> std::io::Result<()> {
        let new = self.dir.join(format!("{name}.{}", std::process::id()));
        let mut file = private().create(true).write(true).truncate(true).open(&new)?;
        file.write_all(text)?;
        if last {
            file.sync_all()?;
        }
        std::fs::rename(&new, self.dir.join(name))
    }
}
