//! `components.toml`: which component came from which path, and lies where. What else somebody wrote in it stays.

use camino::Utf8Path;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::error::{Failure, Kind};

pub(crate) const FILE: &str = "components.toml";

const INTRODUCTION: &str = "# What `jj flow split` has made of which path.\n\n";

/// A component as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) before: Vec<String>,
    /// Where its repo lies, or how it is reached.
    pub(crate) repo: String,
    /// The commit of the source that its trunk was made of, and the operation that the source was at.
    pub(crate) commit: String,
    pub(crate) operation: String,
}

#[derive(Debug)]
pub(crate) struct Manifest {
    document: DocumentMut,
}

impl Manifest {
    pub(crate) fn load(path: &Utf8Path) -> anyhow::Result<Self> {
        let wrong = |why: String| Failure::new(Kind::Config, format!("Could not understand {path}: {why}"));
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let document: DocumentMut =
            text.parse().map_err(|error: toml_edit::TomlError| wrong(error.to_string()))?;
        if document.get("component").is_some_and(|item| !item.is_array_of_tables()) {
            return Err(wrong("`component` is not a list of [[component]]".to_owned()).into());
        }
        Ok(Self { document })
    }

    /// The components that have an id and a path.
    pub(crate) fn members(&self) -> Vec<Member> {
        let tables = self.document.get("component").and_then(Item::as_array_of_tables);
        let member = |table: &Table| {
            let text = |key: &str| Some(table.get(key)?.as_str()?.to_owned());
            let before = table.get("follow").and_then(Item::as_array);
            Some(Member {
                id: text("id")?,
                path: text("path")?,
                before: before
                    .into_iter()
                    .flatten()
                    .filter_map(|item| Some(item.as_str()?.to_owned()))
                    .collect(),
                repo: text("repo").unwrap_or_default(),
                commit: text("source-commit").unwrap_or_default(),
                operation: text("source-operation").unwrap_or_default(),
            })
        };
        tables.into_iter().flatten().filter_map(member).collect()
    }

    /// Puts a component in, in the place of what there is of it.
    pub(crate) fn put(&mut self, member: &Member) {
        let is_new = self.document.is_empty() && self.document.trailing().as_str().is_some_and(str::is_empty);
        let tables = self.document.entry("component").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(tables) = tables.as_array_of_tables_mut() else { return };
        let is_it = |table: &Table| table.get("id").and_then(Item::as_str) == Some(&member.id);
        let known = tables.iter().position(is_it);
        let at = known.unwrap_or(tables.len());
        if known.is_none() {
            let mut table = Table::new();
            if is_new && at == 0 {
                table.decor_mut().set_prefix(INTRODUCTION);
            }
            tables.push(table);
        }
        let Some(table) = tables.get_mut(at) else { return };
        for (key, text) in [
            ("id", &member.id),
            ("path", &member.path),
            ("repo", &member.repo),
            ("source-commit", &member.commit),
            ("source-operation", &member.operation),
        ] {
            if table.get(key).and_then(Item::as_str) != Some(text) {
                // What stands around a value stays.
                match table.get_mut(key).and_then(Item::as_value_mut) {
                    Some(old) => {
                        let around = old.decor().clone();
                        *old = text.into();
                        *old.decor_mut() = around;
                    }
                    None => _ = table.insert(key, value(text)),
                }
            }
        }
        if !member.before.is_empty() {
            table.insert("follow", value(member.before.iter().collect::<toml_edit::Array>()));
        }
    }

    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Writes the file anew, whole or not at all; nothing where it is the same.
    pub(crate) fn save(&self, path: &Utf8Path) -> anyhow::Result<()> {
        let text = self.text();
        if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        let unfinished = path.with_extension("toml.new");
        std::fs::write(&unfinished, text)?;
        std::fs::rename(&unfinished, path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str) -> Member {
        Member {
            id: id.into(),
            path: format!("Components/{id}"),
            before: Vec::new(),
            repo: id.into(),
            commit: "c0ffee".into(),
            operation: "0b".into(),
        }
    }

    #[test]
    fn what_somebody_wrote_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join(FILE);
        let text = "# ours\ntitle = 'x'  # kept\n\n[[component]]\nid = \"a\" # the first\nowner = \"me\"\n\
            path = \"old\"\n\n[other]\ny = 1\n";
        std::fs::write(&path, text).unwrap();
        let mut manifest = Manifest::load(&path).unwrap();
        assert_eq!(manifest.members()[0].path, "old");
        manifest.put(&member("a"));
        manifest.put(&Member { before: vec!["old/b".into()], ..member("b") });
        manifest.save(&path).unwrap();
        let read = Manifest::load(&path).unwrap();
        assert_eq!(read.members(), [member("a"), Member { before: vec!["old/b".into()], ..member("b") }]);
        let text = read.text();
        for kept in
            ["# ours\ntitle = 'x'  # kept\n", "id = \"a\" # the first\nowner = \"me\"\n", "[other]\ny = 1\n"]
        {
            assert!(text.contains(kept), "{text}");
        }
        let mut again = Manifest::load(&path).unwrap();
        again.put(&member("a"));
        assert_eq!(again.text(), text);
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join(FILE);
        for text in ["component = 1\n", "[[component]\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(Manifest::load(&path).is_err(), "{text}");
        }
    }

    /// What is put into a file, and what is read of it then. Either it is refused or everything else in it stays.
    fn put_into(text: &[u8]) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join(FILE);
        std::fs::write(&path, text).unwrap();
        let Ok(mut manifest) = Manifest::load(&path) else { return };
        let others = |manifest: &Manifest| {
            manifest.members().into_iter().filter(|member| member.id != "new").collect::<Vec<_>>()
        };
        let before = others(&manifest);
        manifest.put(&member("new"));
        manifest.save(&path).unwrap();
        let read = Manifest::load(&path).unwrap();
        assert!(read.members().contains(&member("new")), "{}", read.text());
        assert_eq!(others(&read), before, "{}", read.text());
    }

    #[test]
    fn odd_manifests_are_refused_or_kept() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/src/split/corpus");
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() > 10);
        files.iter().for_each(|file| put_into(&std::fs::read(file).unwrap()));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn a_manifest_with_wrong_bytes_does_no_harm(
            wrong in proptest::collection::vec((0..200_usize, proptest::prelude::any::<u8>()), 0..4),
        ) {
            let mut text = b"# ours\n[[component]]\nid = \"a\" # kept\npath = \"x\"\nfollow = [\"old\"]\n\n[other]\ny = 1\n".to_vec();
            for (at, byte) in wrong {
                let at = at % text.len();
                text[at] = byte;
            }
            put_into(&text);
        }
    }
}
