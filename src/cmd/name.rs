//! `jj flow name`: the grammar for scripts.

use clap::{Args, Subcommand};
use serde_json::json;

use super::Call;
use crate::error::{Failure, Kind};
use crate::jj::Repo;
use crate::name::normalise;
use crate::registry::Registry;
use crate::session::{Session, require_jj};

/// Check a flow's name, or make one
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow name make 'JJ research'")]
pub(super) struct NameArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say whether a bookmark's name conforms; exits 1 where it does not
    #[command(after_help = "Example: jj flow name check a8f2--jjResearch")]
    Check {
        /// The name
        name: String,
    },
    /// Make the conforming name of free text, under your own uid
    #[command(after_help = "Example: jj flow name make 'JJ research'")]
    Make {
        /// What the flow is for, in your own words; sub-flows behind `--`
        #[arg(required = true)]
        text: Vec<String>,
    },
}

pub(super) fn run(args: &NameArgs, call: Call) -> anyhow::Result<()> {
    let place = &call.place;
    let session = Repo::find(&place.dir).map(|_| Session::open(place)).transpose()?;
    let config = match &session {
        Some(session) => session.config.clone(),
        None => place.load_config(&require_jj()?)?.0,
    };
    let rules = &config.rules;
    // A registry that cannot be opened keeps nobody from a name.
    let make = |text: &str| {
        let uid = match &session {
            Some(session) => {
                let mut registry = session.open_ledger(place).map(|ledger| ledger.registry).ok();
                session.require_uid(registry.as_mut())?
            }
            None => {
                let mut registry = place.registry_path(&config).and_then(|path| Registry::open(&path)).ok();
                place.require_uid(&config, registry.as_mut())?
            }
        };
        anyhow::Ok(normalise::flow_name(text, &uid, rules))
    };
    let (text, name) = match &args.verb {
        Verb::Check { name } => match normalise::conforming(name, rules) {
            Ok(name) => (format!("{name} conforms."), name),
            Err(error) => {
                let message = format!("`{}` does not conform: {error}", name.escape_debug());
                let nearest = match make(name)? {
                    Ok(good) => Some(good),
                    Err(refusal) => refusal.nearest,
                };
                let failure = Failure::new(Kind::NameRefused, message);
                return Err(match nearest {
                    Some(good) => failure.hint(format!("jj flow name check {good}")).into(),
                    None => failure.into(),
                });
            }
        },
        Verb::Make { text } => match make(&text.join(" "))? {
            Ok(name) => (name.to_string(), name),
            Err(refusal) => {
                let failure =
                    Failure::new(Kind::NameRefused, format!("Could not make a name: {}", refusal.error));
                return Err(match refusal.nearest {
                    Some(good) => failure.hint(format!("jj flow name make {good}")).into(),
                    None => failure.into(),
                });
            }
        },
    };
    let object = json!({
        "name": name,
        "uid": name.uid(),
        "intent": name.intent(),
        "subflow": name.subflow(),
        "parent": name.parent(),
    });
    Ok(call.out.answer(&text, object)?)
}
