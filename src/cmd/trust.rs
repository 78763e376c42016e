//! `jj flow trust`: approves the hooks that a repo's own config sets, word for word.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use crate::config::{Config, Hook};
use crate::landing::{ON_CONFLICT, VERIFY};
use crate::output::plain;

/// Show the hooks that this repo's own config sets, and approve them
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow trust --show\n\n\
    A clone can bring config along, so its hooks run only once approved, each in exactly these words. Hooks from \
    your own config need no approval.")]
pub(super) struct TrustArgs {
    /// Only show them
    #[arg(long)]
    show: bool,

    /// Take the approval back
    #[arg(long, conflicts_with = "show")]
    revoke: bool,
}

pub(super) fn run(args: &TrustArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open_quietly(&mut call)?;
    let hooks: Vec<(&str, Hook)> = foreign(&desk.session.config);
    let mut lines = Vec::new();
    let mut objects = Vec::new();
    for (name, hook) in &hooks {
        let command = hook.text();
        if !args.show {
            let (repo, now) = (desk.ledger.repo.clone(), desk.session.now);
            desk.ledger.registry.approve(&repo, name, &command, !args.revoke, now)?;
        }
        let approved = desk.ledger.is_allowed(name, hook)?;
        let state = if approved { "approved" } else { "not approved" };
        lines.push(format!("{name} ({state}): {}", plain(&command)));
        objects.push(json!({"hook": name, "command": command, "approved": approved}));
    }
    if lines.is_empty() {
        lines.push("This repo's own config sets no hooks.".to_owned());
    }
    desk.answer(&call, &lines.join("\n"), json!({"hooks": objects}))
}

/// The hooks that are not the user's own.
fn foreign(config: &Config) -> Vec<(&'static str, Hook)> {
    let all = [
        (VERIFY, config.verify.clone()),
        (ON_CONFLICT, config.on_conflict.clone()),
        ("conflict-tool", config.conflict_tool.clone().map(|tool| tool.hook)),
    ];
    let set = all.into_iter().filter_map(|(name, hook)| Some((name, hook?)));
    set.filter(|(_, hook)| !hook.personal).collect()
}
