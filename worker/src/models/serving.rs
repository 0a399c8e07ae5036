//! The model set that answers now, as all stages see it.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Costs, Recognizer};

/// Changes when another set takes over; what it is at one moment is one set as a whole.
pub(crate) struct Serving(RwLock<(Arc<Recognizer>, Costs)>);

// === impl Serving ===

impl Serving {
    pub(crate) fn new(recognizer: Arc<Recognizer>) -> Self {
        Self(RwLock::new((recognizer, Costs::default())))
    }

    pub(crate) fn recognizer(&self) -> Arc<Recognizer> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone()
    }

    /// Digest of the set.
    pub(crate) fn digest(&self) -> String {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.0.subset.digest.clone()
    }

    pub(crate) fn costs(&self) -> Costs {
        self.0.read().unwrap_or_else(PoisonError::into_inner).1
    }

    pub(crate) fn replace(&self, recognizer: Arc<Recognizer>, costs: Costs) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (recognizer, costs);
    }
}
