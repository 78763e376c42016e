//! Three agents with nothing but the skill: three sessions, each in a workspace of its own, one conflict and one failed
//! verification between them. Every command that they type is a line of the skill; only words that it leaves to
//! them are theirs.

use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

use crate::common::{Output, TestEnvironment, TestRepo};
use crate::documents::{in_checkout, strip_comment};

/// The command lines of the skill.
struct Skill(Vec<String>);

impl Skill {
    fn load() -> Self {
        let path = in_checkout("jj-config/skills/independent-developer/SKILL.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = Vec::new();
        let mut is_shell = false;
        for line in text.lines() {
            match line.strip_prefix("```") {
                Some(language) => is_shell = language == "sh",
                None if is_shell => lines.push(strip_comment(line).to_owned()),
                None => {}
            }
        }
        Self(lines)
    }

    /// The one line that begins so, or is exactly this.
    fn line(&self, begins: &str) -> &str {
        let exact = self.0.iter().find(|line| *line == begins);
        let mut like = self.0.iter().filter(|line| line.starts_with(begins));
        exact.or_else(|| like.next()).unwrap_or_else(|| panic!("The skill does not say `{begins}`"))
    }
}

/// One session. It starts in the folder where everybody starts.
struct Agent<'e> {
    skill: &'e Skill,
    folder: TestRepo<'e>,
}

impl<'e> Agent<'e> {
    fn new(skill: &'e Skill, repo: &TestRepo<'e>, session: &str) -> Self {
        Self { skill, folder: repo.with("JJ_FLOW_SESSION", session) }
    }

    /// Types a line of the skill with other words in the place of its own. What was overtaken is typed again, as the
    /// skill has it; wrong usage is what must never be.
    fn types(&self, begins: &str, words: &[(&str, &str)]) -> Output {
        let mut line = self.skill.line(begins).to_owned();
        for (own, other) in words {
            assert!(line.contains(own), "`{own}` is not in `{line}`");
            line = line.replace(own, other);
        }
        loop {
            let output = self.folder.sh(&line);
            assert_ne!(output.code, 2, "{line}: {output}");
            if output.code != 5 {
                return output;
            }
        }
    }

    /// A flow of its own in a folder of its own.
    fn starts(&mut self, intent: &str, folder: &str) {
        self.types("jj flow context", &[]).ok();
        let words = [("research into scaling", intent), ("../scaling", folder)];
        self.types("jj flow new 'research into scaling' --workspace", &words).ok();
        let to = self.skill.line("cd ").strip_prefix("cd ").unwrap().replace("../scaling", folder);
        self.folder = self.folder.dir(&to);
    }

    fn commits(&self, file: &str, text: &str, what: &str) {
        self.folder.write(file, text);
        self.types("jj commit", &[("Say what this change does", what)]).ok();
    }
}

/// Lands a sub-flow, then the flow, before the others do.
fn alpha(mut agent: Agent<'_>, landed: &Sender<()>) {
    agent.starts("docs of the greeting", "../greeting");
    agent.commits("notes", "hello\n2\n3\n", "docs: greet");
    agent.types("jj flow sub", &[("a side question", "who is greeted")]).ok();
    agent.commits("whom", "everybody\n", "docs: say whom");
    agent.types("jj flow context", &[]).ok();
    agent.types("jj flow done", &[]).ok();
    agent.types("jj flow done", &[]).ok();
    landed.send(()).unwrap();
}

/// Has changed the same line, and meets the conflict.
fn beta(mut agent: Agent<'_>, others_landed: &Receiver<()>) {
    agent.starts("research into goodbyes", "../goodbyes");
    agent.commits("notes", "goodbye\n2\n3\n", "research: part");
    agent.types("jj flow context --siblings", &[]).ok();
    others_landed.recv().unwrap();
    let handed_over = agent.types("jj flow done", &[]).exits(3);
    let packet = agent.types("jj flow conflicts", &[("conflicts", "conflicts --json")]).ok().json();
    let packet: &Value = &packet["conflicts"][0]["packet"];
    let change = packet["change"]["change"].as_str().unwrap();
    assert!(handed_over.stdout.contains(&change[..8]), "{handed_over}");
    agent.types("jj new CHANGE", &[("CHANGE", change)]).ok();
    for path in packet["change"]["paths"].as_array().unwrap() {
        agent.folder.write(path["path"].as_str().unwrap(), "hello and goodbye\n2\n3\n");
    }
    agent.types("jj squash", &[]).ok();
    agent.types("jj flow resume", &[]).ok();
}

/// Does not pass the verification at first.
fn gamma(mut agent: Agent<'_>) {
    agent.starts("logic of the sum", "../sum");
    agent.commits("sum", "1 + 1 = 3\n", "logic: add");
    let refused = agent.types("jj flow done", &[]).exits(4);
    assert!(refused.stderr.contains("that is wrong"), "{refused}");
    agent.types("jj flow context", &[]).ok();
    agent.commits("sum", "1 + 1 = 2\n", "logic: add up");
    agent.types("jj flow restack", &[]).ok();
    agent.types("jj flow done", &[]).ok();
}

#[test]
fn three_agents_land_all_their_work_by_the_skill_alone() {
    let env = TestEnvironment::new();
    let repo = env.repo("field");
    repo.commit("notes", "1\n2\n3\n", "base");
    repo.jj(&["bookmark", "create", "main", "--revision=@-"]).ok();
    env.add_config("flow.hooks.verify = 'if grep \"= 3\" sum; then echo that is wrong; exit 1; fi'\n");
    let skill = Skill::load();
    let agent = |session| Agent::new(&skill, &repo, session);
    let (landed, others_landed) = channel();
    std::thread::scope(|scope| {
        let (one, two, three) = (agent("alpha"), agent("beta"), agent("gamma"));
        scope.spawn(move || alpha(one, &landed));
        scope.spawn(move || beta(two, &others_landed));
        scope.spawn(move || gamma(three));
    });
    let rows = env.rows("SELECT intent, subflow, status FROM FlowRegistry ORDER BY intent, subflow");
    insta::assert_snapshot!(rows, @r#"
    docsOfTheGreeting|NULL|merged
    docsOfTheGreeting|whoIsGreeted|merged
    logicOfTheSum|NULL|merged
    researchIntoGoodbyes|NULL|merged
    "#);
    assert_eq!(env.rows("SELECT count(DISTINCT uid) FROM FlowRegistry"), "3\n");
    let on_main = |path: &str| repo.jj(&["file", "show", "--revision=main", path]).ok().stdout;
    assert_eq!(on_main("root:notes"), "hello and goodbye\n2\n3\n");
    assert_eq!((on_main("root:whom"), on_main("root:sum")), ("everybody\n".into(), "1 + 1 = 2\n".into()));
    let left = repo.changes("mutable() & (~empty() | conflicts()) ~ ::main");
    assert!(left.is_empty(), "{}", repo.log());
}
