//! Where a command works, and what the settings are there.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::who;
use crate::config::{Complaint, Config, Setting, Trunk, understand};
use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::{self, Entry, Repo};
use crate::ledger::Actor;
use crate::model::BookmarkName;
use crate::name::Uid;
use crate::registry::{self, Registry};

/// Where a command was started, and with which options.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `-R`, or what jj says of it, or the current folder.
    pub(crate) dir: Utf8PathBuf,
    /// `--config=NAME=VALUE` and `--config-file=PATH`, as jj takes them, with each path in full.
    pub(crate) options: Vec<String>,
}

impl Place {
    /// The folder of `-R`, else, where jj's own alias started this, what jj has found, else the current folder.
    /// Without the alias `JJ_WORKSPACE_ROOT` may be inherited from anywhere.
    pub(crate) fn find(
        repository: Option<&Utf8Path>,
        via_jj: bool,
        options: Vec<String>,
    ) -> anyhow::Result<Self> {
        let told = if via_jj { env::var("JJ_WORKSPACE_ROOT").map(Utf8PathBuf::from) } else { None };
        let dir = match (repository, told.and_then(|root| Repo::at(&root))) {
            (Some(dir), _) => dir.to_owned(),
            (None, None) => env::current_dir()?,
            (None, Some(told)) => {
                // Which folder of the workspace it is says which component is meant.
                let here = env::current_dir()?;
                if Repo::find(&here).as_ref() == Some(&told) { here } else { told.root().to_owned() }
            }
        };
        let dir = dir
            .canonicalize_utf8()
            .map_err(|error| Failure::new(Kind::NotARepo, format!("Could not open {dir}: {error}")))?;
        Ok(Self { dir, options: options.into_iter().map(in_full).collect() })
    }

    /// The registry's file: `JJ_FLOW_REGISTRY`, else `flow.registry`, else the user's data folder. In full: SQLite has
    /// names of its own that are no files.
    pub(crate) fn registry_path(&self, config: &Config) -> anyhow::Result<Utf8PathBuf> {
        let named = env::var("JJ_FLOW_REGISTRY").or_else(|| config.registry.clone()).map(Utf8PathBuf::from);
        let full = |path: Utf8PathBuf| camino::absolute_utf8(&path).unwrap_or(path);
        named.map(|path| full(expand_home(&path))).or_else(registry::default_path).ok_or_else(|| {
            Failure::new(Kind::Registry, "Could not tell where the registry is: no home folder is set")
                .hint("JJ_FLOW_REGISTRY=$PWD/registry.db jj-flow doctor")
                .into()
        })
    }

    /// Whoever works from this place on many repos at once.
    pub(crate) fn require_actor(
        &self,
        config: &Config,
        registry: &mut Registry,
        now: Timestamp,
    ) -> anyhow::Result<Actor> {
        let context = who::context(config, &self.dir);
        Ok(who::actor(who::require_uid(&context, Some(registry), now)?, &context))
    }

    /// The uid of whoever works here, where no repo is; without a registry it is the context's shortest.
    pub(crate) fn require_uid(
        &self,
        config: &Config,
        registry: Option<&mut Registry>,
    ) -> anyhow::Result<Uid> {
        who::require_uid(&who::context(config, &self.dir), registry, env::now())
    }

    /// The settings as jj resolves them here, and what is wrong with them.
    pub(crate) fn load_config(&self, program: &std::path::Path) -> anyhow::Result<(Config, Vec<Complaint>)> {
        let entries = jj::load_config(program, &self.dir, &self.options)?;
        let text = |name: &str| {
            let entry = entries.iter().rfind(|entry| entry.name == name)?;
            entry.value.as_str().map(str::to_owned)
        };
        let settings: Vec<Setting> = entries.iter().filter_map(setting).collect();
        let tools: Vec<Setting> =
            entries.iter().filter(|entry| entry.name.starts_with("merge-tools.")).map(as_setting).collect();
        let (mut config, complaints) = understand(&settings, &tools, text("user.email"), text("ui.color"));
        if let Trunk::Auto(name) = &mut config.trunk {
            // What `jj git clone` writes: "develop@origin".
            let alias = text("revset-aliases.'trunk()'").or_else(|| text("revset-aliases.\"trunk()\""));
            let named = alias.as_deref().and_then(|alias| Some(BookmarkName::new(alias.split_once('@')?.0)));
            config.has_own_trunk = alias.is_some() && named.is_none();
            *name = named;
        }
        Ok((config, complaints))
    }
}

/// `--config-file=PATH` with a path that means the same in every folder: jj runs in the repo's, and a relative one would
/// be a file that came with the repo.
fn in_full(option: String) -> String {
    let path = option.strip_prefix("--config-file=").filter(|path| !path.is_empty());
    let full = path.and_then(|path| std::path::absolute(path).ok());
    full.map_or(option.clone(), |path| format!("--config-file={}", path.display()))
}

/// A setting of ours, without the table's name.
fn setting(entry: &Entry) -> Option<Setting> {
    let name = entry.name.strip_prefix("flow.")?.to_owned();
    Some(Setting { name, ..as_setting(entry) })
}

fn as_setting(entry: &Entry) -> Setting {
    let personal = matches!(entry.source.as_str(), "user" | "cli" | "env");
    Setting { name: entry.name.clone(), value: entry.value.clone(), personal }
}

/// `~` and what is below it, as a shell would have put it.
pub(crate) fn expand_home(path: &Utf8Path) -> Utf8PathBuf {
    match (path.strip_prefix("~"), env::var("HOME")) {
        (Ok(rest), Some(home)) => Utf8Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}
