//! What was on record of repos that are gone: one file for each, beside the registry, private to its owner.
//!
//! `<registry>.archive/<repo id>.ndjson`: an export of that repo, from which `jj flow import` brings everything back. A file is replaced whole and is on the disk when this returns.

use std::collections::HashSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::export::FORMAT;
use super::upkeep::Record;
use crate::model::RepoId;

/// Where the archive of a repo is, for a registry at this path.
pub(crate) fn archive_path(registry: &Utf8Path, repo: &RepoId) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{registry}.archive")).join(format!("{repo}.ndjson"))
}

/// Writes down what is on record of a repo, after what the archive has of it from before.
pub(crate) fn archive(registry: &Utf8Path, record: &Record) -> anyhow::Result<Utf8PathBuf> {
    let path = archive_path(registry, &record.repo.id);
    let folder = path.parent().unwrap_or(registry);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let before = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(merged(&before, record)?.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// The archive's text: events that it has already are not in it twice.
fn merged(before: &str, record: &Record) -> anyhow::Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let first = json!({"jj-flow-export": FORMAT, "at": record.repo.last_seen, "version": version});
    let mut text = format!("{first}\n{}\n", json!({"repo": record.repo}));
    let mut known = HashSet::new();
    for line in before.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        let Some(key) = value["event"]["key"].as_str() else { continue };
        if known.insert(key.to_owned()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (key, line) in &record.events {
        if known.insert(key.clone()) {
            let event: Value = serde_json::from_str(line)?;
            text.push_str(&format!("{}\n", json!({"event": event, "of": record.repo.id})));
        }
    }
    text.push_str(&format!("{}\n", json!({"end": {"repos": 1, "events": known.len(), "contexts": 0}})));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::registry::KeptRepo;

    fn record(events: &[&str]) -> Record {
        let repo = KeptRepo {
            id: RepoId::new("0123456789abcdef"),
            root: "/gone".into(),
            component: "gone".into(),
            kind: "here".into(),
            first_seen: jiff::Timestamp::UNIX_EPOCH,
            last_seen: jiff::Timestamp::UNIX_EPOCH,
            forgotten_at: None,
        };
        let event = |key: &&str| ((*key).to_owned(), format!(r#"{{"key":"{key}","kind":"deleted"}}"#));
        Record { repo, flows: 1, events: events.iter().map(event).collect() }
    }

    #[test]
    fn an_archive_is_private_and_has_each_event_once() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Utf8Path::from_path(dir.path()).unwrap().join("registry.db");
        let path = archive(&registry, &record(&["one", "two"])).unwrap();
        let mode = |path: &Utf8Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let first = std::fs::read_to_string(&path).unwrap();
        insta::assert_snapshot!(first, @r#"
        {"jj-flow-export":1,"at":"1970-01-01T00:00:00Z","version":"0.1.0"}
        {"repo":{"id":"0123456789abcdef","root":"/gone","component":"gone","kind":"here","first_seen":"1970-01-01T00:00:00Z","last_seen":"1970-01-01T00:00:00Z","forgotten_at":null}}
        {"event":{"key":"one","kind":"deleted"},"of":"0123456789abcdef"}
        {"event":{"key":"two","kind":"deleted"},"of":"0123456789abcdef"}
        {"end":{"repos":1,"events":2,"contexts":0}}
        "#);
        // As after a crash before the record was taken away, or of a repo that had come back meanwhile.
        std::fs::write(&path, format!("{first}{{\"event\":{{\"ke")).unwrap();
        archive(&registry, &record(&["two", "three"])).unwrap();
        let third = r#"{"event":{"key":"three","kind":"deleted"},"of":"0123456789abcdef"}"#;
        let lines = first.lines().count();
        let before: String = first.lines().take(lines - 1).map(|line| format!("{line}\n")).collect();
        let end = r#"{"end":{"repos":1,"events":3,"contexts":0}}"#;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{before}{third}\n{end}\n"));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
