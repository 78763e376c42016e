//! From what was found in the files to what holds.

use std::time::Duration;

use super::complaint::Complaint;
use super::hooks::{hook, tool};
use super::values::{count, duration, keep, text, texts};
use super::{Config, Guard, Keep, Setting, Trunk};
use crate::model::BookmarkName;
use crate::name::exempt::Exempt;
use crate::name::intent::Types;
use crate::name::normalise::Rules;
use crate::name::policy::Policy;

/// Reads the settings; each that is unknown or of the wrong form is a complaint, and its default holds. `tools` are
/// the settings of jj's `merge-tools`, under their full names.
pub(crate) fn understand(
    settings: &[Setting],
    tools: &[Setting],
    email: Option<String>,
    color: Option<String>,
) -> (Config, Vec<Complaint>) {
    let mut complaints = Vec::new();
    let mut types = Vec::new();
    let mut default_type = "logic".to_owned();
    let mut max_depth = crate::name::grammar::DEFAULT_MAX_DEPTH;
    let mut config = Config {
        policy: Policy::default(),
        rules: Rules::default(),
        exempt: Exempt::default(),
        trunk: Trunk::Auto(None),
        has_own_trunk: false,
        component: None,
        component_roots: vec!["Components".to_owned()],
        session_env: Vec::new(),
        registry: None,
        verify: None,
        verify_is_broken: false,
        on_conflict: None,
        conflict_tool: None,
        hook_timeout: Duration::from_secs(30 * 60),
        verify_jobs: 2,
        guard: Guard { max_changes: 200, max_files: 2000, allow_ignored: false },
        push: false,
        keep_merged: Keep::days(30),
        keep_events: Keep::days(90),
        keep_gone: Keep::days(90),
        email,
        color,
    };
    for Setting { name, value, personal } in settings {
        let understood = match name.as_str() {
            "policy" => text(value).and_then(|word| word.parse().ok()).map(|policy| config.policy = policy),
            "types" => texts(value).map(|list| types = list),
            "default-type" => text(value).map(|word| default_type = word),
            "max-depth" => value
                .as_u64()
                .filter(|depth| (1..=50).contains(depth))
                .map(|depth| max_depth = depth as usize),
            "exempt" => texts(value).map(|list| config.exempt = Exempt::new(&list)),
            "trunk" => text(value).filter(|name| !name.is_empty()).map(|name| config.trunk = trunk(&name)),
            "component" => {
                text(value).filter(|name| !name.is_empty()).map(|name| config.component = Some(name))
            }
            "component-roots" => texts(value).map(|list| config.component_roots = list),
            "session-env" => texts(value).map(|list| config.session_env = list),
            // A repo's config may have come with a clone: it does not say which file is opened, or what becomes
            // of other repos.
            "registry" | "keep-gone" if !personal => {
                complaints.push(Complaint::foreign(name));
                continue;
            }
            "registry" => text(value).map(|path| config.registry = Some(path)),
            "hooks.verify" => hook(value, *personal).map(|hook| config.verify = Some(hook)),
            "hooks.on-conflict" => hook(value, *personal).map(|hook| config.on_conflict = Some(hook)),
            "hook-timeout" => duration(value).map(|time| config.hook_timeout = time),
            "verify-jobs" => count(value).map(|jobs| config.verify_jobs = jobs),
            "conflict-tool" => text(value)
                .filter(|name| !name.is_empty())
                .map(|name| config.conflict_tool = Some(tool(name, *personal, tools))),
            "guard.max-changes" => count(value).map(|max| config.guard.max_changes = max),
            "guard.max-files" => count(value).map(|max| config.guard.max_files = max),
            "guard.allow-ignored" => value.as_bool().map(|allow| config.guard.allow_ignored = allow),
            "push" => value.as_bool().map(|push| config.push = push),
            "keep-merged" => keep(value).map(|keep| config.keep_merged = keep),
            "keep-events" => keep(value).map(|keep| config.keep_events = keep),
            "keep-gone" => keep(value).map(|keep| config.keep_gone = keep),
            _ => {
                complaints.push(Complaint::unknown(name));
                continue;
            }
        };
        if understood.is_none() {
            config.verify_is_broken |= name == "hooks.verify";
            complaints.push(Complaint::value(name, value));
        }
    }
    match Types::new(&types).and_then(|types| Rules::new(types, &default_type, max_depth)) {
        Ok(rules) => config.rules = rules,
        Err(error) => {
            config.rules.max_depth = max_depth;
            complaints.push(Complaint::types(&error));
        }
    }
    (config, complaints)
}

fn trunk(name: &str) -> Trunk {
    if name == "none" { Trunk::None } else { Trunk::Named(BookmarkName::new(name)) }
}
