//! jj itself, and what its config says of flows.

use std::path::PathBuf;

use serde_json::json;

use super::check::{Check, Remedy};
use crate::cmd::Call;
use crate::cmd::shim::load_existing;
use crate::config::{Complaint, Config, Fault, Trunk};
use crate::jj::{self, Entry, Jj, Repo};
use crate::session::require_jj;
use crate::text::quoted;

/// A jj that works, and a config that it can read.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) program: PathBuf,
    pub(super) entries: Vec<Entry>,
    pub(super) config: Config,
}

/// Looks at jj and its config. The answer then follows its colours.
pub(super) fn check(call: &mut Call, checks: &mut Vec<Check>) -> Option<Setup> {
    let found = require_jj().and_then(|program| Ok((jj::require_supported(&program)?, program)));
    let (version, program) = match found {
        Ok(found) => found,
        Err(error) => {
            checks.push(Check::failed("jj", &error));
            return None;
        }
    };
    checks.push(Check::good("jj", format!("{version} at {}", program.display())));
    let loaded = call
        .place
        .load_config(&program)
        .and_then(|loaded| Ok((loaded, jj::load_config(&program, &call.place.dir, &call.place.options)?)));
    let ((config, complaints), entries) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            checks.push(Check::failed("config", &error));
            return None;
        }
    };
    call.out.follow(config.color.as_deref());
    let setup = Setup { program, entries, config };
    checks.extend(complaints.iter().map(|complaint| setup.tell(complaint)));
    let missing = setup.missing_trunk(call);
    if complaints.is_empty() && missing.is_none() {
        checks.push(Check::good("config", "every flow.* setting is understood"));
    }
    checks.extend(missing);
    Some(setup)
}

impl Setup {
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.name == name)
    }

    /// The trunk that is set, where this repo has no bookmark of the name, not at a remote either.
    fn missing_trunk(&self, call: &Call) -> Option<Check> {
        let Trunk::Named(name) = &self.config.trunk else { return None };
        let repo = Repo::find(&call.place.dir)?;
        let jj = Jj::new(self.program.clone(), repo, call.place.options.clone());
        match load_existing(&jj) {
            Ok(existing) if existing.contains(name.as_str()) => None,
            Ok(_) => {
                let says =
                    format!("flow.trunk is {name}, which is no bookmark here: root flows land on nothing");
                Some(Check::warning("config", "trunk-missing", says, Remedy::run(where_is("flow.trunk"))))
            }
            Err(error) => Some(Check::failed("config", &error)),
        }
    }

    fn tell(&self, complaint: &Complaint) -> Check {
        let name = format!("flow.{}", complaint.setting);
        let entry = self.entry(&name);
        let code = match complaint.fault {
            Fault::Unknown { .. } => "unknown-setting",
            Fault::Value => "bad-value",
            Fault::Foreign => "foreign-setting",
        };
        let remedy = match (entry, complaint.fault) {
            (Some(entry), Fault::Unknown { nearest: Some(nearest) }) => self.rename(entry, nearest),
            _ => None,
        };
        let check = Check::warning(
            "config",
            code,
            complaint.to_string(),
            remedy.unwrap_or_else(|| Remedy::run(where_is(&name))),
        );
        check.details(json!({
            "setting": name,
            "value": entry.map(|entry| &entry.value),
            "source": entry.map(|entry| &entry.source),
            "path": entry.and_then(|entry| entry.path.as_ref()),
        }))
    }

    /// Gives what was misspelled its right name, where jj writes into the very file that it stands in.
    fn rename(&self, entry: &Entry, nearest: &str) -> Option<Remedy> {
        let right = format!("flow.{nearest}");
        let option = match entry.source.as_str() {
            "user" if self.is_where_jj_writes(entry) => "--user",
            "repo" => "--repo",
            "workspace" => "--workspace",
            _ => return None,
        };
        if self.entry(&right).is_some() {
            return None;
        }
        let (name, value) = (quoted(&entry.name), quoted(&entry.value.to_string()));
        Some(Remedy::run(format!(
            "jj config set {option} {right} {value} && jj config unset {option} {name}"
        )))
    }

    fn is_where_jj_writes(&self, entry: &Entry) -> bool {
        let mut files = jj::user_config_files(&self.program).unwrap_or_default();
        files.retain(|file| file.is_file());
        matches!(files.as_slice(), [only] if entry.path.as_deref() == Some(only.as_str()))
    }
}

/// The command that shows which file sets something.
pub(super) fn where_is(name: &str) -> String {
    format!("jj config list {} --template builtin_config_list_detailed", quoted(name))
}
