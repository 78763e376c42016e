//! `jj flow hook pre-tool-use`: a command that would make a bookmark or a git branch past the shim is answered with
//! the one that makes a flow. Every other command passes at once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde_json::{Value, json};

use super::payload::Payload;
use crate::agent::commands::{Branch, Ran, git_branch, joined, programs};
use crate::cmd::Call;
use crate::cmd::shim::{load_existing, renames_no_flow, resolve};
use crate::env;
use crate::jj::Repo;
use crate::name::Uid;
use crate::name::policy::{Naming, Verdict, judge};
use crate::session::{Place, Session, expand_home};
use crate::shim::argv::{Command, scan};
use crate::shim::intercept::{Name, names, rewrite};
use crate::text::{plain_json, quoted};

/// Answer a shell command that makes a bookmark or git branch past the shim with the one to run instead
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook pre-tool-use <event.json\n\n\
    The event is JSON on stdin, as Claude Code gives it at PreToolUse of its tool Bash. Every other command, and what \
    is no JSON, passes without a word.")]
pub(super) struct PreToolUseArgs {}

/// A name that would not do, and the command that makes a flow of it.
struct Answer {
    asked: String,
    command: String,
}

pub(super) fn run(payload: &Payload, call: &Call) -> anyhow::Result<()> {
    let line = payload.line().unwrap_or_default();
    let mut answers = Vec::new();
    for ran in programs(&line) {
        let place = payload.place(&call.place);
        match ran.program.rsplit('/').next() {
            Some("git") => answers.extend(answer_git(payload, &ran, &place)?),
            Some("jj") if !is_shim(&ran) => answers.extend(answer_jj(payload, &ran, &place)?),
            _ => {}
        }
    }
    let objects: Vec<Value> =
        answers.iter().map(|it| json!({"asked": it.asked, "command": it.command})).collect();
    super::say(call, denial(&answers).as_deref(), json!({"answers": objects}))
}

/// Whether `jj` is jj-flow's own shim here, which sees to the names itself.
fn is_shim(ran: &Ran) -> bool {
    if ran.variables.iter().any(|name| name == "JJ_FLOW_BYPASS") || env::var_os("JJ_FLOW_BYPASS").is_some() {
        return false;
    }
    let path = env::var_os("PATH");
    let found = which::which_in(&ran.program, path, env::any_current_dir());
    let file = |path: &Path| path.canonicalize().ok();
    let own = env::current_exe().ok().and_then(|own| file(own.as_std_path()));
    found.is_ok_and(|found| own.is_some() && file(&found) == own)
}

fn answer_git(payload: &Payload, ran: &Ran, place: &Place) -> anyhow::Result<Option<Answer>> {
    let Some(branch) = git_branch(&ran.args) else { return Ok(None) };
    let dir = joined(&ran.dir, &branch.dir);
    if ran.variables.iter().any(|name| name.starts_with("GIT_")) || is_gits_own(place, &dir) {
        return Ok(None);
    }
    let Some(desk) = Judging::open(payload, place, &dir)? else { return Ok(None) };
    let is_wrong = desk.better(&branch.name).is_some();
    Ok(is_wrong
        .then(|| Answer { command: run_there(flow_command(&branch), place, &dir), asked: branch.name }))
}

/// Whether git works there in a repo of its own, with jj's above it at the most.
fn is_gits_own(place: &Place, dir: &str) -> bool {
    let dir = find_dir(place, dir);
    let nearest = dir.as_deref().and_then(|dir| dir.ancestors().find(|dir| dir.join(".git").exists()));
    let jj = dir.as_deref().and_then(Repo::find);
    matches!((nearest, jj), (Some(git), Some(jj)) if git != jj.root() && git.starts_with(jj.root()))
}

/// A command that stands for one that would have run in a folder of its own.
fn run_there(hint: String, place: &Place, dir: &str) -> String {
    match find_dir(place, dir) {
        Some(there) if there != place.dir => format!("cd {} && {hint}", quoted(there.as_str())),
        _ => hint,
    }
}

/// A folder that a line of shell names.
fn find_dir(place: &Place, dir: &str) -> Option<Utf8PathBuf> {
    place.dir.join(expand_home(Utf8Path::new(dir))).canonicalize_utf8().ok()
}

/// What makes a flow where git would have made a branch.
fn flow_command(branch: &Branch) -> String {
    let mut command = format!("jj flow new {}", quoted(&branch.name));
    if let Some(from) = branch.from.as_deref() {
        command += &format!(" --from {}", quoted(&revision(from)));
    }
    if let Some(folder) = branch.worktree.as_deref() {
        command += &format!(" --workspace {}", quoted(folder));
    }
    command
}

