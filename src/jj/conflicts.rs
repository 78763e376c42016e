//! What is in conflict in a commit, and what each side has there.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Jj, commit, revset};
use crate::model::{CommitId, OpId};

/// One conflicted path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConflictedPath {
    pub(crate) path: String,
    /// How many versions of it stand against each other.
    pub(crate) sides: usize,
}

impl Jj {
    /// The paths that are conflicted in one commit.
    pub(crate) fn read_conflicted_paths(
        &self,
        op: &OpId,
        of: &CommitId,
    ) -> anyhow::Result<Vec<ConflictedPath>> {
        let template = r#"conflicted_files.map(|f| "{\"path\":" ++ json(stringify(f.path()))
            ++ ",\"sides\":" ++ f.conflict_side_count() ++ "}\n").join("")"#;
        let revisions = format!("--revisions={}", commit(of));
        self.read_json(op, &["log", "--no-graph", &revisions], template)
    }

    /// What a commit has at each path: `file`, `executable`, `symlink`, `submodule`, `folder` or `conflict`; a path
    /// that it does not have is not in the map.
    pub(crate) fn read_kinds(
        &self,
        op: &OpId,
        of: &CommitId,
        paths: &[&str],
    ) -> anyhow::Result<HashMap<String, String>> {
        let revision = format!("--revision={}", commit(of));
        let sets: Vec<String> = paths.iter().map(|path| format!("root:{}", revset::quoted(path))).collect();
        let mut args = vec!["file", "list", &revision, "--"];
        args.extend(sets.iter().map(String::as_str));
        let template = r#""[" ++ json(stringify(path)) ++ ","
            ++ json(if(conflict, "conflict", if(executable, "executable", file_type))) ++ "]\n""#;
        let found: Vec<(String, String)> = self.read_json(op, &args, template)?;
        let mut kinds = HashMap::new();
        for path in paths {
            let inside = format!("{path}/");
            for (at, kind) in &found {
                if at == path {
                    kinds.insert((*path).to_owned(), kind.replace("git-submodule", "submodule"));
                } else if at.starts_with(&inside) {
                    kinds.insert((*path).to_owned(), "folder".to_owned());
                }
            }
        }
        Ok(kinds)
    }

    /// The rules of every `.gitignore` of a commit: the folder that each stands in, and its text.
    pub(crate) fn read_ignores(&self, op: &OpId, of: &CommitId) -> anyhow::Result<Vec<(String, String)>> {
        let revision = format!("--revision={}", commit(of));
        let paths: Vec<String> = self.read_json(
            op,
            &["file", "list", &revision, "--", IGNORES],
            r#"json(stringify(path)) ++ "\n""#,
        )?;
        let read = |path: String| {
            let file = format!("root-file:{}", revset::quoted(&path));
            let text = self.run_at(op, &["file", "show", &revision, "--", &file])?;
            Ok((path.strip_suffix(".gitignore").unwrap_or_default().to_owned(), text))
        };
        paths.into_iter().map(read).collect()
    }
}

/// Every file with rules of what is ignored, as a fileset.
pub(crate) const IGNORES: &str = "root-glob:\"**/.gitignore\"";
