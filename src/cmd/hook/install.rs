//! `jj flow hook install` and `uninstall`.

use camino::Utf8Path;
use clap::Args;
use serde_json::json;

use crate::agent::{Rest, settings};
use crate::cmd::Call;
use crate::cmd::agents::{claude_settings, program};
use crate::cmd::edit::{finish, load, plan_install, plan_uninstall};
use crate::output::plain;

const PART: &str = "jj-flow's hooks";
/// The agent whose settings are written.
const CLAUDE: &str = "claude";

/// Merge jj-flow's hooks into an agent's settings
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook install --agent claude\n\n\
    Hooks and settings that are there stay as they are. For another agent than claude it prints what belongs into \
    that agent's own settings.")]
pub(super) struct InstallArgs {
    #[command(flatten)]
    place: Where,
}

/// Take jj-flow's hooks out of an agent's settings, and nothing else
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow hook uninstall --agent claude")]
pub(super) struct UninstallArgs {
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Where {
    /// The agent, such as claude or codex
    #[arg(long, default_value = CLAUDE)]
    agent: String,

    /// The settings of this workspace, instead of your own
    #[arg(long)]
    project: bool,

    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &InstallArgs, call: &Call) -> anyhow::Result<()> {
    let (args, program) = (&args.place, program()?);
    if !args.agent.eq_ignore_ascii_case(CLAUDE) {
        return print(&args.agent, &program, call);
    }
    let edit = plan_install(
        claude_settings(&call.place.dir, args.project)?,
        |folders| settings::make(&program, folders),
        |text| settings::install(text, &program),
        |text| settings::uninstall(text, &program),
    )?;
    finish(&[edit], PART, args.dry_run, machine_note(args, &program).into_iter().collect(), call)
}

/// A project's settings go to other machines with the repo: a path of this one leads nowhere there.
fn machine_note(args: &Where, program: &str) -> Option<String> {
    let is_path = args.project && program != "jj-flow";
    is_path.then(|| {
        format!("They name {program}, which is on this machine only, as jj-flow is not first on PATH here: put it there and install them again.")
    })
}

pub(super) fn run_uninstall(args: &UninstallArgs, call: &Call) -> anyhow::Result<()> {
    let (args, program) = (&args.place, program()?);
    if !args.agent.eq_ignore_ascii_case(CLAUDE) {
        let text =
            format!("What {} has of jj-flow was put there by hand: take it out by hand too.", args.agent);
        return Ok(call
            .out
            .answer(&plain(&text), json!({"files": [], "notes": [text], "dry_run": args.dry_run}))?);
    }
    let path = claude_settings(&call.place.dir, args.project)?;
    let edit = plan_uninstall(path.clone(), |text| settings::uninstall(text, &program))?;
    let nothing =
        edit.is_none().then(|| format!("Nothing of jj-flow's hooks is in {}", plain(path.as_str())));
    let edits: Vec<_> = edit.into_iter().collect();
    finish(&edits, PART, args.dry_run, nothing.into_iter().collect(), call)
}

/// For an agent whose settings are its user's to write.
fn print(agent: &str, program: &str, call: &Call) -> anyhow::Result<()> {
    let snippet = settings::snippet(program);
    let note = match agent {
        "codex" => {
            "Put this into ~/.codex/hooks.json, or into .codex/hooks.json of a project, and approve it with /hooks:"
        }
        "pi" => {
            "pi runs hooks from an extension in ~/.pi/agent/extensions. At session_start, tool_call of bash and \
             agent_settled let it run these commands, each with the event as JSON on stdin, as Claude Code does:"
        }
        _ => {
            "Nothing was written: jj-flow knows the settings of claude only. Have the agent run these commands, each \
             with the event as JSON on stdin, as Claude Code does:"
        }
    };
    if !call.out.is_json() {
        call.out.note(note)?;
    }
    Ok(call.out.answer(&plain(&snippet), json!({"files": [], "notes": [note], "snippet": snippet}))?)
}

/// What cannot be read tells nothing: this is for whoever is leaving, and stops nobody.
pub(super) fn installed(dir: &Utf8Path) -> Vec<String> {
    let Ok(program) = program() else { return Vec::new() };
    let mut lines = Vec::new();
    for (of_project, command) in
        [(false, "jj-flow hook uninstall"), (true, "jj-flow hook uninstall --project")]
    {
        let Ok(path) = claude_settings(dir, of_project) else { continue };
        let text = load(&path).ok().flatten();
        if text.is_some_and(|text| settings::uninstall(&text, &program).is_ok_and(|rest| rest != Rest::Same))
        {
            lines.push(format!("Left the hooks in {}: {command} --agent {CLAUDE}", plain(path.as_str())));
        }
    }
    lines
}
