//! What time it is: the system's time, or that of a made world.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

/// Tells the time. Clones tell the same.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Timestamp + Send + Sync>>);

// === impl Clock ===

impl Clock {
    /// One that asks `tell`.
    #[must_use]
    pub fn told_by(tell: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self(Some(tell))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(Timestamp::now, |tell| tell())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "system" })
    }
}
