//! Which flows a listing is about: the filters that listings share, and the registry that they are put to.

use anyhow::Context as _;
use clap::Args;
use jiff::{Span, Timestamp};

use super::Call;
use super::desk::{is_flow, open_to_read};
use super::shim::load_existing;
use super::target::{find_name, find_row};
use crate::config::Config;
use crate::env;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::model::{BookmarkName, Flow, Status};
use crate::name::FlowName;
use crate::name::grammar::Segment;
use crate::name::intent::Types;
use crate::output::plain;
use crate::registry::{Cursor, Filter, LandsOn, Registry};
use crate::session::{Session, require_jj};
use crate::survey::{Survey, trunk_candidates};

/// The filters of a listing.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Which {
    /// Of every repo
    #[arg(long)]
    pub(super) all: bool,

    /// Only flows at this status; may be given several times
    #[arg(long, value_enum)]
    pub(super) status: Vec<Status>,

    /// Only flows of this agent or session
    #[arg(long)]
    pub(super) uid: Option<String>,

    /// Only flows whose intent is of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) kind: Option<String>,

    /// Only flows of this component
    #[arg(long)]
    pub(super) component: Option<String>,

    /// Only flows that land on this bookmark: the trunk, or a flow in full or by the end of its name
    #[arg(long, value_name = "BOOKMARK")]
    pub(super) parent: Option<String>,

    /// Only what was touched since then: 30m, 12h, 7d, or a time
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<String>,

    /// Only flows with this in their name, component or reason
    #[arg(long)]
    pub(super) text: Option<String>,
}

/// How much of a listing is shown.
#[derive(Clone, Debug, Args)]
pub(super) struct Paging {
    /// At most this many
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,

    /// Go on behind the last page: its `next`
    #[arg(long, value_name = "CURSOR")]
    pub(super) after: Option<String>,
}

/// The registry, where there is one, and what is asked of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) registry: Option<Registry>,
    pub(super) filter: Filter,
}

impl Which {
    /// Whether anything is said at all.
    pub(super) fn is_given(&self) -> bool {
        self.all || self.filters()
    }

    /// Whether some flows are left out.
    pub(super) fn filters(&self) -> bool {
        let texts = [&self.uid, &self.kind, &self.component, &self.parent, &self.since, &self.text];
        !self.status.is_empty() || texts.into_iter().any(Option::is_some)
    }

    /// What is said where nothing is shown: whether there is none, or none that was asked for.
    pub(super) fn nothing(&self, word: &str) -> String {
        if self.filters() { format!("No such {word}s.") } else { format!("No {word}s.") }
    }

    /// Opens the registry to ask it about this repo, or about all; this one is brought level first.
    pub(super) fn open(&self, call: &mut Call) -> anyhow::Result<Asked> {
        if self.all && Repo::find(&call.place.dir).is_none() {
            let (config, _) = call.place.load_config(&require_jj()?)?;
            call.out.follow(config.color.as_deref());
            let registry = Registry::open_to_read(&call.place.registry_path(&config)?)?;
            let parent = self.parent_anywhere(&config);
            return Ok(Asked { registry, filter: Filter { parent, ..self.filter(&config.rules.types)? } });
        }
        let (session, read) = open_to_read(call)?;
        let repo = session.repo_id().filter(|_| !self.all);
        let known = self.all || repo.is_some();
        let registry = if known { session.open_registry(&call.place)? } else { None };
        let parent = match (&repo, &registry, &self.parent) {
            (Some(repo), Some(registry), Some(text)) => {
                let survey = match read {
                    Some(survey) => survey,
                    None => {
                        let rows = session.rows(Some(registry))?;
                        Survey::new(session.read_flows()?, rows, &session.config.trunk)
                    }
                };
                let find = || Ok(find_row(registry, Some(repo), text)?.bookmark);
                Some(parent_here(&session, &survey, text, find)?)
            }
            _ => self.parent_anywhere(&session.config),
        };
        let filter = Filter { repo, parent, ..self.filter(&session.config.rules.types)? };
        Ok(Asked { registry, filter })
    }

