//! Decisions as events, where people look for them: `kubectl describe scalingpolicy`.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

use crate::error::KubeError;

/// Kubernetes takes no longer note.
const NOTE_BYTES_MAX: usize = 1_000;

/// Writes events about one policy.
pub struct Events {
    recorder: Recorder,
    about: ObjectReference,
}

// === impl Events ===

impl Events {
    /// Events about the policy `about`, by the controller `identity`.
    #[must_use]
    pub fn new(client: &Client, identity: &str, about: ObjectReference) -> Self {
        let reporter = Reporter {
            controller: "spillway".to_owned(),
            instance: Some(identity.to_owned()),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            about,
        }
    }

    /// Tells of one decision: `reason` is its code, `action` the verb, `note` the sentence.
    ///
    /// # Errors
    /// When the API server does not take it; nothing depends on events.
    pub async fn tell(&self, reason: &str, action: &str, note: &str) -> Result<(), KubeError> {
        let mut end = note.len().min(NOTE_BYTES_MAX);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        let event = Event {
            type_: EventType::Normal,
            reason: reason.to_owned(),
            note: Some(note[..end].to_owned()),
            action: action.to_owned(),
            secondary: None,
        };
        self.recorder
            .publish(&event, &self.about)
            .await
            .map_err(KubeError::of)
    }
}
