//! What is shown on a terminal that is narrower than the text.

use rstest::rstest;

use crate::common::TestEnvironment;
use crate::common::terminal::Terminal;

#[rstest]
#[case("list", 60, "FLOW                                       STATUS       AGE\r\n")]
#[case("list", 200, "STATUS       COMPONENT  PARENT  CHANGE    AGE\r\n")]
#[case("list", 56, "FLOW                                       STATUS\r\n")]
#[case("", 60, "main\r\n└─ @ a8f2--researchWhatGrowsWithWhatAndHowFast  in-progress\r\n")]
#[case("", 50, "main\r\n└─ @ a8f2--researchWhatGrowsWithWhatAndHowFast\r\n")]
#[case("config", 50, "SETTING                   VALUE           FROM\r\n")]
#[case("config", 90, "MEANING\r\n")]
#[case("help split", 80, "as in\r\n                               git@host:me/{component}.git")]
fn rows_and_words_stay_whole(#[case] command: &str, #[case] columns: usize, #[case] shown: &str) {
    let env = TestEnvironment::new();
    let repo = crate::shapes::repo(&env).with("JJ_FLOW_UID", "a8f2");
    repo.flow(&["new", "research", "what", "grows", "with", "what", "and", "how", "fast"]).ok();
    let line = format!("stty cols {columns} rows 24; jj-flow {command}");
    let (mut terminal, mut shell) = Terminal::start(&repo, &["sh", "-c", &line], |command| command);
    terminal.expect(shown);
    assert!(shell.wait().unwrap().success());
}
