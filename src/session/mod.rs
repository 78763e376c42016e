//! What a command works with: the real jj, the repo, its config, the caller's uid and the registry, each made
//! ready when it is first needed and never before.

mod place;
mod who;

pub(crate) use place::{Place, expand_home};
pub(crate) use who::{context as context_of, require_uid};

use std::time::Duration;

use camino::Utf8Path;
use jiff::Timestamp;

use crate::config::{Complaint, Config};
use crate::env;
use crate::error::{Failure, Kind};
use crate::graph::Graph;
use crate::jj::{self, Jj, Repo};
use crate::journal::Journal;
use crate::ledger::{Actor, Ledger};
use crate::model::{BookmarkName, RepoId};
use crate::name::{FlowName, Uid};
use crate::registry::{self, Registry};
use crate::survey::{Survey, trunk_candidates};
use crate::text::quoted;
use crate::uid::Context;

/// A repo that a command works in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) jj: Jj,
    pub(crate) config: Config,
    /// What is wrong with the config.
    pub(crate) complaints: Vec<Complaint>,
    pub(crate) now: Timestamp,
}

/// The component that work in a folder of a repo belongs to: the one that is set, else the folder under a root of
/// components, else the repo's folder.
pub(crate) fn component(config: &Config, repo: &Repo, dir: &Utf8Path) -> String {
    if let Some(component) = &config.component {
        return component.clone();
    }
    let below = dir.strip_prefix(repo.root()).unwrap_or(Utf8Path::new(""));
    let in_root = |root: &String| Some(below.strip_prefix(root).ok()?.components().next()?.to_string());
    let named = config.component_roots.iter().find_map(in_root);
    named.unwrap_or_else(|| repo.main_root().file_name().unwrap_or("repo").to_owned())
}

/// What is said where no jj repo is, with the command that makes one there: of git's where a folder above has one.
pub(crate) fn no_repo(dir: &Utf8Path) -> Failure {
    let git = dir.ancestors().find(|dir| dir.join(".git").exists());
    let hint = match git {
        Some(root) if root != dir => {
            format!("cd {} && jj git init --colocate", quoted(root.as_str()))
        }
        Some(_) => "jj git init --colocate".to_owned(),
        None => "jj git init".to_owned(),
    };
    Failure::new(Kind::NotARepo, format!("There is no jj repo in {dir}")).hint(hint)
}

/// The real jj, new enough.
pub(crate) fn require_jj() -> anyhow::Result<std::path::PathBuf> {
    let program = jj::locate().ok_or_else(|| {
        Failure::new(Kind::NoJj, "Could not find jj on PATH").hint("cargo install --locked jj-cli")
    })?;
    jj::require_supported(&program)?;
    Ok(program)
}

impl Session {
    /// Finds the repo and reads its config. Writes nothing.
    pub(crate) fn open(place: &Place) -> anyhow::Result<Self> {
        Self::open_and(place, false)
    }

    /// The same for a command that reads the working copy next: that is snapshotted meanwhile.
    pub(crate) fn open_to_work(place: &Place) -> anyhow::Result<Self> {
        Self::open_and(place, true)
    }

    fn open_and(place: &Place, snapshot: bool) -> anyhow::Result<Self> {
        let program = require_jj()?;
        let repo = Repo::find(&place.dir).ok_or_else(|| no_repo(&place.dir))?;
        let jj = Jj::new(program.clone(), repo, place.options.clone());
        let (config, complaints) = if snapshot {
            // Two processes that do not wait for each other.
            std::thread::scope(|scope| {
                let config = scope.spawn(|| place.load_config(&program));
                jj.snapshot_ahead();
                config.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })?
        } else {
            place.load_config(&program)?
        };
        Ok(Self { jj, config, complaints, now: env::now() })
    }

    pub(crate) fn repo(&self) -> &Repo {
        self.jj.repo()
    }

    /// The registry for reading; none where nothing has ever been recorded.
    pub(crate) fn open_registry(&self, place: &Place) -> anyhow::Result<Option<Registry>> {
        Registry::open_to_read(&place.registry_path(&self.config)?)
    }

    /// The identity of this repo, where it has been recorded.
    pub(crate) fn repo_id(&self) -> Option<RepoId> {
        self.journal().identity().map(|identity| identity.id)
    }

    /// The record of this repo, for writing.
    pub(crate) fn open_ledger(&self, place: &Place) -> anyhow::Result<Ledger> {
        self.ledger_in(place, Registry::open(&place.registry_path(&self.config)?)?, self.journal())
    }