    /// What flows of one repo are to land on, as its survey shows it.
    pub(super) fn parent_in(&self, session: &Session, survey: &Survey) -> anyhow::Result<Option<LandsOn>> {
        let Some(text) = &self.parent else { return Ok(None) };
        let find = || Ok(find_name(survey.flows.iter().map(|flow| &flow.name), text)?.bookmark());
        parent_here(session, survey, text, find).map(Some)
    }

    /// What flows of all repos are to land on: which trunk each of them has is not on record, and so every name that a
    /// trunk may have stands for them all.
    fn parent_anywhere(&self, config: &Config) -> Option<LandsOn> {
        let name = BookmarkName::new(self.parent.as_ref()?);
        Some(match trunk_candidates(&config.trunk).contains(&name) {
            true => LandsOn::Trunk(name),
            false => LandsOn::Ending(name.to_string()),
        })
    }

    fn filter(&self, types: &Types) -> anyhow::Result<Filter> {
        Ok(Filter {
            status: self.status.clone(),
            uid: self.uid.clone(),
            kind: self.kind.clone().map(|kind| (kind, types.clone())),
            component: self.component.clone(),
            since: self.since.as_deref().map(|text| since(text, env::now())).transpose()?,
            text: self.text.clone(),
            ..Filter::default()
        })
    }

    /// Whether a flow passes whose row is at hand.
    pub(super) fn passes(
        &self,
        flow: &Flow,
        types: &Types,
        parent: Option<&LandsOn>,
    ) -> anyhow::Result<bool> {
        let filter = self.filter(types)?;
        let name = FlowName::parse(flow.bookmark.as_str()).ok();
        let is_of = |kind: &str| {
            let intent = name.as_ref().and_then(|name| Segment::parse(name.intent()).ok());
            intent.is_some_and(|intent| types.find(&intent) == Some(kind))
        };
        let texts = [flow.bookmark.as_str(), &flow.component, flow.reason.as_deref().unwrap_or_default()];
        let has = |text: &str| texts.iter().any(|own| own.to_lowercase().contains(&text.to_lowercase()));
        Ok((filter.status.is_empty() || filter.status.contains(&flow.status))
            && filter.uid.is_none_or(|uid| name.as_ref().is_some_and(|name| name.uid().as_str() == uid))
            && self.kind.as_deref().is_none_or(is_of)
            && filter.component.is_none_or(|component| component == flow.component)
            && parent.is_none_or(|parent| parent.is(flow.parent.as_ref()))
            && filter.since.is_none_or(|since| flow.updated_at >= since)
            && filter.text.as_deref().is_none_or(has))
    }
}

/// What a name stands for in a repo: its trunk, another bookmark, or the flow that `find` finds.
fn parent_here(
    session: &Session,
    survey: &Survey,
    text: &str,
    find: impl FnOnce() -> anyhow::Result<BookmarkName>,
) -> anyhow::Result<LandsOn> {
    let name = BookmarkName::new(text);
    if survey.trunk.as_ref() == Some(&name) {
        return Ok(LandsOn::Trunk(name));
    }
    let is_other = !is_flow(&name) && load_existing(&session.jj)?.contains(text);
    Ok(LandsOn::Bookmark(if is_other { name } else { find()? }))
}

impl Paging {
    /// Puts the page that is wanted into a filter.
    pub(super) fn turn_to(&self, filter: &mut Filter, usual: usize) -> anyhow::Result<()> {
        filter.limit = Some(self.limit.unwrap_or(usual));
        filter.after = match &self.after {
            None => None,
            Some(text) => Some(Cursor::parse(text).ok_or_else(|| {
                Failure::new(Kind::Usage, format!("There is no page behind `{}`", text.escape_debug()))
                    .hint("jj flow list --json")
            })?),
        };
        Ok(())
    }
}

/// Tells a person that there is more than was shown; a program reads it in the object.
pub(super) fn tell_more(call: &Call, next: Option<&String>) -> anyhow::Result<()> {
    match next {
        Some(next) if !call.out.is_json() => {
            Ok(call.out.note(&format!("There are more: add --after {}", plain(next)))?)
        }
        _ => Ok(()),
    }
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
