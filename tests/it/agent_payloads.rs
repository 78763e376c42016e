//! Whatever an agent says of a moment, its hook is in nobody's way. Each file of `agent_payloads` is one such word.

use rstest::rstest;
use serde_json::Value;

use crate::common::TestEnvironment;

#[rstest]
fn odd_payloads_are_in_nobodys_way(#[values("session-start", "pre-tool-use", "stop")] event: &str) {
    let env = TestEnvironment::new();
    env.share_seeds();
    let repo = env.repo("field");
    repo.flow(&["new", "research"]).ok();
    repo.commit("work", "work\n", "work");
    // Where a session is to be named, and cannot be.
    let repo = repo.with("CLAUDE_ENV_FILE", "/nowhere/at/all/file");
    let mut failed = 0;
    let folder = crate::documents::in_checkout("tests/it/agent_payloads");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 10);
    for file in files {
        let payload = std::fs::read(&file).unwrap();
        let output = repo.flow_with(&["hook", event], |command| command.write_stdin(payload));
        // 2 would stop the agent.
        assert!([0, 1].contains(&output.code), "{file:?}: {output}");
        failed += output.code;
        assert_eq!(output.code == 1, output.stderr.starts_with("jj-flow: "), "{file:?}: {output}");
        assert!(!output.stdout.contains(|character: char| character.is_control() && character != '\n'));
        if event != "session-start" && !output.stdout.is_empty() {
            serde_json::from_str::<Value>(&output.stdout)
                .unwrap_or_else(|error| panic!("{file:?}: {error}: {output}"));
        }
    }
    assert_eq!(failed > 0, event == "session-start");
}
