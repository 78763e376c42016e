//! `bookmark create`, `set` and `rename` through the shim: the names are judged, jj runs, and what it did is recorded
//! before the command returns.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8Path;

use super::{become_jj, no_jj, options};
use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::jj::{self, Repo};
use crate::ledger::{Ledger, write_down};
use crate::model::{BookmarkName, Flow, Tip};
use crate::name::FlowName;
use crate::name::policy::{Naming, Verdict, judge};
use crate::output::{Out, plain};
use crate::process;
use crate::registry::Registry;
use crate::session::{Place, Session};
use crate::shim::argv::{Globals, Scan, Verb};
use crate::shim::intercept::{Name, rewrite};

/// How long jj waits for a registry that somebody else is writing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What naming bookmarks needs to know of the repo.
struct Desk {
    place: Place,
    session: Session,
    ledger: anyhow::Result<Ledger>,
}

impl Desk {
    fn open(globals: &Globals<'_>) -> anyhow::Result<Self> {
        let place = Place::find(globals.repository.map(Utf8Path::new), false, options(globals))?;
        let session = Session::open(&place)?;
        let path = place.registry_path(&session.config);
        let registry = path.and_then(|path| Registry::open_within(&path, PATIENCE));
        let ledger = registry.and_then(|registry| session.ledger_in(&place, registry));
        Ok(Self { place, session, ledger })
    }

    /// Judges every requested name: what is asked of jj instead, or why it is refused.
    fn judge(&self, verb: Verb, requested: &[Name]) -> anyhow::Result<Vec<(Name, Verdict)>> {
        // Without a registry names are still made, under the context's shortest uid.
        let uid = match &self.ledger {
            Ok(ledger) => ledger.actor.uid.clone(),
            Err(_) => self.session.require_uid(None)?,
        };
        let existing = self.existing()?;
        let exists = |name: &str| {
            let same = existing.iter().find(|bookmark| *bookmark == name);
            same.or_else(|| existing.iter().find(|bookmark| bookmark.eq_ignore_ascii_case(name))).cloned()
        };
        let config = &self.session.config;
        let naming = Naming {
            policy: config.policy,
            rules: &config.rules,
            exempt: &config.exempt,
            uid: &uid,
            exists: &exists,
        };
        // Of `rename OLD NEW` only the new name is made.
        let made = if verb == Verb::Rename { &requested[1.min(requested.len())..] } else { requested };
        Ok(made
            .iter()
            .map(|name| (Name { index: name.index, text: name.text.clone() }, judge(&name.text, &naming)))
            .collect())
    }

