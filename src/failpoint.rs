//! Named steps at which a test ends this process, or lets something else happen. Builds without debug assertions,
//! and so every release, have none.
//!
//! `JJ_FLOW_FAILPOINT=published` kills the process there, as `kill -9` would; `published=PROGRAM` runs a program
//! there once and goes on.

/// Marks a step: `published`, say.
#[cfg(not(debug_assertions))]
pub(crate) fn reach(_: &str) {}

/// Marks a step: `published`, say.
#[cfg(debug_assertions)]
pub(crate) fn reach(step: &str) {
    let Some(wanted) = crate::env::var("JJ_FLOW_FAILPOINT") else { return };
    match wanted.split_once('=') {
        None if wanted == step => {
            // It is not caught and nothing is tidied up: what follows is what a crash leaves.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        Some((at, program)) if at == step => {
            static ONCE: std::sync::Once = std::sync::Once::new();
            ONCE.call_once(|| {
                let ran = crate::process::run_captured(program.as_ref(), &[], None, &[]);
                assert!(ran.is_ok_and(|ran| ran.status.success()), "{program} failed at {step}");
            });
        }
        _ => {}
    }
}
