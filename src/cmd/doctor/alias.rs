//! Whether `jj flow` starts this jj-flow.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::check::{Check, Remedy};
use super::setup::{Setup, where_is};
use super::shim::is_own;
use crate::cmd::install::path_command;
use crate::env;

const WHAT: &str = "alias";
const NAME: &str = "aliases.flow";

pub(super) fn check(setup: &Setup) -> Check {
    let entry = setup.entry(NAME).or_else(|| setup.entry("aliases.flow.definition"));
    let Some(entry) = entry else {
        return Check::warning(WHAT, "alias-missing", "`jj flow` is no command of jj here", install());
    };
    let check = match program(&entry.value) {
        None => Check::warning(
            WHAT,
            "alias-foreign",
            format!("`jj flow` is something else here: {}", entry.value),
            Remedy::run(where_is(&entry.name)),
        ),
        Some(name) => match find(&name) {
            None => Check::warning(
                WHAT,
                "alias-broken",
                format!("`jj flow` starts {name}, which is not there or may not be run"),
                own_folder_first().unwrap_or_else(install),
            ),
            Some(path) if is_own(&path) => Check::good(WHAT, format!("`jj flow` is {}", entry.value)),
            Some(path) => Check::warning(
                WHAT,
                "alias-elsewhere",
                format!("`jj flow` starts {}, which is not the jj-flow that looks here", path.display()),
                own_folder_first().unwrap_or_else(install),
            ),
        },
    };
    check.details(json!({"value": entry.value, "source": entry.source, "path": entry.path}))
}

/// The program that `jj util exec` is to start.
fn program(value: &Value) -> Option<String> {
    let words: Vec<&str> = match value {
        Value::String(line) => line.split_whitespace().collect(),
        list => list.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?,
    };
    let rest = words.strip_prefix(&["util", "exec"])?;
    let program = rest.iter().find(|word| **word != "--")?;
    Path::new(program).file_name().filter(|name| *name == "jj-flow").map(|_| (*program).to_owned())
}

fn find(program: &str) -> Option<PathBuf> {
    which::which_in(program, env::var_os("PATH"), env::any_current_dir()).ok()
}

fn install() -> Remedy {
    match env::jj_config().as_deref() {
        None => Remedy::run("jj-flow install"),
        // No file beside the one that it names is read.
        Some([file]) if !file.is_dir() => Remedy::run(
            r#"jj config set --user aliases.flow '["util", "exec", "--", "jj-flow", "--via-jj"]'"#,
        ),
        Some(_) => Remedy::run("env -u JJ_CONFIG jj-flow install"),
    }
}

/// The folder that this program lies in, before all others, where it bears the name that the alias asks for.
fn own_folder_first() -> Option<Remedy> {
    let own = env::current_exe().ok().filter(|own| own.file_name() == Some("jj-flow"))?;
    Some(Remedy::run(path_command(own.parent()?).1))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(json!(["util", "exec", "--", "jj-flow", "--via-jj"]), Some("jj-flow"))]
    #[case(json!(["util", "exec", "jj-flow"]), Some("jj-flow"))]
    #[case(json!("util exec -- /opt/bin/jj-flow"), Some("/opt/bin/jj-flow"))]
    #[case(json!(["util", "exec", "--", "git", "flow"]), None)]
    #[case(json!(["log", "jj-flow"]), None)]
    #[case(json!(["util", "exec", "--"]), None)]
    #[case(json!(1), None)]
    fn the_program_of_an_alias_is_found(#[case] value: Value, #[case] expected: Option<&str>) {
        assert_eq!(program(&value).as_deref(), expected);
    }
}
