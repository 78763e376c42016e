//! Which programs a line of shell runs, where, and which git branch one of them would make.

use super::shell::{CLOSE, OPEN, Word, simple_commands};

/// A program that a line of shell runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// As it was typed: a name to be found on PATH, or a path.
    pub(crate) program: String,
    pub(crate) args: Vec<Word>,
    /// The variables set for it alone.
    pub(crate) variables: Vec<String>,
    /// Where the `cd`s before it lead, seen from where the line begins.
    pub(crate) dir: String,
}

/// Words of the shell's own grammar, and programs that run what stands behind them.
const BEFORE: [&str; 19] = [
    OPEN, CLOSE, "if", "then", "elif", "else", "while", "until", "do", "{", "!", "time", "command", "exec",
    "builtin", "nohup", "sudo", "nice", "env",
];

/// The programs of a line, each with its plain arguments. What comes after a `cd` into a folder that only the shell
/// knows is left out.
pub(crate) fn programs(line: &str) -> Vec<Ran> {
    let mut dir = String::new();
    let mut outside = Vec::new();
    let mut programs = Vec::new();
    for words in simple_commands(line) {
        // What is in parentheses goes somewhere by itself.
        match words.first().map(|word| word.text.as_str()) {
            Some(OPEN) => outside.push(dir.clone()),
            Some(CLOSE) => dir = outside.pop().unwrap_or(dir),
            _ => {}
        }
        let Some(ran) = ran(words, &dir) else { continue };
        match ran.program.as_str() {
            "cd" => {}
            "pushd" | "popd" => break,
            _ => {
                programs.push(ran);
                continue;
            }
        }
        match ran.args.iter().find(|word| word.text != "--") {
            Some(to) if !to.is_open && to.text != "-" => dir = joined(&dir, &to.text),
            _ => break,
        }
    }
    programs
}

fn ran(words: Vec<Word>, dir: &str) -> Option<Ran> {
    let mut variables = Vec::new();
    let mut words = words.into_iter().peekable();
    loop {
        let word = words.next()?;
        let name = word.text.split_once('=').map(|(name, _)| name);
        if let Some(name) = name.filter(|name| is_variable(name)) {
            variables.push(name.to_owned());
        } else if BEFORE.contains(&word.text.as_str()) {
            // `command -p`, `env -u X`: whose options take a word is not known here.
            while words.next_if(|word| word.text.starts_with('-')).is_some() {}
        } else if word.is_open {
            return None;
        } else {
            let args = words.collect();
            return Some(Ran { program: word.text, args, variables, dir: dir.to_owned() });
        }
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// `to`, seen from `from`.
pub(crate) fn joined(from: &str, to: &str) -> String {
    if from.is_empty() || to.starts_with(['/', '~']) { to.to_owned() } else { format!("{from}/{to}") }
}

/// A branch that a git command would make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) name: String,
    /// Where it would begin, as git has it.
    pub(crate) from: Option<String>,
    /// The folder of its own that it would be checked out in.
    pub(crate) worktree: Option<String>,
    /// `-C PATH`, as far as there is one.
    pub(crate) dir: String,
}

/// The branch that `git ARGS` would make; none where it makes none, or where that cannot be told from the words.
pub(crate) fn git_branch(args: &[Word]) -> Option<Branch> {
    let mut words = args.iter();
    let mut dir = String::new();
    let verb = loop {
        match plain(words.next()?)? {
            "-C" => dir = joined(&dir, plain(words.next()?)?),
            "-c" => _ = words.next()?,
            option if option.starts_with("--git-dir") || option.starts_with("--work-tree") => return None,
            option if option.starts_with('-') => {}
            verb => break verb,
        }
    };
    let rest: Vec<&Word> = words.collect();
    let branch = match verb {
        "branch" => made_by_branch(&rest)?,
        "checkout" => made_by_option(&rest, &["-b", "-B", "--orphan"])?,
        "switch" => made_by_option(&rest, &["-c", "-C", "--create", "--force-create", "--orphan"])?,
        "worktree" if plain(rest.first()?)? == "add" => made_by_worktree(&rest[1..])?,
        _ => return None,
    };
    Some(Branch { dir, ..branch })
}

fn plain(word: &Word) -> Option<&str> {
    (!word.is_open).then_some(word.text.as_str())
}

/// Options that go with making a branch; with any other, `git branch` lists, moves or deletes.
const MAKING: [&str; 9] = [
    "-f",
    "--force",
    "-q",
    "--quiet",
    "-t",
    "--track",
    "--no-track",
    "--create-reflog",
    "--recurse-submodules",
];

fn made_by_branch(words: &[&Word]) -> Option<Branch> {
    let (options, names): (Vec<&Word>, Vec<&Word>) =
        words.iter().partition(|word| word.text.starts_with('-'));
    let makes = |word: &&Word| MAKING.contains(&word.text.split('=').next().unwrap_or_default());
    options.iter().all(makes).then_some(())?;
    Some(Branch { name: plain(names.first()?)?.to_owned(), from: text(names.get(1)), ..Branch::default() })
}

fn made_by_option(words: &[&Word], options: &[&str]) -> Option<Branch> {
    let is_option = |word: &&Word| options.contains(&word.text.split('=').next().unwrap_or_default());
    let at = words.iter().position(is_option)?;
    let (name, behind) = match words[at].text.split_once('=') {
        Some((_, name)) => (name.to_owned(), at + 1),
        None => (plain(words.get(at + 1)?)?.to_owned(), at + 2),
    };
    let from = words.iter().skip(behind).find(|word| !word.text.starts_with('-'));
    Some(Branch { name, from: text(from), ..Branch::default() })
}

fn made_by_worktree(words: &[&Word]) -> Option<Branch> {
    let is = |options: &[&str]| words.iter().any(|word| options.contains(&word.text.as_str()));
    if is(&["-d", "--detach"]) {
        return None;
    }
    let mut named = None;
    let mut others = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match plain(word)? {
            "-b" | "-B" => named = Some(plain(words.next()?)?.to_owned()),
            option if option.starts_with('-') => {}
            other => others.push(other),
        }
    }
    let folder = others.first()?;
    // Without a word of what to check out, git makes a branch of the folder's name.
    let own = || others.get(1).is_none().then(|| folder.rsplit('/').next().map(str::to_owned)).flatten();
    let from = others.get(1).map(|from| (*from).to_owned());
    Some(Branch { name: named.or_else(own)?, from, worktree: Some((*folder).to_owned()), dir: String::new() })
}

