//! The file that `jj-flow install` puts into jj's `conf.d`: there, and of this version.

use serde_json::json;

use super::check::{Check, Remedy};
use super::setup::Setup;
use super::shim::put_aside;
use crate::cmd::Call;
use crate::cmd::install::{Places, Written, examine_config, put_config};
use crate::{env, jj};

const WHAT: &str = "conf.d";

/// Looks at the file; where it was mended, the config is read anew.
pub(super) fn check(call: &Call, setup: &mut Setup, is_fixing: bool) -> Check {
    if let Some(named) = env::var("JJ_CONFIG") {
        let says = format!("JJ_CONFIG is set: jj reads {named}, and nothing that jj-flow install writes");
        if setup.entry("aliases.flow").is_some() {
            return Check::good(WHAT, says);
        }
        return Check::warning(WHAT, "jj-config-set", says, Remedy::run("env -u JJ_CONFIG jj-flow install"));
    }
    look(call, setup, is_fixing).unwrap_or_else(|error| Check::failed(WHAT, &error))
}

fn look(call: &Call, setup: &mut Setup, is_fixing: bool) -> anyhow::Result<Check> {
    let places = Places::find(&setup.program, "install")?;
    let path = &places.config;
    let check = match examine_config(&setup.program, call, &places)? {
        Written::Current => Check::good(WHAT, format!("{path} is this version's")),
        Written::Missing => Check::warning(
            WHAT,
            "conf-missing",
            format!("nothing installed at {path}: jj knows no flows() and shows them like other bookmarks"),
            Remedy::run("jj-flow install --no-shim"),
        ),
        Written::Outdated if is_fixing => {
            let moved = put_config(&setup.program, call, &places)?;
            setup.entries = jj::load_config(&setup.program, &call.place.dir, &call.place.options)?;
            Check::mended(
                WHAT,
                "conf-outdated",
                match moved {
                    None => format!("{path} was another version's, and is this one's now"),
                    Some(own) => {
                        format!("{path} is as it belongs; settings of your own that stood in it: {own}")
                    }
                },
            )
        }
        Written::Outdated => {
            Check::warning(WHAT, "conf-outdated", format!("{path} is another version's"), Remedy::fix())
        }
        Written::Foreign => Check::warning(
            WHAT,
            "conf-foreign",
            format!("{path} is there and is not jj-flow's"),
            Remedy::run(put_aside(path)),
        ),
    };
    Ok(check.details(json!({"path": path})))
}
