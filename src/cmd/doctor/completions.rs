//! Whether the user's shell asks jj for completions each time: a fixed list cannot know flows.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::check::{Check, Remedy};
use crate::env;
use crate::text::quoted;

const WHAT: &str = "completions";

/// A shell that jj's dynamic completion knows.
struct Shell {
    name: &'static str,
    /// Where people register completions, the place of ours first. Relative ones are below the home folder.
    files: Vec<PathBuf>,
    line: &'static str,
}

/// How a shell's files get their completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registered {
    /// By asking jj.
    Asking,
    /// By a script of `jj util completion`.
    Fixed,
    No,
}

/// What of the user's shell is to be told; nothing where it is none that jj completes in.
pub(super) fn check() -> Option<Check> {
    let (shell, home) = (env::var("SHELL")?, env::home_dir()?);
    let shell = known(Path::new(&shell).file_name()?.to_str()?)?;
    let files: Vec<PathBuf> = shell.files.iter().map(|file| home.join(file)).collect();
    let found = files.iter().map(|file| (file, look_into(file, shell.name)));
    let best = found.clone().find(|(_, how)| *how == Registered::Asking);
    let best = best.or_else(|| found.clone().find(|(_, how)| *how == Registered::Fixed));
    let file = files.first()?;
    let (code, says) = match best {
        Some((file, Registered::Asking)) => {
            return Some(Check::good(WHAT, format!("{} asks jj, in {}", shell.name, file.display())));
        }
        Some((file, _)) => {
            let says = format!(
                "{} has a list that was fixed once and knows no flows, in {}",
                shell.name,
                file.display()
            );
            ("completions-fixed", says)
        }
        None => ("completions-missing", format!("{} does not complete `jj flow`", shell.name)),
    };
    let (folder, line) = (file.parent()?.to_string_lossy(), quoted(shell.line));
    let append = format!("echo {line} >> {}", quoted(&file.to_string_lossy()));
    let is_there = file.parent().is_some_and(Path::exists);
    let command = if is_there { append } else { format!("mkdir -p {} && {append}", quoted(&folder)) };
    let details = json!({"shell": shell.name, "file": file, "line": shell.line});
    Some(Check::warning(WHAT, code, says, Remedy::Run(command)).details(details))
}

fn known(shell: &str) -> Option<Shell> {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
    Some(match shell {
        "bash" => Shell {
            name: "bash",
            files: paths(&[
                ".bashrc",
                ".bash_profile",
                ".profile",
                ".bash_completion",
                ".local/share/bash-completion/completions/jj",
            ]),
            line: "source <(COMPLETE=bash jj)",
        },
        "zsh" => {
            let folder = env::var_os("ZDOTDIR").map(PathBuf::from).unwrap_or_default();
            let files = [".zshrc", ".zprofile", ".zshenv", ".zlogin"].map(|file| folder.join(file));
            Shell { name: "zsh", files: files.into(), line: "source <(COMPLETE=zsh jj)" }
        }
        "fish" => {
            // fish has its files where XDG says, on every system.
            let config = env::var_os("XDG_CONFIG_HOME").map_or_else(|| ".config".into(), PathBuf::from);
            let mut files = vec![config.join("fish/completions/jj.fish"), config.join("fish/config.fish")];
            let more =
                env::home_dir().and_then(|home| home.join(&config).join("fish/conf.d").read_dir().ok());
            files.extend(more.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())));
            Shell { name: "fish", files, line: "COMPLETE=fish jj | source" }
        }
        _ => return None,
    })
}

fn look_into(file: &Path, shell: &str) -> Registered {
    // One that is missing, or nobody may read, registers nothing.
    let text = std::fs::read(file).unwrap_or_default();
    registered(&String::from_utf8_lossy(&text), shell)
}

fn registered(text: &str, shell: &str) -> Registered {
    let lines = || text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let variable = format!("COMPLETE={shell}");
    // `jj-flow` registers itself in the same way.
    let is_jj = |word: &str| {
        let word = word.split(['(', ')', '"', '\'', '`', ';', '|']).next().unwrap_or_default();
        word.rsplit('/').next() == Some("jj")
    };
    let asks = |line: &str| {
        line.split(&variable).skip(1).any(|rest| {
            let mut words = rest.split_whitespace().filter(|word| *word != "command");
            rest.starts_with([' ', '\t']) && words.next().is_some_and(is_jj)
        })
    };
    if lines().any(asks) {
        Registered::Asking
    } else if lines().any(|line| line.contains("jj util completion")) {
        Registered::Fixed
    } else {
        Registered::No
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("bash", "source <(COMPLETE=bash jj)", Registered::Asking)]
    #[case("bash", "  . <(COMPLETE=bash /usr/bin/jj)", Registered::Asking)]
    #[case("bash", "eval \"$(COMPLETE=bash jj)\"", Registered::Asking)]
    #[case("bash", "source <(COMPLETE=bash command jj)", Registered::Asking)]
    #[case("bash", "# source <(COMPLETE=bash jj)", Registered::No)]
    #[case("bash", "source <(COMPLETE=bash jj-flow)", Registered::No)]
    #[case("bash", "source <(COMPLETE=zsh jj)", Registered::No)]
    #[case("bash", "source <(COMPLETE=bash cargo)\nsource <(COMPLETE=bash jj)", Registered::Asking)]
    #[case("bash", "source <(jj util completion bash)", Registered::Fixed)]
    #[case("zsh", "source <(COMPLETE=zsh jj)", Registered::Asking)]
    #[case("zsh", "source <(jj util completion zsh)\nsource <(COMPLETE=zsh jj)", Registered::Asking)]
    #[case("fish", "COMPLETE=fish jj | source", Registered::Asking)]
    #[case("fish", "env COMPLETE=fish jj|source", Registered::Asking)]
    #[case("fish", "", Registered::No)]
    fn registrations_are_found(#[case] shell: &str, #[case] text: &str, #[case] expected: Registered) {
        assert_eq!(registered(text, shell), expected);
    }
}
