//! `jj flow list`: rows of the registry.

use anyhow::Context as _;
use clap::Args;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::Call;
use super::desk::open_to_read;
use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::model::{Flow, Status};
use crate::name::FlowName;
use crate::name::grammar::Segment;
use crate::name::intent::Types;
use crate::output::{age, flow_json, plain, status, table};
use crate::registry::{Filter, Registry};
use crate::session::require_jj;

/// List flows as the registry has them, those last touched first
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow list --all --status failed --since 2d")]
pub(super) struct ListArgs {
    /// The flows of every repo
    #[arg(long)]
    all: bool,

    /// Only flows at this status; may be given several times
    #[arg(long, value_enum)]
    status: Vec<Status>,

    /// Only flows of this agent or session
    #[arg(long)]
    uid: Option<String>,

    /// Only flows whose intent is of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Only flows of this component
    #[arg(long)]
    component: Option<String>,

    /// Only flows touched since then: 30m, 12h, 7d, or a time
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,

    /// Flows whose bookmark is gone too
    #[arg(long)]
    gone: bool,

    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

pub(super) fn run(args: &ListArgs, mut call: Call) -> anyhow::Result<()> {
    let here = Repo::find(&call.place.dir).is_some();
    let (registry, filter, types) = if args.all && !here {
        let (config, _) = call.place.load_config(&require_jj()?)?;
        call.out.follow(config.color.as_deref());
        (Registry::open_to_read(&call.place.registry_path(&config)?)?, Filter::default(), config.rules.types)
    } else {
        let (session, _) = open_to_read(&mut call)?;
        let known = args.all || session.repo_id().is_some();
        let registry = if known { session.open_registry(&call.place)? } else { None };
        let repo = session.repo_id().filter(|_| !args.all);
        (registry, Filter { repo, ..Filter::default() }, session.config.rules.types)
    };
    let now = env::now();
    let filter = Filter {
        status: args.status.clone(),
        uid: args.uid.clone(),
        intent_has: args.kind.clone(),
        component: args.component.clone(),
        since: args.since.as_deref().map(|text| since(text, now)).transpose()?,
        gone: args.gone,
        // A type is a whole word, which is looked at below: the limit comes after.
        limit: args.limit.filter(|_| args.kind.is_none()),
        ..filter
    };
    let mut flows = registry.map(|registry| registry.flows(&filter)).transpose()?.unwrap_or_default();
    if let Some(kind) = &args.kind {
        flows.retain(|flow| is_of_type(flow, kind, &types));
        flows.truncate(args.limit.unwrap_or(usize::MAX));
    }
    let object = json!({"flows": flows.iter().map(flow_json).collect::<Vec<Value>>()});
    let text = if flows.is_empty() { "No flows.".to_owned() } else { rows(&flows, args.all, now) };
    Ok(call.out.answer(&text, object)?)
}

fn rows(flows: &[Flow], all: bool, now: Timestamp) -> String {
    let mut heading = vec!["flow", "status", "component", "parent", "change", "age"];
    if all {
        heading.push("repo");
    }
    let row = |flow: &Flow| {
        let parent = flow.parent.as_ref().map(ToString::to_string).unwrap_or_default();
        let gone = if flow.gone_at.is_some() { " (gone)" } else { "" };
        let mut cells = vec![
            format!("{}{gone}", flow.bookmark),
            status(flow.status),
            plain(&flow.component).into_owned(),
            plain(&parent).into_owned(),
            flow.tip.change.short().to_owned(),
            age(now, flow.updated_at),
        ];
        if all {
            cells.push(plain(&flow.root).into_owned());
        }
        cells
    };
    table(&heading, flows.iter().map(row).collect())
}

fn is_of_type(flow: &Flow, kind: &str, types: &Types) -> bool {
    let name = FlowName::parse(flow.bookmark.as_str()).ok();
    let intent = name.and_then(|name| Segment::parse(name.intent()).ok());
    intent.is_some_and(|intent| types.find(&intent) == Some(kind))
}

/// `30m`, `12h`, `7d`, `2w`, or a time in RFC 3339.
fn since(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let refused = || {
        Failure::new(Kind::Usage, format!("Could not understand the time `{}`", text.escape_debug()))
            .hint("jj flow list --since 7d")
    };
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refused)?;
    let number: i64 = number.parse().map_err(|_| refused())?;
    let hours = match unit {
        "m" => return now.checked_sub(Span::new().try_minutes(number)?).context("the time is out of range"),
        "h" => Some(number),
        "d" => number.checked_mul(24),
        "w" => number.checked_mul(24 * 7),
        _ => None,
    };
    let span = Span::new().try_hours(hours.ok_or_else(refused)?).map_err(|_| refused())?;
    Ok(now.checked_sub(span).map_err(|_| refused())?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30m", Some("2026-01-31T23:30:00Z"))]
    #[case("24h", Some("2026-01-31T00:00:00Z"))]
    #[case("1w", Some("2026-01-25T00:00:00Z"))]
    #[case("2026-01-01T00:00:00Z", Some("2026-01-01T00:00:00Z"))]
    #[case("", None)]
    #[case("d", None)]
    #[case("5y", None)]
    #[case("9999999999999999d", None)]
    #[case("5ß", None)]
    fn times_are_understood_or_refused(#[case] text: &str, #[case] time: Option<&str>) {
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(since(text, now).ok(), time.map(|time| time.parse().unwrap()));
    }
}
