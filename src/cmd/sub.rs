//! `jj flow sub`: a sub-flow of the current flow.

use clap::Args;
use serde_json::json;

use super::Call;
use super::begin::{Beginning, Start, begin};
use super::desk::Desk;
use super::target::{find_flow, free_intent, require_free};
use crate::error::{Failure, Kind};
use crate::event::Origin;
use crate::jj;
use crate::name::grammar::NameError;
use crate::name::{FlowName, normalise};
use crate::survey::Standing;
use crate::text::quoted;

/// Start a sub-flow of the current flow, from its tip
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow sub scaling")]
pub(super) struct SubArgs {
    /// What the sub-flow is for, in your own words
    #[arg(required = true)]
    name: Vec<String>,

    /// The flow to be under, instead of the current one
    #[arg(long, value_name = "FLOW")]
    of: Option<String>,

    #[command(flatten)]
    beginning: Beginning,
}

pub(super) fn run(args: &SubArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open_to_make(&mut call)?;
    let survey = desk.survey(&[])?;
    let parent = find_flow(&survey, args.of.as_deref())?;
    if !parent.status.is_open() {
        let message = format!("Could not start a sub-flow of {}: it is merged", parent.name);
        return Err(Failure::new(Kind::IllegalTransition, message)
            .hint(format!("jj flow new {}", free_intent(&survey)))
            .into());
    }
    let name = child_name(parent, &args.name.join(" "), desk.session.config.rules.max_depth)?;
    require_free(&survey, &name)?;
    let Some(tip) = survey.tip(parent) else {
        let message = format!("The bookmark {} is conflicted", parent.name);
        return Err(Failure::new(Kind::ConflictedBookmark, message)
            .hint("jj bookmark list --conflicted")
            .into());
    };
    let parent_bookmark = parent.name.bookmark();
    let jj = &desk.session.jj;
    // What the sub-flow stands on is the parent's: the parent's bookmark follows its work.
    if survey.target(parent).single().is_some_and(|at| at.commit != tip.commit) {
        let to = format!("--to={}", jj::commit(&tip.commit));
        jj.run(&["bookmark", "move", &jj::pattern(&parent_bookmark), &to])?;
    }
    let (revset, above) = (jj::commit(&tip.commit), parent.name.clone());
    let start = Start { revset, parent: Some(parent_bookmark), origin: Origin::Sub };
    let typed = format!("{} --of {above}", quoted(&args.name.join(" ")));
    let begun = begin(&mut desk, &call, &name, start, &args.beginning, &typed)?;
    let flow = desk.row(&name.bookmark());
    let text = format!("Started {name} on {above}{} (change {}).", begun.place(), begun.change.short());
    desk.answer(&call, &text, json!({"flow": flow, "workspace": begun.workspace}))
}

fn child_name(parent: &Standing, text: &str, max_depth: usize) -> anyhow::Result<FlowName> {
    let refused = |error: &NameError| {
        let message = format!("Could not make a name from `{}`: {error}", text.escape_debug());
        Failure::new(Kind::NameRefused, message).hint("jj flow sub scaling")
    };
    let segment = normalise::segment(text).map_err(|error| refused(&error))?;
    let name = parent.name.child(&segment).map_err(|error| refused(&error))?;
    if name.depth() > max_depth {
        let error = NameError::TooDeep { depth: name.depth(), max: max_depth };
        return Err(refused(&error).hint(format!("jj flow done {}", parent.name)).into());
    }
    Ok(name)
}
