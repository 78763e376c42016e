//! Judges the names that a command was given, and puts in their place what is asked of jj instead.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::record::Desk;
use crate::error::{Failure, Kind};
use crate::jj::{Jj, OpStore};
use crate::name::policy::{Naming, Verdict, is_no_flow, judge, stands_for};
use crate::output::Out;
use crate::shim::argv::Verb;
use crate::shim::intercept::{Name, rewrite};
use crate::text::quoted;

/// What jj calls the refs of its own git repo: they lag behind the bookmarks.
const OWN_REFS: &str = "git";

/// What a command asks for once its names were judged.
#[derive(Default)]
pub(super) struct Settled {
    /// The arguments with other names in them, where there are any.
    pub(super) args: Option<Vec<OsString>>,
    /// The bookmarks that it makes where they are not there.
    pub(super) made: Vec<String>,
}

/// Judges every name, with a line on stderr for each that changes; none where one is refused.
pub(super) fn settle(
    desk: &mut Desk<'_>,
    args: &[OsString],
    verb: Verb,
    names: &[Name],
) -> anyhow::Result<Option<Settled>> {
    let out = Out::new(false);
    let existing = load_existing(&desk.session.jj)?;
    let exists = |name: &str| {
        let same = existing.get(name);
        same.or_else(|| existing.iter().find(|bookmark| bookmark.eq_ignore_ascii_case(name))).cloned()
    };
    let uid = desk.uid()?;
    let config = &desk.session.config;
    let naming = Naming {
        policy: config.policy,
        rules: &config.rules,
        exempt: &config.exempt,
        uid: &uid,
        exists: &exists,
    };
    let keeps = renames_no_flow(verb, names, &naming);
    let (mut changed, mut made) = (Vec::new(), Vec::new());
    for name in names {
        let verdict = match (name.makes, stands_for(&name.text, &naming)) {
            (true, _) if keeps => Verdict::Keep,
            (true, _) => judge(&name.text, &naming),
            (false, Some(flow)) => Verdict::Rewrite(flow),
            (false, None) => Verdict::Keep,
        };
        let Ok(new) = told(out, verb, args, name, &verdict) else { return Ok(None) };
        let settled = new.unwrap_or_else(|| name.clone());
        if name.makes {
            made.push(settled.text.clone());
        }
        if settled != *name {
            changed.push(settled);
        }
    }
    let args = (!changed.is_empty()).then(|| rewrite(args, &changed));
    Ok(Some(Settled { args, made }))
}

/// Whether a command gives a bookmark that is no flow another name: no line of work begins with it.
pub(in crate::cmd) fn renames_no_flow(verb: Verb, names: &[Name], naming: &Naming<'_>) -> bool {
    verb == Verb::Rename && names.first().is_some_and(|old| !old.makes && is_no_flow(&old.text, naming))
}

/// A refusal, which has been told.
struct Refused;

/// Tells a verdict, and gives the name that takes the place of the one asked for.
fn told(
    out: Out,
    verb: Verb,
    args: &[OsString],
    name: &Name,
    verdict: &Verdict,
) -> Result<Option<Name>, Refused> {
    let asked = name.text.escape_debug();
    match verdict {
        Verdict::Keep | Verdict::Flow(_) => {}
        Verdict::Rewrite(flow) => {
            let _ = out.note(&format!("jj-flow: {asked} is named {flow}."));
            return Ok(Some(name.renamed(flow.as_str())));
        }
        Verdict::Warn { reason, suggestion } => {
            let better = suggestion.as_ref().map(|flow| format!("; {flow} would do")).unwrap_or_default();
            let _ = out.note(&format!("Warning: {asked} is no flow's name: {reason}{better}."));
        }
        Verdict::Refuse { reason, suggestion } => {
            let word = verb.word();
            let message = format!("Could not {word} the bookmark {asked}: {reason}");
            let mut failure = Failure::new(Kind::NameRefused, message);
            failure.hint = suggestion.as_ref().map(|flow| {
                let args = rewrite(args, &[name.renamed(flow.as_str())]);
                let words: Vec<String> = args.iter().map(|word| quoted(&word.to_string_lossy())).collect();
                format!("jj {}", words.join(" "))
            });
            let _ = out.failure(&failure);
            return Err(Refused);
        }
    }
    Ok(None)
}

/// The bookmarks that there are, those among them that only a remote has.
pub(in crate::cmd) fn load_existing(jj: &Jj) -> anyhow::Result<BTreeSet<String>> {
    let from_store = || {
        let mut names = BTreeSet::new();
        for view in OpStore::open(jj.repo())?.load_views(&jj.repo().load_heads().ok()?)? {
            names.extend(view.bookmarks.keys().map(ToString::to_string));
            let remote = view.remote_bookmarks.keys().filter(|(_, remote)| remote != OWN_REFS);
            names.extend(remote.map(|(name, _)| name.to_string()));
        }
        Some(names)
    };
    if let Some(names) = from_store() {
        return Ok(names);
    }
    let template = r#"--template="[" ++ json(name) ++ "," ++ json(remote) ++ "]\n""#;
    let text = jj.run_at(&jj.require_head()?, &["bookmark", "list", "--all-remotes", template])?;
    let listed = text.lines().map(serde_json::from_str::<(String, Option<String>)>);
    let listed = listed.collect::<Result<Vec<_>, _>>()?.into_iter();
    Ok(listed.filter(|(_, remote)| remote.as_deref() != Some(OWN_REFS)).map(|(name, _)| name).collect())
}
