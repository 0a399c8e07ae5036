//! An HTTP server on loopback: where a test's images come from.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::Context;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, sync::oneshot};

/// What a path answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: String,
    /// Where it leads, on a redirect.
    pub location: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
}

/// A server that ends when it is dropped. Any other path answers 404.
pub struct Origin {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Shelf {
    pages: HashMap<String, Page>,
    asked: BTreeMap<String, u64>,
}

// === impl Page ===

impl Page {
    /// A good image, or whatever the bytes are, as `content_type`.
    #[must_use]
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            content_type: content_type.to_owned(),
            location: None,
            body: body.into(),
        }
    }

    /// A redirect to `location`.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self {
            status: 302,
            location: Some(location.into()),
            ..Self::new("text/plain", "")
        }
    }

    /// An error without more.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::new("text/plain", "")
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = vec![(header::CONTENT_TYPE, self.content_type)];
        headers.extend(self.location.map(|location| (header::LOCATION, location)));
        let mut response = (status, self.body).into_response();
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

// === impl Origin ===

impl Origin {
    /// Starts a server on a free port, on a thread of its own: it answers while a test blocks.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> anyhow::Result<Self> {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").context("no port for the origin")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shelf));
        // The runtime is entered on that thread only: the test may have one of its own.
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listening socket");
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            shelf,
            _stop: stop,
        })
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a page at `path`, which begins with `/`, and returns its address.
    pub fn put(&self, path: &str, page: Page) -> String {
        self.shelf().pages.insert(path.to_owned(), page);
        format!("http://{}{path}", self.address)
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> u64 {
        self.shelf().asked.get(path).copied().unwrap_or(0)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(shelf): State<Arc<Mutex<Shelf>>>, uri: Uri) -> Page {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    *shelf.asked.entry(uri.path().to_owned()).or_default() += 1;
    shelf
        .pages
        .get(uri.path())
        .cloned()
        .unwrap_or_else(|| Page::status(404))
}
