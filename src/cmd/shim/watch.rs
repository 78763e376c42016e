//! Runs a command that names bookmarks or acts on them: its names are judged, jj runs in this process's place, and
//! what it did is recorded before this returns.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use camino::Utf8Path;

use super::names::{Settled, settle};
use super::record::{Desk, Doing, has_touched_flows, unquoted};
use super::{become_jj, no_jj, not_started, options};
use crate::cmd::desk::is_flow;
use crate::error::{Failure, Kind};
use crate::jj::{self, Repo};
use crate::model::BookmarkName;
use crate::output::{Out, plain};
use crate::session::Place;
use crate::shim::argv::{Globals, Verb, Watched};
use crate::shim::intercept::names;
use crate::{failpoint, process};

/// `typed` is the command line as it came, `args` the one that jj's aliases make of it.
pub(super) fn run(
    argv0: &OsStr,
    typed: &[OsString],
    args: &[OsString],
    globals: &Globals<'_>,
    watched: &Watched<'_>,
) -> ExitCode {
    let Some(program) = jj::locate() else { return no_jj() };
    let place = Place::find(globals.repository.map(Utf8Path::new), false, options(globals)).ok();
    let found = place.and_then(|place| Some((find_repo(globals, &place)?, place)));
    let (Some((repo, place)), Some(names)) = (found, names(watched)) else {
        return become_jj(argv0, typed);
    };
    let mut desk = None;
    let mut settled = Settled::default();
    if !names.is_empty() {
        let judged = Desk::open(&place)
            .and_then(|mut desk| Ok((settle(&mut desk, args, watched.verb, &names)?, desk)));
        match judged {
            Ok((Some(new), open)) => (settled, desk) = (new, Some(open)),
            Ok((None, _)) => return ExitCode::FAILURE,
            Err(error) => {
                tell_unjudged(&error);
                return become_jj(argv0, typed);
            }
        }
    }
    let line = line_of(settled.args.as_deref().unwrap_or(args));
    let line = (watched.verb != Verb::Integrate).then(|| unquoted(&line));
    let args = settled.args.as_deref().unwrap_or(typed);
    // Such an operation is nobody's yet, or beside the one that the repo stands at.
    if globals.no_integrate_operation || globals.at_operation.is_some() {
        return become_jj(argv0, args);
    }
    let Ok(before) = repo.load_heads() else { return become_jj(argv0, args) };
    let makes_flows = settled.made.iter().any(|name| is_flow(&BookmarkName::new(name)));
    let mark = jj::guard_spawn(&program);
    let ended = process::run_in_foreground(&program, argv0, args, &[mark], || {
        if let Some(desk) = desk.as_mut().filter(|_| makes_flows) {
            desk.open_ledger();
        }
    });
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => return not_started(&program, &error),
    };
    failpoint::reach("jj-ended");
    let recorded = has_touched_flows(&repo, &before).and_then(|touched| {
        let doing = Doing { before, line, made: &settled.made };
        if touched { desk.map_or_else(|| Desk::open(&place), Ok)?.record(&doing) } else { Ok(()) }
    });
    if let Err(error) = recorded {
        let text = format!("Warning: jj-flow's registry does not have this yet, and will follow: {error:#}");
        let _ = Out::new(false).note(&plain(&text));
    }
    ended.pass_on()
}

/// The repo that jj takes: `-R` names its root, else it is looked for upwards.
fn find_repo(globals: &Globals<'_>, place: &Place) -> Option<Repo> {
    if globals.repository.is_some() { Repo::at(&place.dir) } else { Repo::find(&place.dir) }
}

/// The command line as jj's operation log has it.
fn line_of(args: &[OsString]) -> String {
    let words = args.iter().map(|arg| arg.to_string_lossy());
    std::iter::once("jj".into()).chain(words).collect::<Vec<_>>().join(" ")
}

/// What jj itself cannot read it says itself.
fn tell_unjudged(error: &anyhow::Error) {
    if Failure::of(error).kind != Kind::Jj {
        let text = format!("Warning: jj-flow did not look at this bookmark: {error:#}");
        let _ = Out::new(false).note(&plain(&text));
    }
}
