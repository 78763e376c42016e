//! The programs that a landing starts: there, approved, and able to run. None of them is run here.

use camino::Utf8Path;
use serde_json::json;

use super::check::{Check, Remedy};
use super::setup::{Setup, where_is};
use crate::cmd::Call;
use crate::config::{Hook, HookCommand, Tool};
use crate::hook::{Obstacle, find_obstacle, run_find_obstacle};
use crate::jj::{self, Repo};
use crate::journal::Journal;
use crate::landing::{ON_CONFLICT, VERIFY};
use crate::registry::Registry;
use crate::text::quoted;

const WHAT: &str = "hooks";
/// The name under which a merge tool is approved.
const TOOL: &str = "conflict-tool";

/// Looks at every program that is set, and says of each what is in its way.
pub(super) fn check(call: &Call, setup: &Setup, registry: Option<&Utf8Path>, checks: &mut Vec<Check>) {
    let config = &setup.config;
    let before = checks.len();
    if config.verify_is_broken {
        let says = "flow.hooks.verify is no command, so nothing lands";
        checks.push(Check::bad(WHAT, "hook-no-command", says, Remedy::run(where_is("flow.hooks.verify"))));
    }
    let look = Look { call, setup, registry };
    let mut fine = Vec::new();
    for (name, hook) in [(VERIFY, &config.verify), (ON_CONFLICT, &config.on_conflict)] {
        let Some(hook) = hook else { continue };
        let found = look.hook(name, hook);
        if found.is_empty() {
            fine.push(name);
        }
        checks.extend(found);
    }
    if let Some(tool) = &config.conflict_tool {
        let found = look.tool(tool).unwrap_or_else(|error| vec![Check::failed(WHAT, &error)]);
        if found.is_empty() {
            fine.push(TOOL);
        }
        checks.extend(found);
    }
    if !fine.is_empty() {
        checks.push(Check::good(WHAT, format!("can run: {}", fine.join(", "))));
    } else if checks.len() == before {
        checks.push(Check::good(WHAT, "none is set"));
    }
}

struct Look<'a> {
    call: &'a Call,
    setup: &'a Setup,
    registry: Option<&'a Utf8Path>,
}

impl Look<'_> {
    fn hook(&self, name: &str, hook: &Hook) -> Vec<Check> {
        let dir = self.dir();
        let obstacle = match &hook.command {
            HookCommand::Words(words) => Ok(find_obstacle(&words[0], dir.as_std_path())),
            HookCommand::Line(line) => run_find_obstacle(line, dir.as_std_path()),
        };
        let setting = format!("flow.hooks.{name}");
        let found = match obstacle {
            Ok(obstacle) => obstacle.map(|obstacle| tell(&setting, hook, &obstacle)),
            Err(error) => {
                Some(Check::failed(WHAT, &anyhow::Error::from(error).context("Could not start sh")))
            }
        };
        self.unapproved(name, &setting, hook).into_iter().chain(found).collect()
    }

    fn tool(&self, tool: &Tool) -> anyhow::Result<Vec<Check>> {
        let mut checks: Vec<Check> =
            self.unapproved(TOOL, "flow.conflict-tool", &tool.hook).into_iter().collect();
        // A name with a colon is one of jj's own, which is no program.
        if tool.name.starts_with(':') {
            return Ok(checks);
        }
        let (dir, options) = (&self.call.place.dir, &self.call.place.options);
        let entries = jj::run_merge_tools(&self.setup.program, dir, options)?;
        let value = |what: &str| {
            let names =
                [format!("merge-tools.{}.{what}", tool.name), format!("merge-tools.{:?}.{what}", tool.name)];
            Some(&entries.iter().rfind(|entry| names.contains(&entry.name))?.value)
        };
        let program = value("program").and_then(|program| program.as_str()).unwrap_or(&tool.name);
        let details = json!({"setting": "flow.conflict-tool", "tool": tool.name, "program": program});
        if value("merge-args").and_then(|args| args.as_array()).is_none_or(Vec::is_empty) {
            let says = format!(
                "flow.conflict-tool: jj has no merge-args for {}, so it cannot resolve anything",
                tool.name
            );
            let remedy = Remedy::run(where_is("merge-tools"));
            checks.push(Check::warning(WHAT, "tool-no-merge-args", says, remedy).details(details));
        } else if let Some(obstacle) = find_obstacle(program, self.dir().as_std_path()) {
            let (code, how) = words(program, &obstacle);
            let says = format!("flow.conflict-tool, {}: {how}", tool.name);
            let remedy = remedy(&obstacle, "flow.conflict-tool");
            checks.push(Check::warning(WHAT, code, says, remedy).details(details));
        }
        Ok(checks)
    }

    /// Where a path of a hook begins: there, the tree that lands or is in conflict lies in a folder of its own.
    fn dir(&self) -> &Utf8Path {
        let dir = &self.call.place.dir;
        dir.ancestors().find(|root| root.join(".jj").is_dir()).unwrap_or(dir)
    }

    /// What is told of a hook that came with the repo, and that nobody has approved.
    fn unapproved(&self, name: &str, setting: &str, hook: &Hook) -> Option<Check> {
        if hook.personal || self.is_approved(name, hook) {
            return None;
        }
        let says =
            format!("this repo's own config sets {setting}, and nobody has approved it: {}", hook.text());
        let check = Check::warning(WHAT, "hook-unapproved", says, Remedy::run("jj flow trust"));
        Some(check.details(json!({"setting": setting, "command": hook.text()})))
    }

    /// Where the registry cannot be read, nobody can tell, and that is told of the registry.
    fn is_approved(&self, name: &str, hook: &Hook) -> bool {
        let Some(registry) = self.registry else {
            let path = self.call.place.registry_path(&self.setup.config);
            return path.is_ok_and(|path| path.exists());
        };
        let approved = || {
            let repo = Repo::find(&self.call.place.dir)?;
            let id = Journal::of(repo.dir()).identity()?.id;
            let registry = Registry::open_to_read(registry).ok()??;
            registry.is_approved(&id, name, &hook.text()).ok()
        };
        approved().unwrap_or(false)
    }
}

