//! `jj flow skill`: what tells an agent how to work with flows, put where it looks for skills.

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand, ValueHint};

use super::Call;
use super::agents::{project_skills, shared_skills, skill_file, user_skills};
use super::edit::{Edit, finish, load, plan_install, plan_uninstall};
use crate::agent::{Rest, skill};
use crate::output::plain;
use crate::text::quoted;

const TEXT: &str = include_str!("../../jj-config/skills/independent-developer/SKILL.md");
const PART: &str = "jj-flow's section";

/// Tell agents how to work with flows
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow skill install --dry-run")]
pub(super) struct SkillArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Install(InstallArgs),
    Uninstall(UninstallArgs),
}

/// Put the skill independent-developer where agents look for skills
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow skill install\n\n\
    Into each of .claude/skills, .pi/skills and .agents/skills of the workspace; where it has none of them, into the \
    same folders of yours. A skill of that name that is there already gets one marked section and keeps all else.")]
struct InstallArgs {
    #[command(flatten)]
    place: Where,
}

/// Take the skill out again, and nothing else
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow skill uninstall")]
struct UninstallArgs {
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Args)]
struct Where {
    /// The folder of skills, instead of the usual ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<Utf8PathBuf>,

    /// Show the difference and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &SkillArgs, call: Call) -> anyhow::Result<()> {
    match &args.verb {
        Verb::Install(args) => run_install(&args.place, &call),
        Verb::Uninstall(args) => run_uninstall(&args.place, &call),
    }
}

fn run_install(args: &Where, call: &Call) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    let mut places = find(args, &call.place.dir)?;
    if places.is_empty() {
        places.push(shared_skills()?);
        notes.push("No agent's folder was found: this is the one that most agents read.".to_owned());
    }
    let plan = |skills: &Utf8PathBuf| {
        let make = |folders| skill::make(TEXT, folders);
        plan_install(skill_file(skills), make, |text| skill::install(text, TEXT), skill::uninstall)
    };
    let edits: Vec<Edit> = places.iter().map(plan).collect::<anyhow::Result<_>>()?;
    finish(&edits, PART, args.dry_run, notes, call)
}

fn run_uninstall(args: &Where, call: &Call) -> anyhow::Result<()> {
    let places = find(args, &call.place.dir)?;
    let plan = |skills: &Utf8PathBuf| plan_uninstall(skill_file(skills), skill::uninstall).transpose();
    let edits: Vec<Edit> = places.iter().filter_map(plan).collect::<anyhow::Result<_>>()?;
    let mut notes = Vec::new();
    if edits.is_empty() {
        notes.push("Nothing of jj-flow's skill is there.".to_owned());
    }
    if args.dir.is_none() {
        notes.extend(installed(&call.place.dir, &places));
    }
    finish(&edits, PART, args.dry_run, notes, call)
}

/// The folders of skills that are meant: the one that is named, else the workspace's, else the user's.
fn find(args: &Where, dir: &Utf8Path) -> anyhow::Result<Vec<Utf8PathBuf>> {
    if let Some(named) = &args.dir {
        let named = Utf8PathBuf::try_from(std::path::absolute(named)?)?;
        return Ok(vec![named]);
    }
    let places = project_skills(dir);
    if places.is_empty() { user_skills() } else { Ok(places) }
}

/// Where the skill is, beside these places, and what takes it out there: a line each. What cannot be read tells
/// nothing.
pub(super) fn installed(dir: &Utf8Path, but: &[Utf8PathBuf]) -> Vec<String> {
    let all = project_skills(dir).into_iter().chain(user_skills().unwrap_or_default());
    let is_there = |skills: &Utf8PathBuf| {
        let text = load(&skill_file(skills)).ok().flatten();
        text.is_some_and(|text| skill::uninstall(&text).is_ok_and(|rest| rest != Rest::Same))
    };
    let left = all.filter(|skills| !but.contains(skills)).filter(is_there);
    let line = |skills: Utf8PathBuf| {
        let command = format!("jj-flow skill uninstall --dir {}", quoted(skills.as_str()));
        format!("Left the skill in {}: {}", plain(skills.as_str()), plain(&command))
    };
    left.map(line).collect()
}
