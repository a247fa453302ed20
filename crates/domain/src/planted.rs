//! Bugs on purpose, for the tests of the tests: each place where a rule is kept can be told to break it, in builds with
//! the feature `planted` only. A simulator that does not notice is no proof.

/// What is right; in a build with the feature `planted`, and on a thread where `$name` is planted, what is wrong.
#[cfg(feature = "planted")]
#[macro_export]
macro_rules! planted {
    ($name:literal, $right:expr, $wrong:expr) => {
        if $crate::planted::is($name) { $wrong } else { $right }
    };
}

/// What is right.
#[cfg(not(feature = "planted"))]
#[macro_export]
macro_rules! planted {
    ($name:literal, $right:expr, $wrong:expr) => {
        $right
    };
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
    }

    /// Plants a bug on this thread, or takes it out.
    pub fn plant(name: Option<&'static str>) {
        PLANTED.set(name);
    }

    /// Whether this bug is planted on this thread.
    pub fn is(name: &str) -> bool {
        PLANTED.get() == Some(name)
    }
}

#[cfg(feature = "planted")]
pub use switch::{is, plant};
