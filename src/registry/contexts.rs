//! Which context has which uid, and which repos are known.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, named_params, params};

use super::rows::text_of;
use super::{Registry, failure};
use crate::model::{OpId, RepoId};
use crate::name::Uid;

impl Registry {
    /// The uid recorded for a context, else the first candidate that no other context has, recorded now.
    pub(crate) fn claim_uid(
        &mut self,
        context: &str,
        candidates: impl Iterator<Item = Uid>,
        now: Timestamp,
    ) -> anyhow::Result<Option<Uid>> {
        if let Some(uid) = self.uid_of(context)? {
            return Ok(Some(uid));
        }
        let candidates: Vec<Uid> = candidates.collect();
        let claimed = self.write(|db| {
            for uid in &candidates {
                let added = db
                    .prepare_cached(
                        "INSERT OR IGNORE INTO contexts (uid, context, since) VALUES (:uid, :context, :now)",
                    )?
                    .execute(
                        named_params! {":uid": uid.as_str(), ":context": context, ":now": text_of(now)},
                    )?;
                if added == 1 {
                    return Ok(Some(uid.as_str().to_owned()));
                }
                // The context itself may have been recorded meanwhile, by a process beside this one.
                let known = db
                    .prepare_cached("SELECT uid FROM contexts WHERE context = :context")?
                    .query_row(named_params! {":context": context}, |row| row.get(0))
                    .optional()?;
                if known.is_some() {
                    return Ok(known);
                }
            }
            Ok(None)
        })?;
        Ok(claimed.and_then(|uid: String| Uid::parse(&uid).ok()))
    }

    /// The uid that was recorded for a context.
    pub(crate) fn uid_of(&self, context: &str) -> anyhow::Result<Option<Uid>> {
        let read = || {
            self.db
                .prepare_cached("SELECT uid FROM contexts WHERE context = :context")?
                .query_row(named_params! {":context": context}, |row| row.get::<_, String>(0))
                .optional()
        };
        Ok(read().map_err(failure)?.and_then(|uid| Uid::parse(&uid).ok()))
    }

    /// Writes down that a repo was seen, where it lies and what it is called. A real write: a registry that
    /// cannot be written fails here, before jj is touched.
    pub(crate) fn see_repo(
        &mut self,
        id: &RepoId,
        root: &str,
        component: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        let is_listed = self.write(|db| {
            let is_known = db
                .prepare_cached("SELECT 1 FROM repos WHERE id = ?1 AND root = ?2 AND forgotten_at IS NULL")?
                .exists([id.as_str(), root])?;
            db.prepare_cached(
                "INSERT INTO repos (id, root, component, first_seen, last_seen) \
                 VALUES (:id, :root, :component, :now, :now) \
                 ON CONFLICT (id) DO UPDATE SET root = :root, component = :component, last_seen = :now, \
                     forgotten_at = NULL, journal_offset = iif(kind = 'here', journal_offset, :unread), kind = 'here'",
            )?
            .execute(named_params! {
                ":id": id.as_str(), ":root": root, ":component": component, ":now": text_of(now),
                // One that was only told of has come here: its own journal is another one.
                ":unread": i64::MAX,
            })?;
            Ok(is_known)
        })?;
        if is_listed && self.has_list() { Ok(()) } else { self.list_repo(id, root, false) }
    }

    /// The same of a repo on another machine, which is called by its name. The list of repos is of this machine's alone:
    /// the folder of its journal stands for it.
    pub(crate) fn see_repo_elsewhere(
        &mut self,
        id: &RepoId,
        name: &str,
        component: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT INTO repos (id, root, component, kind, first_seen, last_seen) \
                 VALUES (:id, :name, :component, 'elsewhere', :now, :now) \
                 ON CONFLICT (id) DO UPDATE \
                 SET root = :name, component = :component, last_seen = :now, forgotten_at = NULL \
                 WHERE kind = 'elsewhere'",
            )?
            .execute(named_params! {
                ":id": id.as_str(), ":name": name, ":component": component, ":now": text_of(now),
            })?;
            Ok(())
        })
    }

    /// Whether nobody is to look at a repo any more, until somebody works in it.
    pub(crate) fn is_forgotten(&self, id: &RepoId) -> anyhow::Result<bool> {
        let read = || {
            self.db
                .prepare_cached("SELECT 1 FROM repos WHERE id = ?1 AND forgotten_at IS NOT NULL")?
                .exists([id.as_str()])
        };
        read().map_err(failure)
    }

    /// Whether a repo is on another machine: its root is then a name and no folder.
    pub(crate) fn is_elsewhere(&self, id: &RepoId) -> anyhow::Result<bool> {
        let read = || {
            self.db
                .prepare_cached("SELECT 1 FROM repos WHERE id = ?1 AND kind = 'elsewhere'")?
                .exists([id.as_str()])
        };
        read().map_err(failure)
    }

    /// The operation that the repo's rows were last compared with.
    pub(crate) fn compared_at(&self, repo: &RepoId) -> anyhow::Result<Option<OpId>> {
        let read = || {
            self.db
                .prepare_cached("SELECT compared_at FROM repos WHERE id = ?1")?
                .query_row([repo.as_str()], |row| row.get::<_, Option<String>>(0))
                .optional()
        };
        Ok(read().map_err(failure)?.flatten().map(OpId::new))
    }

    /// Writes down that the repo's rows agree with its bookmarks at an operation.
    pub(crate) fn set_compared_at(&mut self, repo: &RepoId, op: &OpId) -> anyhow::Result<()> {
        self.write(|db| {
            db.prepare_cached("UPDATE repos SET compared_at = ?2 WHERE id = ?1 AND compared_at IS NOT ?2")?
                .execute(params![repo.as_str(), op.as_str()])?;
            Ok(())
        })
    }

    /// The folder that a repo was last seen in.
    pub(crate) fn repo_root(&self, id: &RepoId) -> anyhow::Result<Option<String>> {
        let read = || {
            self.db
                .prepare_cached("SELECT root FROM repos WHERE id = :id")?
                .query_row(named_params! {":id": id.as_str()}, |row| row.get(0))
                .optional()
        };
        read().map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::*;

    fn uids<'a>(texts: &'a [&'a str]) -> impl Iterator<Item = Uid> + 'a {
        texts.iter().map(|text| Uid::parse(text).unwrap())
    }

    #[test]
    fn a_uid_grows_while_others_have_it_and_then_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(dir.path().join("registry.db")).unwrap();
        let mut registry = Registry::open(&path).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let mut claim = |context: &str| {
            registry
                .claim_uid(context, uids(&["a8f2", "a8f21", "a8f21c"]), now)
                .unwrap()
                .map(|uid| uid.to_string())
        };
        assert_eq!(claim("one").as_deref(), Some("a8f2"));
        assert_eq!(claim("two").as_deref(), Some("a8f21"));
        assert_eq!(claim("one").as_deref(), Some("a8f2"));
        assert_eq!(claim("three").as_deref(), Some("a8f21c"));
        assert_eq!(claim("four"), None);
    }
}
