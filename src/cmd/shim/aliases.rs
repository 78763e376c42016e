//! The user's own commands, as jj expands them: aliases, and the default command.

use std::ffi::OsString;

use camino::Utf8Path;

use crate::shim::argv::{Command, expand, scan};
use crate::{env, jj};

/// How deep aliases may name aliases.
const DEPTH: usize = 10;

/// The command line that jj makes of this one; none where that is nothing that concerns us. Only config that mentions
/// an alias is asked for it.
pub(in crate::cmd) fn resolve(args: &[OsString]) -> Option<Vec<OsString>> {
    if !matches!(scan(args).command, Command::Unknown { .. } | Command::Default) {
        return None;
    }
    let mut config = Settings::default();
    let mut expanded = args.to_vec();
    let mut may_default = true;
    for _ in 0..DEPTH {
        expanded = match scan(&expanded).command {
            Command::Unknown { word, index } => expand(&expanded, index, &config.alias(word)?),
            Command::Default if may_default => {
                may_default = false;
                let words = config.default_command()?;
                words.into_iter().map(OsString::from).chain(expanded).collect()
            }
            _ => return Some(expanded),
        };
    }
    None
}

/// jj's settings in the folder that the command was started in: neither `-R` nor `--config` has a say here.
#[derive(Default)]
struct Settings(Option<Vec<jj::Entry>>);

impl Settings {
    /// What an alias stands for: a list, or a table with a list in it.
    fn alias(&mut self, word: &str) -> Option<Vec<String>> {
        let own = self.find(word, &[&format!("aliases.{word}"), &format!("aliases.{word}.definition")]);
        // jj's defaults have this one, and `config list` leaves them out.
        own.or_else(|| (word == "b").then(|| vec!["bookmark".to_owned()]))
    }

    /// What jj runs where no command is named. Its default, `log`, is none of our business.
    fn default_command(&mut self) -> Option<Vec<String>> {
        self.find("default-command", &["ui.default-command"])
    }

    /// A setting that is a word or a list of words.
    fn find(&mut self, mentioned: &str, names: &[&str]) -> Option<Vec<String>> {
        if self.0.is_none() {
            let dir = env::current_dir().ok()?;
            if jj::load_mention(&dir, mentioned) {
                self.0 = load(&dir);
            }
        }
        let entry = self.0.as_ref()?.iter().find(|entry| names.contains(&entry.name.as_str()))?;
        match &entry.value {
            serde_json::Value::String(word) => Some(vec![word.clone()]),
            list => list.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
        }
    }
}

fn load(dir: &Utf8Path) -> Option<Vec<jj::Entry>> {
    jj::load_config(&jj::locate()?, dir, &[]).ok()
}
