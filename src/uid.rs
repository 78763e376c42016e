//! From the context that somebody works in to the uid that their flows begin with.
//!
//! Which uid a context has is the registry's to say: it tries these candidates until one is free.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::name::Uid;

/// Who works: an agent's session, or a person in a workspace. Shown as the one line that is hashed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    source: String,
    value: String,
}

impl Context {
    /// The session that an environment variable names.
    pub(crate) fn session(variable: &str, value: &str) -> Self {
        Self { source: variable.to_owned(), value: value.to_owned() }
    }

    /// The jj user with this email in the workspace with this root.
    pub(crate) fn person(email: &str, workspace_root: &str) -> Self {
        Self { source: "user".to_owned(), value: format!("{email} {workspace_root}") }
    }

    /// Whether it is an agent's session, rather than a person.
    pub(crate) fn is_session(&self) -> bool {
        self.source != "user"
    }

    /// The variable's name, or `user`.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.source, self.value)
    }
}

/// The uids that a context may have, shortest first: the first 4 to 8 hex digits of its SHA-256.
pub(crate) fn candidates(context: &Context) -> impl Iterator<Item = Uid> {
    let hash = Sha256::digest(context.to_string());
    let hex: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    (4..=8).filter_map(move |length| Uid::parse(&hex[..length]).ok())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn uids(context: &Context) -> Vec<String> {
        candidates(context).map(|uid| uid.to_string()).collect()
    }

    #[rstest]
    #[case(Context::session("JJ_FLOW_SESSION", "1"), "JJ_FLOW_SESSION=1", "6d37d701")]
    #[case(
        Context::person("ada@example.org", "/home/ada/repo"),
        "user=ada@example.org /home/ada/repo",
        "2e905c27"
    )]
    fn the_uid_is_the_hash_of_the_shown_line(
        #[case] context: Context,
        #[case] shown: &str,
        #[case] eight: &str,
    ) {
        assert_eq!(context.to_string(), shown);
        let prefixes: Vec<_> = (4..=8).map(|length| eight[..length].to_owned()).collect();
        assert_eq!(uids(&context), prefixes);
    }

    #[test]
    fn contexts_differ_in_variable_value_email_and_root() {
        let firsts: std::collections::BTreeSet<_> = [
            Context::session("JJ_FLOW_SESSION", "1"),
            Context::session("JJ_FLOW_SESSION", "2"),
            Context::session("CODEX_THREAD_ID", "1"),
            Context::person("ada@example.org", "/home/ada/repo"),
            Context::person("bob@example.org", "/home/ada/repo"),
            Context::person("ada@example.org", "/home/ada/other"),
        ]
        .iter()
        .map(|context| uids(context)[4].clone())
        .collect();
        assert_eq!(firsts.len(), 6);
    }
}
