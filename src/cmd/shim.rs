//! The shim: `jj` itself, standing before the real one. It names and records bookmarks as they are made, hands
//! `jj flow` to jj-flow, and becomes the real jj for everything else.
//!
//! It fails softly: whatever keeps it from its work, jj runs as if it were not there, with one line on stderr.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitCode;

use camino::Utf8Path;

use crate::error::{Failure, Kind};
use crate::event::{Origin, What};
use crate::jj::{self, Repo};
use crate::model::BookmarkName;
use crate::name::FlowName;
use crate::name::policy::{Naming, Verdict, judge};
use crate::output::{Out, plain};
use crate::registry::Registry;
use crate::session::{Place, Session};
use crate::shim::argv::{Command, ConfigArg, Globals, Scan, Verb, expand, scan};
use crate::shim::intercept::{Name, names, rewrite};
use crate::{env, process};

/// How deep aliases may name aliases.
const ALIAS_DEPTH: usize = 10;

/// Runs one command line of `jj`, given the name that the program was called by.
pub(crate) fn run(argv0: &OsStr, args: Vec<OsString>) -> ExitCode {
    if env::var("JJ_FLOW_BYPASS").is_some() {
        return become_jj(argv0, &args);
    }
    if let Command::Flow { rest } = scan(&args).command {
        return super::run(&flow_args(&scan(&args).globals, rest));
    }
    let args = match resolve_aliases(args) {
        Ok(args) | Err(args) => args,
    };
    let scanned = scan(&args);
    match &scanned.command {
        Command::Flow { rest } => super::run(&flow_args(&scanned.globals, rest)),
        Command::Bookmark(naming) => match names(naming) {
            Some(requested) => name_bookmarks(argv0, &args, &scanned, naming.verb, &requested),
            None => become_jj(argv0, &args),
        },
        _ => become_jj(argv0, &args),
    }
}

/// `jj -R x --config y flow …` as jj-flow's own command line.
fn flow_args(globals: &Globals<'_>, rest: &[OsString]) -> Vec<OsString> {
    let mut args = Vec::new();
    if let Some(repository) = globals.repository {
        args.push(format!("--repository={repository}").into());
    }
    args.extend(items(globals).into_iter().map(|item| format!("--config={item}").into()));
    args.extend(rest.iter().cloned());
    args
}

fn items(globals: &Globals<'_>) -> Vec<String> {
    let item = |config: &ConfigArg<'_>| match config {
        ConfigArg::Item(item) => Some((*item).to_owned()),
        ConfigArg::File(_) => None,
    };
    globals.configs.iter().filter_map(item).collect()
}

/// Puts an alias's definition in the place of its word, as jj does. `Err` gives the words back as they were: it
/// is no alias, or it means nothing to us.
fn resolve_aliases(args: Vec<OsString>) -> Result<Vec<OsString>, Vec<OsString>> {
    let Command::Unknown { .. } = scan(&args).command else { return Ok(args) };
    let Some(program) = jj::locate() else { return Err(args) };
    let (Ok(place), globals) = (env::current_dir(), items(&scan(&args).globals)) else { return Err(args) };
    let Ok(entries) = jj::read_config(&program, &place, &globals) else { return Err(args) };
    let mut expanded = args.clone();
    for _ in 0..ALIAS_DEPTH {
        let Command::Unknown { word, index } = scan(&expanded).command else { return Ok(expanded) };
        let name = format!("aliases.{word}");
        let value = entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value);
        let list = value.map(|value| value.get("definition").unwrap_or(value));
        let definition: Option<Vec<String>> = match list.and_then(serde_json::Value::as_array) {
            Some(words) => words.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
            None if word == "b" => Some(vec!["bookmark".to_owned()]),
            None => None,
        };
        let Some(definition) = definition else { return Err(args) };
        expanded = expand(&expanded, index, &definition);
    }
    Err(args)
}

/// Becomes the real jj.
fn become_jj(argv0: &OsStr, args: &[OsString]) -> ExitCode {
    let Some(program) = jj::locate() else { return no_jj() };
    let error = process::exec(&program, argv0, args, &[jj::guard(&program)]);
    let _ = Out::new(false).note(&format!("Error: Could not start {}: {error}", program.display()));
    ExitCode::from(Kind::NoJj.exit())
}

fn no_jj() -> ExitCode {
    let failure = Failure::new(Kind::NoJj, "Could not find jj on PATH, behind jj-flow's shim");
    let _ = Out::new(false).failure(&failure.hint("cargo install --locked jj-cli"));
    ExitCode::from(Kind::NoJj.exit())
}

/// What naming bookmarks needs to know of the repo.
struct Desk {
    place: Place,
    session: Session,
    registry: Option<Registry>,
}

impl Desk {
    fn open(globals: &Globals<'_>) -> anyhow::Result<Self> {
        let place = Place::find(globals.repository.map(Utf8Path::new), false, items(globals))?;
        let session = Session::open(&place)?;
        // Without a registry names are still made, under the context's shortest uid.
        let registry = place.registry_path(&session.config).and_then(|path| Registry::open(&path)).ok();
        Ok(Self { place, session, registry })
    }

    /// Judges every requested name: what is asked of jj instead, or why it is refused.
    fn judge(&mut self, verb: Verb, requested: &[Name]) -> anyhow::Result<Vec<(Name, Verdict)>> {
        let uid =
            self.session.require_uid(self.registry.as_mut()).or_else(|_| self.session.require_uid(None))?;
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
        drop(registry);
        let mut ledger = session.open_ledger(&place)?;
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
fn name_bookmarks(
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