/// A verification that is sure to fail keeps everything from landing; without the others people are asked.
fn tell(setting: &str, hook: &Hook, obstacle: &Obstacle) -> Check {
    let program = match &hook.command {
        HookCommand::Words(words) => words[0].clone(),
        HookCommand::Line(line) => line.split_whitespace().next().unwrap_or_default().to_owned(),
    };
    let (code, how) = words(&program, obstacle);
    let says = format!("{setting}: {how}");
    // What is a path may lie in the tree that lands and not here, and a line may mean another program.
    let is_sure = match &hook.command {
        HookCommand::Words(_) => !program.contains('/') || program.starts_with('/'),
        HookCommand::Line(_) => matches!(obstacle, Obstacle::Syntax(_)),
    };
    let remedy = remedy(obstacle, setting);
    let check = if is_sure && setting.ends_with(VERIFY) {
        Check::bad(WHAT, code, says, remedy)
    } else {
        Check::warning(WHAT, code, says, remedy)
    };
    check.details(json!({"setting": setting, "command": hook.text()}))
}

fn words(program: &str, obstacle: &Obstacle) -> (&'static str, String) {
    match obstacle {
        Obstacle::Missing if program.starts_with('/') => ("hook-missing", format!("{program} is not there")),
        Obstacle::Missing if program.contains('/') => {
            ("hook-missing", format!("{program} is not in this workspace"))
        }
        Obstacle::Missing => ("hook-missing", format!("{program} is not on PATH")),
        Obstacle::NotExecutable(path) => {
            ("hook-not-executable", format!("{} may not be run", path.display()))
        }
        Obstacle::NoInterpreter(path, interpreter) => (
            "hook-no-interpreter",
            format!("{} is a script for {interpreter}, which is not there", path.display()),
        ),
        Obstacle::Syntax(said) => ("hook-syntax", format!("sh does not understand it: {said}")),
    }
}

fn remedy(obstacle: &Obstacle, setting: &str) -> Remedy {
    match obstacle {
        Obstacle::NotExecutable(path) => Remedy::run(format!("chmod +x {}", quoted(&path.to_string_lossy()))),
        _ => Remedy::run(where_is(setting)),
    }
}
