//! Where agents keep their skills and settings: in the workspace, and in the user's home.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};

use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::session::no_repo;
use crate::text::quoted;

/// The name of the skill, and of its folder.
const SKILL: &str = "independent-developer";

/// Where the skills of a project are, for those agents that look there.
const PROJECT: [&str; 3] = [".claude/skills", ".pi/skills", ".agents/skills"];

/// The file of our skill in a folder of skills.
pub(super) fn skill_file(skills: &Utf8Path) -> Utf8PathBuf {
    skills.join(SKILL).join("SKILL.md")
}

/// The folders of skills in the workspace that a folder lies in.
pub(super) fn project_skills(dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some(repo) = Repo::find(dir) else { return Vec::new() };
    let there = PROJECT.iter().map(|folder| repo.root().join(folder)).filter(|folder| folder.is_dir());
    distinct(there.collect())
}

/// The folders of skills of the user's, for each agent that is at home there.
pub(super) fn user_skills() -> anyhow::Result<Vec<Utf8PathBuf>> {
    let home = require_home()?;
    let own = |variable: &str, default: &str| {
        env::var(variable).map_or_else(|| home.join(default), Utf8PathBuf::from)
    };
    let (claude, pi) = (claude_dir()?, own("PI_CODING_AGENT_DIR", ".pi/agent"));
    let (shared, codex) = (home.join(".agents"), own("CODEX_HOME", ".codex"));
    let mut found = Vec::new();
    found.extend([&claude, &pi].into_iter().filter(|dir| dir.is_dir()).map(|dir| dir.join("skills")));
    // Codex reads the shared folder, and its own one only still.
    if shared.is_dir() || codex.is_dir() {
        found.push(shared.join("skills"));
    }
    found.extend(Some(codex.join("skills")).filter(|skills| skill_file(skills).exists()));
    Ok(distinct(found))
}

/// The folder that agents share, for where none has one of its own.
pub(super) fn shared_skills() -> anyhow::Result<Utf8PathBuf> {
    Ok(require_home()?.join(".agents/skills"))
}

/// The settings of Claude Code: the user's own, or the project's.
pub(super) fn claude_settings(dir: &Utf8Path, of_project: bool) -> anyhow::Result<Utf8PathBuf> {
    if !of_project {
        return Ok(claude_dir()?.join("settings.json"));
    }
    let repo = Repo::find(dir).ok_or_else(|| no_repo(dir))?;
    Ok(repo.root().join(".claude/settings.json"))
}

fn claude_dir() -> anyhow::Result<Utf8PathBuf> {
    match env::var("CLAUDE_CONFIG_DIR") {
        Some(dir) => Ok(dir.into()),
        None => Ok(require_home()?.join(".claude")),
    }
}

fn require_home() -> anyhow::Result<Utf8PathBuf> {
    let home = env::var("HOME").map(Utf8PathBuf::from);
    home.ok_or_else(|| Failure::new(Kind::Config, "Could not find the home folder: HOME is not set").into())
}

/// The same folder by two names is one.
fn distinct(folders: Vec<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    let mut kept: Vec<Utf8PathBuf> = Vec::new();
    for folder in folders {
        let is_new = |other: &Utf8PathBuf| !is_same(other.as_std_path(), folder.as_std_path());
        if kept.iter().all(is_new) {
            kept.push(folder);
        }
    }
    kept
}

fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    file(one).is_some_and(|found| file(other) == Some(found))
}

/// This program, as a hook's command line names it: by its name where PATH leads to it, else by its path.
pub(super) fn program() -> anyhow::Result<String> {
    let own = env::current_exe()?;
    let first =
        env::var_os("PATH").and_then(|path| which::which_in_global("jj-flow", Some(path)).ok()?.next());
    if first.is_some_and(|first| is_same(&first, own.as_std_path())) {
        return Ok("jj-flow".to_owned());
    }
    Ok(quoted(own.as_str()))
}
