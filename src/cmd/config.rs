//! `jj flow config`: the settings and where they come from.

use clap::Args;
use serde_json::{Value, json};

use super::Call;
use crate::config::SETTINGS;
use crate::jj;
use crate::output::{plain, with_prose};
use crate::session::require_jj;

/// Show the settings of `[flow]` in jj's config, as they hold here
#[derive(Debug, Args)]
#[command(after_help = "Example: jj flow config\nTo set one: jj config set --user flow.policy strict")]
pub(super) struct ConfigArgs {}

pub(super) fn run(_: &ConfigArgs, mut call: Call) -> anyhow::Result<()> {
    let program = require_jj()?;
    let (config, complaints) = call.place.load_config(&program)?;
    call.out.follow(config.color.as_deref());
    let entries = jj::load_config(&program, &call.place.dir, &call.place.options)?;
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for (name, default, meaning) in SETTINGS {
        let full = format!("flow.{name}");
        let entry = entries.iter().find(|entry| entry.name == full);
        let shown = entry.map_or_else(|| (*default).to_owned(), |entry| entry.value.to_string());
        let source = entry.map_or("default", |entry| entry.source.as_str());
        rows.push(vec![full.clone(), plain(&shown).into_owned(), source.to_owned(), (*meaning).to_owned()]);
        objects.push(json!({
            "name": full,
            "value": entry.map(|entry| &entry.value),
            "source": source,
            "path": entry.and_then(|entry| entry.path.clone()),
            "meaning": meaning,
        }));
    }
    let registry = call.place.registry_path(&config)?;
    let mut text = with_prose(&["setting", "value", "from", "meaning"], rows);
    text.push_str(&format!("\n\nRegistry: {}", plain(registry.as_str())));
    for complaint in &complaints {
        text.push_str(&format!("\nWarning: {}", plain(&complaint.sentence())));
    }
    let complaints: Vec<String> = complaints.iter().map(ToString::to_string).collect();
    let object = json!({"settings": Value::Array(objects), "registry": registry, "complaints": complaints});
    Ok(call.out.answer(&text, object)?)
}