    /// The same, waiting only so long for others who write.
    pub(crate) fn open_ledger_within(&self, place: &Place, patience: Duration) -> anyhow::Result<Ledger> {
        let registry = Registry::open_within(&place.registry_path(&self.config)?, patience)?;
        self.ledger_in(place, registry, self.journal().within(patience))
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::of(self.repo().dir())
    }

    fn ledger_in(&self, place: &Place, registry: Registry, journal: Journal) -> anyhow::Result<Ledger> {
        Ledger::open(registry, journal, self.repo(), &self.component(place), self.now, |registry| {
            Ok(self.actor(self.require_uid(Some(registry))?))
        })
    }

    /// The uid, where the environment gives it or the registry knows the context already; a locked one is waited for so
    /// long.
    pub(crate) fn known_uid(&self, place: &Place, patience: Duration) -> Option<Uid> {
        if env::var("JJ_FLOW_UID").is_some() {
            return self.require_uid(None).ok();
        }
        if let Some(flow) = self.own_flow() {
            return Some(flow.uid().clone());
        }
        let path = place.registry_path(&self.config).ok()?;
        let registry = Registry::open_to_read_within(&path, patience).ok()??;
        registry.uid_of(&self.context().to_string()).ok()?
    }

    /// Who works here.
    pub(crate) fn context(&self) -> Context {
        who::context(&self.config, self.repo().root())
    }

    /// `JJ_FLOW_UID`, else the uid of the flow that has this workspace to itself, else the uid recorded for the context,
    /// else a new one, recorded. Without a registry it is the context's shortest.
    pub(crate) fn require_uid(&self, registry: Option<&mut Registry>) -> anyhow::Result<Uid> {
        match self.own_flow() {
            Some(flow) => Ok(flow.uid().clone()),
            None => who::require_uid(&self.context(), registry, self.now),
        }
    }

    /// The flow that this workspace was made for, where nothing else says who works here.
    pub(crate) fn own_flow(&self) -> Option<FlowName> {
        let is_told = env::var("JJ_FLOW_UID").is_some() || self.context().is_session();
        let name = if is_told { None } else { self.repo().load_workspace_name() };
        FlowName::parse(&name?).ok()
    }

    /// A uid with the context that it stands for; one that was given, or is a flow's, stands for none.
    pub(crate) fn actor(&self, uid: Uid) -> Actor {
        if self.own_flow().is_some() {
            Actor { uid, context: None }
        } else {
            who::actor(uid, &self.context())
        }
    }

    /// The component that work here belongs to.
    pub(crate) fn component(&self, place: &Place) -> String {
        component(&self.config, self.repo(), &place.dir)
    }

    /// The flows of this repo as they stand now, and the bookmarks of `also` among them; snapshots the working copy,
    /// as jj's own commands do.
    pub(crate) fn survey(
        &self,
        registry: Option<&Registry>,
        also: &[BookmarkName],
    ) -> anyhow::Result<Survey> {
        // A row's bookmark is there before the row is: read in this order, a row without its bookmark is gone.
        let rows = self.rows(registry)?;
        Ok(Survey::new(self.jj.read_now(&self.revset(also))?, rows, &self.config.trunk))
    }

    /// The same without an operation: what is snapshotted is published to nobody.
    pub(crate) fn survey_quietly(
        &self,
        registry: Option<&Registry>,
        also: &[BookmarkName],
    ) -> anyhow::Result<Survey> {
        let rows = self.rows(registry)?;
        Ok(Survey::new(self.jj.read_unpublished(&self.revset(also))?, rows, &self.config.trunk))
    }

    /// The flows at the operation that the repo stands at, without a look at the working copy.
    pub(crate) fn read_flows(&self) -> anyhow::Result<Graph> {
        self.jj.read_at(&self.jj.require_head()?, &self.revset(&[]))
    }

    fn revset(&self, also: &[BookmarkName]) -> String {
        let trunks = trunk_candidates(&self.config.trunk);
        jj::revset::survey(crate::name::grammar::FLOW_NAME_REGEX, &trunks, also)
    }

    /// The live rows of this repo.
    pub(crate) fn rows(&self, registry: Option<&Registry>) -> anyhow::Result<Vec<crate::model::Flow>> {
        let (Some(registry), Some(repo)) = (registry, self.repo_id()) else { return Ok(Vec::new()) };
        let mut first = registry.first_changes(&repo)?;
        let mut rows =
            registry.flows(&registry::Filter { repo: Some(repo), ..registry::Filter::default() })?;
        rows.iter_mut().for_each(|row| row.first = first.remove(&row.id));
        Ok(rows)
    }
}