    /// The local bookmarks that there are.
    fn existing(&self) -> anyhow::Result<Vec<String>> {
        let head = self.session.jj.require_head()?;
        let template = r#"--template=if(!remote, json(name) ++ "\n")"#;
        let text = self.session.jj.run_at(&head, &["bookmark", "list", template])?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Records what jj has just done to these bookmarks; the flow that was renamed comes first. Where there is no
    /// registry the repo's own journal has it, and the error says why.
    fn record(self, renamed: Option<BookmarkName>, made: &[String]) -> anyhow::Result<()> {
        let flows: Vec<BookmarkName> =
            made.iter().filter_map(|name| Some(FlowName::parse(name).ok()?.bookmark())).collect();
        if flows.is_empty() {
            return Ok(());
        }
        let head = self.session.jj.require_head()?;
        let revset: Vec<String> = flows.iter().map(jj::revset::exactly).collect();
        let graph = self.session.jj.read_at(&head, &revset.join(" | "))?;
        let Self { place, session, ledger } = self;
        let rows = ledger.as_ref().ok().and_then(|ledger| session.rows(Some(&ledger.registry)).ok());
        let component = session.component(&place);
        let events: Vec<_> = flows
            .into_iter()
            .filter_map(|name| {
                let tip = graph.bookmark(&name).single()?.tip();
                happened(rows.as_deref(), renamed.clone(), name, tip, &component)
            })
            .collect();
        match ledger {
            Ok(mut ledger) => {
                ledger.record(session.now, Some(&head), events)?;
                ledger.behind.map_or(Ok(()), Err)
            }
            Err(error) => {
                let actor = session.actor(session.require_uid(None)?);
                write_down(session.repo(), &actor, session.now, &head, events)?;
                Err(error)
            }
        }
    }
}

/// What became of one flow. Without rows nobody can tell whether it is new: then it was found.
fn happened(
    rows: Option<&[Flow]>,
    renamed: Option<BookmarkName>,
    name: BookmarkName,
    tip: Tip,
    component: &str,
) -> Option<(BookmarkName, What)> {
    let row = |name: &BookmarkName| rows.and_then(|rows| rows.iter().find(|row| row.bookmark == *name));
    if let Some(old) = renamed.filter(|old| rows.is_none() || row(old).is_some()) {
        return Some((old, What::Renamed { to: name }));
    }
    match row(&name) {
        Some(row) if row.tip == tip => None,
        Some(_) => Some((name, What::Moved { tip })),
        None => {
            let parent = FlowName::parse(name.as_str()).ok().and_then(|name| name.parent());
            let parent = parent.map(|parent| parent.bookmark());
            let origin = if rows.is_some() { Origin::Bookmark } else { Origin::Found };
            Some((name, What::created(tip, parent, component, origin)))
        }
    }
}

/// `bookmark create`, `set` or `rename`: the names are judged, jj runs, and what it did is recorded before this
/// returns.
pub(super) fn name_bookmarks(
    argv0: &OsStr,
    args: &[OsString],
    scanned: &Scan<'_>,
    verb: Verb,
    requested: &[Name],
) -> ExitCode {
    let globals = &scanned.globals;
    let out = Out::new(false);
    let Some(program) = jj::locate() else { return no_jj() };
    let found = Place::find(globals.repository.map(Utf8Path::new), false, Vec::new());
    if !found.is_ok_and(|place| Repo::find(&place.dir).is_some()) {
        return become_jj(argv0, args);
    }
    let prepared = Desk::open(globals).and_then(|desk| Ok((desk.judge(verb, requested)?, desk)));
    let (judged, desk) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = out.note(&format!(
                "Warning: jj-flow did not look at this bookmark: {}",
                plain(&format!("{error:#}"))
            ));
            return become_jj(argv0, args);
        }
    };
    let Some(changed) = settle_names(out, verb, &judged) else { return ExitCode::FAILURE };
    let args = rewrite(args, &changed);
    let status = match run_jj(&program, &args) {
        Ok(0) => 0,
        Ok(status) => return ExitCode::from(status),
        Err(error) => {
            let _ = out.note(&format!("Error: Could not start {}: {error}", program.display()));
            return ExitCode::from(Kind::NoJj.exit());
        }
    };
    if globals.no_integrate_operation || globals.at_operation.is_some() {
        return ExitCode::from(status);
    }
    let made: Vec<String> = judged
        .iter()
        .map(|(name, _)| changed.iter().find(|new| new.index == name.index).unwrap_or(name).text.clone())
        .collect();
    let renamed = requested.first().filter(|_| verb == Verb::Rename);
    let renamed = renamed.and_then(|old| Some(FlowName::parse(&old.text).ok()?.bookmark()));
    if let Err(error) = desk.record(renamed, &made) {
        let text = format!("Warning: jj-flow's registry does not have this yet, and will follow: {error:#}");
        let _ = out.note(&plain(&text));
    }
    ExitCode::from(status)
}

/// The names that change, each with its line on stderr; none where one is refused.
fn settle_names(out: Out, verb: Verb, judged: &[(Name, Verdict)]) -> Option<Vec<Name>> {
    let verb = match verb {
        Verb::Create => "create",
        Verb::Set => "set",
        Verb::Rename => "rename",
    };
    let mut changed = Vec::new();
    for (name, verdict) in judged {
        let asked = name.text.escape_debug();
        match verdict {
            Verdict::Keep | Verdict::Flow(_) => {}
            Verdict::Rewrite(flow) => {
                let _ = out.note(&format!("jj-flow: {asked} is named {flow}."));
                changed.push(Name { index: name.index, text: flow.to_string() });
            }
            Verdict::Warn { reason, suggestion } => {
                let better = suggestion.as_ref().map(|flow| format!("; {flow} would do")).unwrap_or_default();
                let _ = out.note(&format!("Warning: {asked} is no flow's name: {reason}{better}."));
            }
            Verdict::Refuse { reason, suggestion } => {
                let failure = Failure::new(
                    Kind::NameRefused,
                    format!("Could not {verb} the bookmark {asked}: {reason}"),
                );
                let hint = suggestion.as_ref().map(|flow| match verb {
                    "rename" => format!("jj flow name check {flow}"),
                    verb => format!("jj bookmark {verb} {flow}"),
                });
                let _ = out.failure(&match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                });
                return None;
            }
        }
    }
    Some(changed)
}

/// Runs the real jj on this terminal and gives its exit status, 128 and more for a signal.
fn run_jj(program: &Path, args: &[OsString]) -> std::io::Result<u8> {
    let mark = jj::guard_spawn(program);
    let status = process::run_inherited(program, args, &[mark])?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(1))
}
