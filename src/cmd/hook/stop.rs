//! `jj flow hook stop`: a session that ends its turn hears, once, of its flows with work that has not landed.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value, json};

use super::memo::Memo;
use super::payload::Payload;
use crate::cmd::Call;
use crate::cmd::desk::read_flows;
use crate::model::{Flow, Status};
use crate::output::{Out, plain};
use crate::registry::{Filter, Registry};
use crate::session::{Place, require_jj};
use crate::text::{counted, plain_json, quoted};

/// Tell a session that ends of its flows with work that has not landed
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook stop <event.json\n\n\
    The event is JSON on stdin, as Claude Code gives it at Stop. Each flow is told of once a session.")]
pub(super) struct StopArgs {}

/// An open flow, and how many changes of it have not landed.
struct Left {
    flow: Flow,
    changes: usize,
}

impl Left {
    /// What it is remembered by.
    fn line(&self) -> String {
        format!("{} {}", self.flow.repo, self.flow.bookmark)
    }
}

pub(super) fn run(payload: &Payload, call: &Call) -> anyhow::Result<()> {
    // Where nobody can be told twice from once, nothing is said.
    let mark = payload.mark().filter(|_| !payload.stop_hook_active);
    let left = if mark.is_some() { find(payload, call)? } else { Vec::new() };
    let memo = Memo::load(mark.as_deref());
    let left: Vec<Left> = left.into_iter().filter(|left| !memo.has(&left.line())).collect();
    let objects: Vec<Value> = left
        .iter()
        .map(|left| json!({"flow": left.flow.bookmark, "root": left.flow.root, "changes": left.changes}))
        .collect();
    let text = (!left.is_empty()).then(|| block(&left, &payload.place(&call.place).dir));
    super::say(call, text.as_deref(), json!({"flows": objects}))?;
    if left.is_empty() { Ok(()) } else { Ok(memo.keep(left.iter().map(Left::line))?) }
}

fn find(payload: &Payload, call: &Call) -> anyhow::Result<Vec<Left>> {
    let place = payload.place(&call.place);
    let (config, _) = place.load_config(&require_jj()?)?;
    let Some(registry) = Registry::open_to_read(&place.registry_path(&config)?)? else {
        return Ok(Vec::new());
    };
    let mut repos: BTreeMap<String, Vec<Flow>> = BTreeMap::new();
    if let Some(uid) = payload.uid(&config, &place.dir, Some(&registry))? {
        let status = vec![Status::InProgress, Status::Success];
        for flow in registry.flows(&Filter { uid: Some(uid.to_string()), status, ..Filter::default() })? {
            repos.entry(flow.root.clone()).or_default().push(flow);
        }
    }
    drop(registry);
    let mut left = Vec::new();
    for (root, flows) in repos {
        left.extend(unlanded(&place, &root, flows)?);
    }
    Ok(left)
}

/// The flows of one repo that have work of their own. A repo that is not there tells nothing.
fn unlanded(place: &Place, root: &str, flows: Vec<Flow>) -> anyhow::Result<Vec<Left>> {
    let is_here = crate::jj::Repo::find(&place.dir).is_some_and(|repo| repo.main_root().as_str() == root);
    let dir = if is_here { place.dir.clone() } else { Utf8PathBuf::from(root) };
    if crate::jj::Repo::find(&dir).is_none() {
        return Ok(Vec::new());
    }
    let mut there = Call { place: Place { dir, options: place.options.clone() }, out: Out::new(false) };
    let (_, survey) = read_flows(&mut there)?;
    let work = |flow: Flow| {
        let standing = survey.flow(&flow.bookmark)?;
        let changes = survey.ahead(standing).iter().filter(|change| change.has_work()).count();
        (standing.status.is_open() && changes > 0).then_some(Left { flow, changes })
    };
    Ok(flows.into_iter().filter_map(work).collect())
}

/// Claude Code's form of going on, with what there is to do for the agent to read.
fn block(left: &[Left], here: &Utf8Path) -> String {
    let mut lines = vec!["These flows of yours hold work that has not landed:".to_owned()];
    for Left { flow, changes } in left {
        let root = Utf8Path::new(&flow.root);
        let elsewhere =
            if here.starts_with(root) { String::new() } else { format!(" in {}", plain(&flow.root)) };
        lines.push(format!("  {} ({}){elsewhere}", flow.bookmark, counted(*changes as u64, "change")));
    }
    let Flow { bookmark, root, .. } = &left[0].flow;
    let run = |verb: String| match here.starts_with(root) {
        true => format!("jj flow {verb}"),
        false => format!("jj flow -R {} {verb}", quoted(root)),
    };
    lines.push(format!("What is finished lands by: {}", plain(&run(format!("done {bookmark}")))));
    let fail = run(format!("fail {bookmark} --reason 'why'"));
    lines.push(format!("What leads nowhere ends by: {}", plain(&fail)));
    lines.push("What goes on another time may stay open: say so to whoever you work for.".to_owned());
    plain_json(&json!({"decision": "block", "reason": lines.join("\n")}).to_string()).into_owned()
}
