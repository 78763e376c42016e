//! `bookmark create`, `set` and `rename` through the shim: the names are judged, jj runs, and what it did is recorded
//! before the command returns.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use camino::Utf8Path;

use super::{become_jj, items, no_jj};
use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::jj::{self, Repo};
use crate::model::BookmarkName;
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
    registry: anyhow::Result<Registry>,
}

impl Desk {
    fn open(globals: &Globals<'_>) -> anyhow::Result<Self> {
        let place = Place::find(globals.repository.map(Utf8Path::new), false, items(globals))?;
        let session = Session::open(&place)?;
        // Without a registry names are still made, under the context's shortest uid.
        let registry =
            place.registry_path(&session.config).and_then(|path| Registry::open_within(&path, PATIENCE));
        Ok(Self { place, session, registry })
    }

    /// Judges every requested name: what is asked of jj instead, or why it is refused.
    fn judge(&mut self, verb: Verb, requested: &[Name]) -> anyhow::Result<Vec<(Name, Verdict)>> {
        let uid = self
            .session
            .require_uid(self.registry.as_mut().ok())
            .or_else(|_| self.session.require_uid(None))?;
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

    /// Records what jj has just done to these bookmarks.
    fn record(self, verb: Verb, renamed_from: Option<&str>, made: &[String]) -> anyhow::Result<()> {
        let flows: Vec<BookmarkName> =
            made.iter().filter_map(|name| Some(FlowName::parse(name).ok()?.bookmark())).collect();
        if flows.is_empty() {
            return Ok(());
        }
        let Self { place, session, registry } = self;
        let mut ledger = session.ledger_in(&place, registry?)?;
        let head = session.jj.require_head()?;
        let revset: Vec<String> = flows.iter().map(jj::revset::exactly).collect();
        let graph = session.jj.read_at(&head, &revset.join(" | "))?;
        let rows = session.rows(Some(&ledger.registry))?;
        let mut events = Vec::new();
        for name in flows {
            let Some(tip) = graph.bookmark(&name).single().map(|change| change.tip()) else { continue };
            let row = rows.iter().find(|row| row.bookmark == name);
            let old = renamed_from.filter(|_| verb == Verb::Rename).map(BookmarkName::new);
            match (row, old.filter(|old| rows.iter().any(|row| row.bookmark == *old))) {
                (_, Some(old)) => events.push((old, What::Renamed { to: name })),
                (Some(row), None) if row.tip == tip => {}
                (Some(_), None) => events.push((name, What::Moved { tip })),
                (None, None) => {
                    let parent = FlowName::parse(name.as_str()).ok().and_then(|name| name.parent());
                    let parent = parent.map(|parent| parent.bookmark());
                    let component = session.component(&place);
                    events.push((name, What::Created { tip, parent, component, origin: Origin::Bookmark }));
                }
            }
        }
        ledger.record(session.now, Some(&head), events)
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
    let found = Place::find(globals.repository.map(Utf8Path::new), false, Vec::new());
    if !found.is_ok_and(|place| Repo::find(&place.dir).is_some()) {
        return become_jj(argv0, args);
    }
    let prepared = Desk::open(globals).and_then(|mut desk| Ok((desk.judge(verb, requested)?, desk)));
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
    let Some(program) = jj::locate() else { return no_jj() };
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
    let old = requested.first().map(|name| name.text.as_str());
    if let Err(error) = desk.record(verb, old, &made) {
        let text = plain(&format!("{error:#}")).into_owned();
        let _ = out.note(&format!(
            "Warning: jj-flow could not record this, and will at the next `jj flow` command: {text}"
        ));
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
