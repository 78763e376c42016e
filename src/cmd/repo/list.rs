//! `jj flow repo list`: the repos on record.

use camino::Utf8Path;
use clap::Args;
use serde_json::{Value, json};

use super::super::Call;
use crate::env;
use crate::jj::Repo;
use crate::output::{age, fitted, plain};
use crate::registry::{KnownRepo, Registry};
use crate::session::require_jj;

/// List the repos that the registry is about
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow repo list")]
pub(super) struct ListArgs {
    /// Those that were forgotten too
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &ListArgs, mut call: Call) -> anyhow::Result<()> {
    let (config, _) = call.place.load_config(&require_jj()?)?;
    call.out.follow(config.color.as_deref());
    let registry = Registry::open_to_read(&call.place.registry_path(&config)?)?;
    let mut repos = registry.map(|registry| registry.repos()).transpose()?.unwrap_or_default();
    repos.retain(|repo| args.all || repo.forgotten_at.is_none());
    let objects: Vec<Value> = repos.iter().map(describe).collect();
    let text = if repos.is_empty() {
        "No repos are known yet. Find them: jj flow repo scan .".to_owned()
    } else {
        let heading = ["repo", "component", "flows", "open", "seen", "state", "id"];
        fitted(&heading, repos.iter().map(row).collect(), &["component", "seen", "flows", "open", "id"])
    };
    Ok(call.out.answer(&text, json!({"repos": objects}))?)
}

fn row(repo: &KnownRepo) -> Vec<String> {
    let seen = repo.last_seen.as_ref().and_then(|seen| seen.parse().ok());
    vec![
        plain(&repo.root).into_owned(),
        plain(&repo.component).into_owned(),
        repo.flows.to_string(),
        repo.open.to_string(),
        seen.map(|seen| age(env::now(), seen)).unwrap_or_default(),
        state(repo).to_owned(),
        repo.id.to_string(),
    ]
}

fn describe(repo: &KnownRepo) -> Value {
    json!({
        "repo": repo.id, "root": repo.root, "component": repo.component, "state": state(repo),
        "flows": repo.flows, "open": repo.open, "last_seen": repo.last_seen, "forgotten_at": repo.forgotten_at,
    })
}

/// `here`, `elsewhere`, `missing` or `forgotten`.
fn state(repo: &KnownRepo) -> &'static str {
    match repo {
        KnownRepo { forgotten_at: Some(_), .. } => "forgotten",
        KnownRepo { is_here: false, .. } => "elsewhere",
        here if Repo::at(Utf8Path::new(&here.root)).is_some() => "here",
        _ => "missing",
    }
}