/// A revision of git's as jj has it, as far as the words tell.
fn revision(from: &str) -> String {
    match from.split_once('/') {
        Some((remote @ ("origin" | "upstream"), name)) => format!("{name}@{remote}"),
        _ if from == "HEAD" => "@-".to_owned(),
        _ => from.to_owned(),
    }
}

fn answer_jj(payload: &Payload, ran: &Ran, place: &Place) -> anyhow::Result<Option<Answer>> {
    let typed: Vec<OsString> = ran.args.iter().map(|word| OsString::from(&word.text)).collect();
    let resolved = resolve(&typed);
    let args = resolved.as_deref().unwrap_or(&typed);
    let scan = scan(args);
    let Command::Watched(watched) = &scan.command else { return Ok(None) };
    // A name that only the shell knows may be any.
    let is_open = ran.args.iter().any(|word| word.is_open);
    let named = names(watched).unwrap_or_default();
    let made: Vec<&Name> = named.iter().filter(|name| name.makes).collect();
    if made.is_empty() || is_open {
        return Ok(None);
    }
    let dir = joined(&ran.dir, scan.globals.repository.unwrap_or_default());
    let Some(desk) = Judging::open(payload, place, &dir)? else { return Ok(None) };
    if desk.judged(|naming| renames_no_flow(watched.verb, &named, naming)) {
        return Ok(None);
    }
    let mut better = Vec::new();
    for name in &made {
        better.extend(desk.better(&name.text).map(|text| name.renamed(text)));
    }
    let Some(first) = better.iter().find_map(|new| made.iter().find(|old| old.index == new.index)) else {
        return Ok(None);
    };
    let words = rewrite(args, &better);
    let words: Vec<_> = words.iter().map(|word| quoted(&word.to_string_lossy())).collect();
    let command = run_there(format!("jj {}", words.join(" ")), place, &ran.dir);
    Ok(Some(Answer { asked: first.text.clone(), command }))
}

/// How long the answer waits for somebody who has the registry locked.
const PATIENCE: Duration = Duration::from_millis(500);

/// What names are judged by in a repo.
struct Judging {
    session: Session,
    existing: BTreeSet<String>,
    uid: Uid,
}

impl Judging {
    /// None where no jj repo is: there a name is nobody's business.
    fn open(payload: &Payload, place: &Place, dir: &str) -> anyhow::Result<Option<Self>> {
        let Some(dir) = find_dir(place, dir) else { return Ok(None) };
        if Repo::find(&dir).is_none() {
            return Ok(None);
        }
        let there = Place { dir, options: place.options.clone() };
        let session = Session::open(&there)?;
        let existing = load_existing(&session.jj)?;
        // A registry that cannot be read keeps nobody from an answer.
        let registry = session.open_registry(&there).ok().flatten();
        let known = payload.uid(&session.config, session.repo().root(), registry.as_ref())?;
        let known = known.or_else(|| session.known_uid(&there, PATIENCE));
        let uid = known.map_or_else(|| session.require_uid(None), Ok)?;
        Ok(Some(Self { session, existing, uid }))
    }

    fn judged<T>(&self, judge: impl FnOnce(&Naming<'_>) -> T) -> T {
        let exists = |name: &str| {
            let same = self.existing.get(name);
            same.or_else(|| self.existing.iter().find(|own| own.eq_ignore_ascii_case(name))).cloned()
        };
        let config = &self.session.config;
        let (policy, rules, exempt) = (config.policy, &config.rules, &config.exempt);
        judge(&Naming { policy, rules, exempt, uid: &self.uid, exists: &exists })
    }

    /// The name to have instead; none where this one does.
    fn better(&self, name: &str) -> Option<String> {
        match self.judged(|naming| judge(name, naming)) {
            Verdict::Rewrite(flow) => Some(flow.to_string()),
            Verdict::Refuse { suggestion, .. } => {
                Some(suggestion.map_or("research".into(), |flow| flow.to_string()))
            }
            Verdict::Keep | Verdict::Flow(_) | Verdict::Warn { .. } => None,
        }
    }
}

/// Claude Code's form of a refusal, with the reason for the agent to read.
fn denial(answers: &[Answer]) -> Option<String> {
    let said = answers.iter().map(|Answer { asked, command }| {
        format!(
            "{} is no flow's name: nobody would know whose work it is. Run instead: {command}",
            asked.escape_debug()
        )
    });
    let said: Vec<String> = said.collect();
    let reason = (!said.is_empty()).then(|| said.join("\n"))?;
    let decision = json!({
        "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": reason,
    });
    Some(plain_json(&json!({"hookSpecificOutput": decision}).to_string()).into_owned())
}
