//! `jj flow adopt`: a bookmark that was there before becomes a flow.

use clap::Args;
use serde_json::json;

use super::Call;
use super::desk::Desk;
use super::new::{make_name, open_parent};
use super::target::{free_intent, require_free};
use crate::error::{Failure, Kind, refuse};
use crate::event::{Origin, What};
use crate::graph::Target;
use crate::jj;
use crate::model::BookmarkName;
use crate::output::plain;

/// Make a flow of a bookmark that was there before
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow adopt feature-x --as 'jj research'")]
pub(super) struct AdoptArgs {
    /// The bookmark; it is renamed where its name does not conform
    bookmark: String,

    /// What the flow is for, where the bookmark's name does not say it
    #[arg(long = "as", value_name = "INTENT")]
    intent: Option<String>,
}

pub(super) fn run(args: &AdoptArgs, mut call: Call) -> anyhow::Result<()> {
    let mut desk = Desk::open_to_make(&mut call)?;
    let old = BookmarkName::new(&args.bookmark);
    let survey = desk.survey(std::slice::from_ref(&old))?;
    let tip = match survey.graph.bookmark(&old) {
        Target::At(change) => change.tip(),
        Target::Conflicted => refuse!(ConflictedBookmark, "Could not adopt {old}: it is conflicted"),
        Target::Absent => {
            let message = format!("There is no bookmark {old} in this repo");
            return Err(Failure::new(Kind::UnknownFlow, message).hint("jj bookmark list").into());
        }
    };
    if survey.trunk.as_ref() == Some(&old) {
        let message = format!("Could not adopt {old}: it is the trunk that flows land on");
        let hint = format!("jj flow new {}", free_intent(&survey));
        return Err(Failure::new(Kind::NameRefused, message).hint(hint).into());
    }
    let standing = survey.flow(&old);
    if standing.is_some_and(|flow| flow.row.is_some()) && args.intent.is_none() {
        return Ok(call.out.answer(&format!("{old} is a flow already."), json!({"flow": desk.row(&old)}))?);
    }
    let name = make_name(&desk, args.intent.as_deref().unwrap_or(&args.bookmark))?;
    let mut events = Vec::new();
    if name.as_str() != old.as_str() {
        require_free(&survey, &name)?;
        desk.session.jj.run(&["bookmark", "rename", &jj::symbol(&old), &jj::symbol(&name.bookmark())])?;
    }
    if standing.is_some_and(|flow| flow.row.is_some()) {
        events.push((old.clone(), What::Renamed { to: name.bookmark() }));
    } else {
        let parent = open_parent(&survey, &name).map(|parent| parent.name.bookmark());
        events.push((name.bookmark(), What::created(tip, parent, &desk.component, Origin::Adopt)));
    }
    let op = desk.session.jj.require_head()?;
    desk.ledger.record(desk.session.now, Some(&op), events)?;
    let text = format!("Adopted {} as {name}.", plain(old.as_str()));
    desk.answer(&call, &text, json!({"flow": desk.row(&name.bookmark())}))
}
