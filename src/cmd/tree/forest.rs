//! `jj flow --all`: the open flows of every repo as trees, as the registry has them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value, json};

use super::super::Call;
use super::super::which::{Asked, Which};
use crate::env;
use crate::model::{Flow, Status, Trouble};
use crate::output::{Leaf, age, flow_json, plain, status, tree};
use crate::registry::{Filter, Page};

/// How many flows are shown: more are for `jj flow list`, which has pages.
const MOST: usize = 1_000;

/// The columns that go on a narrow terminal: age, component, trouble, status.
const SPARE: [usize; 4] = [3, 2, 1, 0];

pub(super) fn run(which: &Which, mut call: Call) -> anyhow::Result<()> {
    let Asked { registry, filter } = which.open(&mut call)?;
    let open = Status::ALL.into_iter().filter(|status| status.is_open()).collect();
    let status = if filter.status.is_empty() { open } else { filter.status.clone() };
    let filter = Filter { status, limit: Some(MOST), ..filter };
    let page = registry.map(|registry| registry.page_of_flows(&filter)).transpose()?;
    let Page { rows: flows, next } = page.unwrap_or(Page { rows: Vec::new(), next: None });
    let mut repos: BTreeMap<(&str, &str), Vec<&Flow>> = BTreeMap::new();
    for flow in &flows {
        repos.entry((&flow.root, flow.repo.as_str())).or_default().push(flow);
    }
    let roots: Vec<Leaf> = repos.into_iter().map(|((root, _), flows)| repo_leaf(root, &flows)).collect();
    let text = if roots.is_empty() { which.nothing("open flow") } else { tree(&roots, &SPARE) };
    let objects: Vec<Value> = flows.iter().map(flow_json).collect();
    call.out.answer(&text, json!({"flows": objects, "next": next}))?;
    if next.is_some() {
        call.out.note(&format!(
            "These are the {MOST} that were touched last: jj flow list --all has the others."
        ))?;
    }
    Ok(())
}

fn repo_leaf(root: &str, flows: &[&Flow]) -> Leaf {
    let names: HashSet<&str> = flows.iter().map(|flow| flow.bookmark.as_str()).collect();
    let mut under: HashMap<Option<&str>, Vec<&Flow>> = HashMap::new();
    for flow in flows {
        let parent = flow.parent.as_ref().map(|parent| parent.as_str());
        under.entry(parent.filter(|parent| names.contains(parent))).or_default().push(flow);
    }
    under.values_mut().for_each(|flows| flows.sort_by_key(|flow| flow.bookmark.clone()));
    let mut leaves = take(&mut under, None);
    // Flows that are each other's parents are under none.
    while let Some(parent) = under.keys().copied().min() {
        leaves.extend(take(&mut under, parent));
    }
    Leaf { name: plain(root).into_owned(), quiet: true, leaves, ..Leaf::default() }
}

fn take<'a>(under: &mut HashMap<Option<&'a str>, Vec<&'a Flow>>, parent: Option<&'a str>) -> Vec<Leaf> {
    let flows = under.remove(&parent).unwrap_or_default();
    flows
        .into_iter()
        .map(|flow| Leaf {
            name: flow.bookmark.to_string(),
            columns: vec![
                status(flow.status),
                flow.trouble.map(Trouble::as_str).unwrap_or_default().to_owned(),
                plain(&flow.component).into_owned(),
                age(env::now(), flow.updated_at),
            ],
            leaves: take(under, Some(flow.bookmark.as_str())),
            ..Leaf::default()
        })
        .collect()
}
