//! Wrong usage, in clap's words, with what was perhaps meant; and `help` as a word.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use super::{Cli, report};
use crate::error::{Failure, Kind};
use crate::output::Out;
use crate::text::is_near;

/// How a line of this program begins.
const ALL: &str = "jj flow";

/// `help new` is `new --help`, as in jj.
pub(super) fn with_help(args: &[OsString]) -> Vec<OsString> {
    let mut args = args.to_vec();
    // Whether it is the command is looked at only where it is there at all: that takes as long as everything else.
    let is_there = args.iter().any(|arg| arg == "help");
    let first = if is_there { words(&args).first().copied() } else { None };
    if let Some((at, "help")) = first {
        args.remove(at);
        args.push("--help".into());
    }
    args
}

/// What clap says, in its own words; help and the version are answers.
pub(super) fn answer(mut error: clap::Error, args: &[OsString], out: Out) -> ExitCode {
    if !error.use_stderr() {
        return match out.line(error.render().ansi().to_string().trim_end()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&error.into(), out),
        };
    }
    let (path, command) = named(args);
    let message = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        format!("`{path}` needs a command: {}", verbs(&command).join(", "))
    } else {
        suggest(&mut error, &command);
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        text.split("\n\nFor more information").next().unwrap_or(text).trim_end().to_owned()
    };
    let help = format!("{} --help", path.strip_prefix(ALL).unwrap_or_default());
    report(&Failure::new(Kind::Usage, message).hint(format!("jj flow{help}")).into(), out)
}

/// Puts the commands that a word is one slip away from in the place of what clap would suggest.
fn suggest(error: &mut clap::Error, command: &Command) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return };
    let near: Vec<String> = verbs(command).into_iter().filter(|verb| is_near(word, verb)).collect();
    if !near.is_empty() {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(near));
    }
}

fn verbs(command: &Command) -> Vec<String> {
    let shown = command.get_subcommands().filter(|command| !command.is_hide_set());
    shown.map(|command| command.get_name().to_owned()).collect()
}

/// The command that a line names, as far as it names one.
fn named(args: &[OsString]) -> (String, Command) {
    let (mut path, mut command) = (ALL.to_owned(), Cli::command());
    for (_, word) in words(args) {
        let Some(below) = command.find_subcommand(word) else { break };
        path += &format!(" {word}");
        command = below.clone();
    }
    (path, command)
}

/// The words of a line that are no options of every command, nor their values, each with its place.
fn words(args: &[OsString]) -> Vec<(usize, &str)> {
    let cli = Cli::command();
    let takes_value = |word: &str| {
        cli.get_arguments().filter(|arg| arg.get_action().takes_values()).any(|arg| {
            let long = word.strip_prefix("--").is_some_and(|long| arg.get_long() == Some(long));
            long || arg.get_short().is_some_and(|short| word == format!("-{short}"))
        })
    };
    let mut words = Vec::new();
    let mut all = args.iter().map(|arg| arg.to_str().unwrap_or_default()).enumerate();
    while let Some((at, word)) = all.next() {
        match word {
            "--" => break,
            _ if takes_value(word) => _ = all.next(),
            _ if word.starts_with('-') => {}
            _ => words.push((at, word)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["help"], &["--help"])]
    #[case(&["--via-jj", "-R", "help", "help", "repo", "add"], &["--via-jj", "-R", "help", "repo", "add", "--help"])]
    #[case(&["new", "help"], &["new", "help"])]
    #[case(&["-R", "help"], &["-R", "help"])]
    fn help_is_a_word(#[case] args: &[&str], #[case] expected: &[&str]) {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        assert_eq!(with_help(&args), expected);
    }

    #[rstest]
    #[case(&["repo", "scam"], "jj flow repo")]
    #[case(&["--config", "list", "done", "new"], "jj flow done")]
    #[case(&["nwe"], "jj flow")]
    fn the_command_is_found(#[case] args: &[&str], #[case] expected: &str) {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        assert_eq!(named(&args).0, expected);
    }
}
