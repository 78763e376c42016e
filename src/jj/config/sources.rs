//! The files that jj reads its config from, in what jj itself takes for their places.
//!
//! Nothing is parsed here: what jj makes of the files is a function of their contents, of the options and of a few
//! variables, unless a table has a condition (`--when`).

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use crate::env;
use crate::jj::Repo;

/// The folder of the system's config.
const SYSTEM: &str = "/etc/jj";

/// What of the environment becomes a setting that somebody here asks for.
const VARIABLES: [&str; 2] = ["JJ_EMAIL", "NO_COLOR"];

/// Every file that decides in one folder, with what is in it; `None` for one that is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Sources {
    /// The files that decide in `dir`, and those of the options (`--config-file=…`, in full). None where one cannot be read, or
    /// where jj has to bring an old one into today's form first.
    pub(super) fn load(dir: &Utf8Path, options: &[String]) -> Option<Self> {
        let mut paths = personal_files()?;
        if let Some(repo) = Repo::find(dir) {
            let (root, workspace) = (base_dir()?, repo.root().join(".jj"));
            paths.extend(kept_apart(repo.dir(), "config-id", "config.toml", &root.join("repos"))?);
            let theirs = root.join("workspaces");
            paths.extend(kept_apart(&workspace, "workspace-config-id", "workspace-config.toml", &theirs)?);
        }
        let named = options.iter().filter_map(|option| option.strip_prefix("--config-file="));
        paths.extend(named.map(PathBuf::from));
        paths.into_iter().map(load_file).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether a text stands in one of the files, whatever it means there.
    pub(super) fn mention(&self, text: &str) -> bool {
        let files = self.0.iter().filter_map(|(_, file)| file.as_deref());
        files.into_iter().any(|file| file.windows(text.len().max(1)).any(|part| part == text.as_bytes()))
    }

    /// A key that two readings share only where jj makes the same of them: 64 hex digits. None where it also depends
    /// on something else. `program` is the jj that is asked.
    pub(super) fn key(&self, program: &Path, options: &[String]) -> Option<String> {
        if self.mention("--when") || options.iter().any(|option| option.contains("--when")) {
            return None;
        }
        let file = std::fs::metadata(program).ok()?;
        let modified = file.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        let mut hash = Sha256::new();
        let mut take = |part: Option<&[u8]>| {
            hash.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
            hash.update(part.unwrap_or_default());
        };
        take(Some(env!("CARGO_PKG_VERSION").as_bytes()));
        take(Some(program.as_os_str().as_bytes()));
        take(Some(&file.len().to_le_bytes()));
        take(Some(&modified.as_nanos().to_le_bytes()));
        options.iter().for_each(|option| take(Some(option.as_bytes())));
        for name in VARIABLES {
            take(env::var_for_jj(name).as_ref().map(|value| value.as_bytes()));
        }
        for (path, text) in &self.0 {
            take(Some(path.as_os_str().as_bytes()));
            take(text.as_deref());
        }
        Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The system's and the user's files. `JJ_CONFIG` stands for both.
fn personal_files() -> Option<Vec<PathBuf>> {
    if let Some(paths) = env::jj_config() {
        return Some(paths.into_iter().map(files_at).collect::<Option<Vec<_>>>()?.concat());
    }
    let mut files = vec![env::home_dir()?.join(".jjconfig.toml")];
    for folder in [PathBuf::from(SYSTEM), base_dir()?] {
        files.push(folder.join("config.toml"));
        files.extend(files_at(folder.join("conf.d"))?);
    }
    Some(files)
}

/// The user's own folder of jj's config.
fn base_dir() -> Option<PathBuf> {
    Some(env::config_dir()?.join("jj"))
}

/// The file, or every `*.toml` of a folder in the order of their names.
fn files_at(path: PathBuf) -> Option<Vec<PathBuf>> {
    if !path.is_dir() {
        return Some(vec![path]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir().ok()? {
        files.push(entry.ok()?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Some(files)
}

/// The config of a repo or a workspace, which jj keeps in the user's own folder, under the id that a file here tells.
/// None where an older jj has left the config itself here; a link that is there is today's jj's, for that older one.
fn kept_apart(folder: &Utf8Path, id: &str, legacy: &str, theirs: &Path) -> Option<Vec<PathBuf>> {
    if folder.join(legacy).symlink_metadata().is_ok_and(|file| !file.is_symlink()) {
        return None;
    }
    let file = folder.join(id);
    let config = std::fs::read_to_string(&file).map(|id| theirs.join(id).join("config.toml"));
    Some(std::iter::once(file.into()).chain(config).collect())
}

fn load_file(path: PathBuf) -> Option<(PathBuf, Option<Vec<u8>>)> {
    match std::fs::read(&path) {
        Ok(text) => Some((path, Some(text))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Some((path, None))
        }
        Err(_) => None,
    }
}