fn text(word: Option<&&Word>) -> Option<String> {
    word.and_then(|word| plain(word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("jj log", &["jj"])]
    #[case("JJ_FLOW_BYPASS=1 /usr/bin/jj b c x", &["/usr/bin/jj"])]
    #[case("if true; then command git branch x; fi", &["true", "git", "fi"])]
    #[case("env -i A=b git branch x", &["git"])]
    #[case("$JJ b c x; git log", &["git"])]
    #[case("cd $DIR; git branch x", &[])]
    fn the_programs_of_a_line(#[case] line: &str, #[case] expected: &[&str]) {
        let programs = programs(line);
        assert_eq!(programs.iter().map(|ran| ran.program.as_str()).collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("git log", "")]
    #[case("cd a; git log", "a")]
    #[case("cd a && cd b && git log", "a/b")]
    #[case("cd a; cd /b; git log", "/b")]
    #[case("(cd -- a; git log)", "a")]
    #[case("(cd a; ls) && git log", "")]
    #[case("cd a; $(cd b) git log", "a")]
    fn a_program_runs_where_the_line_has_gone(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(programs(line).last().unwrap().dir, expected);
    }

    #[rstest]
    #[case("git branch x", "x")]
    #[case("git branch -f x main", "x from main")]
    #[case("git -C sub --no-pager branch --track x origin/x", "x from origin/x in sub")]
    #[case("git checkout -b x", "x")]
    #[case("git checkout -q -b x origin/main", "x from origin/main")]
    #[case("git switch -c x HEAD~1", "x from HEAD~1")]
    #[case("git switch --create=x", "x")]
    #[case("git worktree add ../x", "x at ../x")]
    #[case("git worktree add -b y ../x main", "y from main at ../x")]
    #[case("git branch", "-")]
    #[case("git branch -d x", "-")]
    #[case("git branch --list x", "-")]
    #[case("git branch --show-current", "-")]
    #[case("git branch -m x y", "-")]
    #[case("git branch $NAME", "-")]
    #[case("git checkout x", "-")]
    #[case("git checkout -- -b", "-")]
    #[case("git switch x", "-")]
    #[case("git worktree add --detach ../x", "-")]
    #[case("git worktree add ../x main", "-")]
    #[case("git worktree list", "-")]
    #[case("git commit -m 'git branch x'", "-")]
    #[case("git log --branches x", "-")]
    #[case("git", "-")]
    fn the_branch_that_a_command_makes(#[case] line: &str, #[case] expected: &str) {
        let shown = |branch: Branch| {
            let part =
                |word, text: Option<String>| text.map(|text| format!(" {word} {text}")).unwrap_or_default();
            let dir = (!branch.dir.is_empty()).then_some(branch.dir);
            let rest = [part("from", branch.from), part("at", branch.worktree), part("in", dir)].concat();
            format!("{}{rest}", branch.name)
        };
        let found = git_branch(&programs(line)[0].args).map_or("-".to_owned(), shown);
        assert_eq!(found, expected);
    }
}
