//! `jj flow repo forget`: a repo is not looked at any more.

use clap::Args;
use serde_json::json;

use super::super::Call;
use crate::env;
use crate::error::{Failure, Kind};
use crate::output::plain;
use crate::registry::{KnownRepo, Registry};
use crate::session::require_jj;

/// Leave repos out of what `--all` does and shows; their rows stay on record
#[derive(Debug, Args)]
#[command(
    after_help = "Their rows are in `jj flow list --all --gone` and in the log. Whoever works in one makes it known \
                  again.\n\nExample: jj flow repo forget ~/src/gone"
)]
pub(super) struct ForgetArgs {
    /// Folders of repos, or their ids as `jj flow repo list` has them
    #[arg(value_name = "REPO", required = true)]
    repos: Vec<String>,
}

pub(super) fn run(args: &ForgetArgs, mut call: Call) -> anyhow::Result<()> {
    let (config, _) = call.place.load_config(&require_jj()?)?;
    call.out.follow(config.color.as_deref());
    let mut registry = Registry::open(&call.place.registry_path(&config)?)?;
    let known = registry.repos()?;
    // All are found before the first one is forgotten.
    let found: Vec<KnownRepo> =
        args.repos.iter().map(|text| find(&known, &call, text)).collect::<anyhow::Result<_>>()?;
    let now = env::now();
    for repo in &found {
        registry.forget_repo(repo, now)?;
    }
    let lines: Vec<String> = found.iter().map(|repo| format!("Forgot {}.", plain(&repo.root))).collect();
    let ids: Vec<_> = found.iter().map(|repo| &repo.id).collect();
    Ok(call.out.answer(&lines.join("\n"), json!({"forgotten": ids}))?)
}

/// The repo that a text names: its id, its name where it is elsewhere, or its folder, there or not.
fn find(known: &[KnownRepo], call: &Call, text: &str) -> anyhow::Result<KnownRepo> {
    let path = call.place.dir.join(text);
    let full = path.canonicalize_utf8().unwrap_or(path);
    let full = full.as_str().trim_end_matches('/');
    let is_it = |repo: &&KnownRepo| repo.id.as_str() == text || repo.root == text || repo.root == full;
    known.iter().find(is_it).cloned().ok_or_else(|| {
        Failure::new(Kind::UnknownRepo, format!("There is no repo {text} on record"))
            .hint("jj flow repo list")
            .into()
    })
}
