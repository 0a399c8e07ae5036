//! Who asks, and what they may do (docs/decisions/0011-operators-api.md).

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context as _;
use axum::http::{HeaderMap, header};
use clap::ValueEnum;
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::problem::{Code, Problem};
use super::reviews::Reviews;
use super::sessions::{Sessions, cookie};

/// Of a token more is not looked at.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// A user's name beyond this is no name.
const NAME_CHARS_MAX: usize = 256;
/// A file of tokens of more bytes than this is none.
const TOKENS_BYTES_MAX: u64 = 1 << 20;

/// How callers are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthKind {
    #[default]
    Open,
    Token,
    Proxy,
    Kubernetes,
}

/// How callers are known, and by what.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthConfig {
    pub(crate) kind: AuthKind,
    pub(crate) tokens: Option<PathBuf>,
    pub(crate) proxies: Vec<IpNet>,
    pub(crate) operators: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// None while they are nobody in particular.
    pub(crate) user: Option<String>,
    pub(crate) known_by: &'static str,
    pub(crate) may_read: bool,
    pub(crate) may_operate: bool,
    pub(crate) from: IpAddr,
}

/// A token's holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) may_operate: bool,
}

/// Decides who asks.
pub(super) struct Auth {
    kind: AuthKind,
    /// By hash.
    tokens: Vec<(String, Holder)>,
    proxies: Vec<IpNet>,
    operators: BTreeSet<String>,
    reviews: Option<Reviews>,
    pub(super) sessions: Sessions,
}

// === impl AuthKind ===

impl AuthKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Token => "token",
            Self::Proxy => "proxy",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// SHA-256 of a token, in hex.
pub(crate) fn hash_of(token: &str) -> String {
    let hash = Sha256::digest(token.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl Caller ===

impl Caller {
    fn nobody(known_by: &'static str, from: IpAddr) -> Self {
        Self {
            user: None,
            known_by,
            may_read: false,
            may_operate: false,
            from,
        }
    }

    /// As they stand in the audit.
    pub(crate) fn name(&self) -> String {
        match &self.user {
            Some(user) => user.clone(),
            None => format!("somebody at {}", self.from),
        }
    }
}

// === impl Auth ===

impl Auth {
    /// # Errors
    /// When what its kind needs is missing or cannot be read.
    pub(super) fn new(config: &AuthConfig, reviews: Option<Reviews>) -> anyhow::Result<Self> {
        let tokens = match (config.kind, &config.tokens) {
            (AuthKind::Token, Some(path)) => {
                let size = std::fs::metadata(path)
                    .with_context(|| format!("cannot read {}", path.display()))?
                    .len();
                anyhow::ensure!(
                    size <= TOKENS_BYTES_MAX,
                    "{} is larger than 1 MiB",
                    path.display()
                );
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                parse_tokens(&text).with_context(|| path.display().to_string())?
            }
            (AuthKind::Token, None) => {
                anyhow::bail!("--api-auth token needs --api-tokens FILE")
            }
            _ => Vec::new(),
        };
        anyhow::ensure!(
            config.kind != AuthKind::Proxy || !config.proxies.is_empty(),
            "--api-auth proxy needs --api-proxies: whose word is to be taken"
        );
        anyhow::ensure!(
            config.kind != AuthKind::Kubernetes || reviews.is_some(),
            "--api-auth kubernetes needs a controller in a cluster (--kubernetes)"
        );
        Ok(Self {
            kind: config.kind,
            tokens,
            proxies: config.proxies.clone(),
            operators: config.operators.iter().cloned().collect(),
            reviews,
            sessions: Sessions::default(),
        })
    }

    pub(super) fn kind(&self) -> AuthKind {
        self.kind
    }

    /// Whether a field for a token makes sense.
    pub(super) fn takes_tokens(&self) -> bool {
        matches!(self.kind, AuthKind::Token | AuthKind::Kubernetes)
    }

    /// Who asks, by connection and headers.
    ///
    /// # Errors
    /// When a cluster does not say who they are.
    pub(super) async fn caller(
        &self,
        headers: &HeaderMap,
        peer: SocketAddr,
    ) -> Result<Caller, Problem> {
        let from = peer.ip().to_canonical();
        match self.kind {
            AuthKind::Open => Ok(open(headers, from)),
            AuthKind::Proxy => Ok(self.behind_proxy(headers, from)),
            AuthKind::Token | AuthKind::Kubernetes => match presented(headers) {
                Some(token) => self.of_token(&token, from).await,
                None => match self
                    .sessions
                    .token(cookie(headers), std::time::Instant::now())
                {
                    Some(token) => self.of_token(&token, from).await,
                    None => Ok(Caller::nobody(self.kind.as_str(), from)),
                },
            },
        }
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When a cluster does not say.
    pub(super) async fn of_token(&self, token: &str, from: IpAddr) -> Result<Caller, Problem> {
        let nobody = Caller::nobody(self.kind.as_str(), from);
        if token.len() > TOKEN_BYTES_MAX {
            return Ok(nobody);
        }
        if let (AuthKind::Kubernetes, Some(reviews)) = (self.kind, &self.reviews) {
            let Some(rights) = reviews.rights(token).await? else {
                return Ok(nobody);
            };
            return Ok(Caller {
                user: Some(rights.user),
                may_read: rights.may_read,
                may_operate: rights.may_operate,
                ..nobody
            });
        }
        // What is compared is a hash of what was sent: how long it takes tells nothing of a token.
        let hash = hash_of(token);
        let holder = self.tokens.iter().find(|(known, _)| *known == hash);
        Ok(match holder {
            Some((_, holder)) => Caller {
                user: Some(holder.name.clone()),
                may_read: true,
                may_operate: holder.may_operate,
                ..nobody
            },
            None => nobody,
        })
    }

    fn behind_proxy(&self, headers: &HeaderMap, from: IpAddr) -> Caller {
        let nobody = Caller::nobody("proxy", from);
        if !self.proxies.iter().any(|network| network.contains(&from)) {
            return nobody;
        }
        // Two of them are one too many: a client's own, which its proxy left in.
        let mut users = headers.get_all("x-forwarded-user").iter();
        let (Some(user), None) = (users.next(), users.next()) else {
            return nobody;
        };
        let Some(user) = user.to_str().ok().map(str::trim).filter(|it| is_name(it)) else {
            return nobody;
        };
        let groups = headers.get_all("x-forwarded-groups").iter();
        let groups = groups.filter_map(|groups| groups.to_str().ok());
        let mut groups = groups.flat_map(|groups| groups.split(','));
        let is_operator = self.operators.contains(user)
            || groups.any(|group| self.operators.contains(&format!("group:{}", group.trim())));
        Caller {
            user: Some(user.to_owned()),
            may_read: true,
            may_operate: is_operator,
            ..nobody
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.chars().all(|it| !it.is_control())
}

/// All may look; who sits at this machine may order.
fn open(headers: &HeaderMap, from: IpAddr) -> Caller {
    // The host too: a page from elsewhere whose name points here asks for that name.
    let is_here = from.is_loopback() && is_loopback_host(headers) && !is_forwarded(headers);
    Caller {
        user: is_here.then(|| "local".to_owned()),
        known_by: if is_here { "loopback" } else { "open" },
        may_read: true,
        may_operate: is_here,
        from,
    }
}

/// Whether a proxy or another replica on this machine passed it on for somebody else.
fn is_forwarded(headers: &HeaderMap) -> bool {
    [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "via",
        "x-spillway-forwarded",
    ]
    .iter()
    .any(|name| headers.contains_key(*name))
}

fn is_loopback_host(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let address: Option<IpAddr> = name.parse().ok();
    name == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// The bearer token that was sent.
fn presented(headers: &HeaderMap) -> Option<String> {
    let sent = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = sent.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

fn parse_tokens(text: &str) -> anyhow::Result<Vec<(String, Holder)>> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[name, right, hash] = words.as_slice() else {
            anyhow::bail!("line {}: is not `NAME read|operate SHA256`", number + 1);
        };
        anyhow::ensure!(
            right == "read" || right == "operate",
            "line {}: the right is `read` or `operate`, not `{}`",
            number + 1,
            right.escape_debug()
        );
        anyhow::ensure!(
            hash.len() == 64 && hash.chars().all(|it| it.is_ascii_hexdigit()),
            "line {}: the third word is the token's SHA-256, 64 hex digits (never the token itself)",
            number + 1
        );
        let holder = Holder {
            name: name.to_owned(),
            may_operate: right == "operate",
        };
        tokens.push((hash.to_ascii_lowercase(), holder));
    }
    anyhow::ensure!(!tokens.is_empty(), "holds no token");
    Ok(tokens)
}

/// Refuses who may not look.
///
/// # Errors
/// 401 if it is not known who asks, else 403.
pub(super) fn must_read(auth: &Auth, caller: &Caller) -> Result<(), Problem> {
    must(auth, caller, caller.may_read, "look")
}

/// Refuses who may not order.
///
/// # Errors
/// As [`must_read`].
pub(super) fn must_operate(auth: &Auth, caller: &Caller) -> Result<(), Problem> {
    must(auth, caller, caller.may_operate, "order")
}

fn must(auth: &Auth, caller: &Caller, may: bool, what: &str) -> Result<(), Problem> {
    if may {
        return Ok(());
    }
    if caller.user.is_none() && auth.kind() != AuthKind::Open {
        return Err(Problem {
            wants_token: auth.takes_tokens(),
            ..Problem::new(Code::Unauthenticated, "it is not known who asks")
        });
    }
    Err(Problem::new(
        Code::Forbidden,
        format!("{} may not {what} here", caller.name()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    const HERE: &str = "127.0.0.1:4711";
    const THERE: &str = "10.0.0.9:4711";

    #[tokio::test]
    async fn open_takes_orders_from_this_machine_alone() {
        let auth = Auth::new(&AuthConfig::default(), None).unwrap();
        for (name, peer, host, more, may_operate) in [
            ("a laptop", HERE, "localhost:8080", None, true),
            ("its address", HERE, "127.0.0.1:8080", None, true),
            ("IPv6", "[::1]:9", "[::1]:8080", None, true),
            ("mapped", "[::ffff:127.0.0.1]:9", "127.0.0.1", None, true),
            (
                "a name that points here",
                HERE,
                "evil.example:8080",
                None,
                false,
            ),
            ("another machine", THERE, "localhost:8080", None, false),
            (
                "a proxy here",
                HERE,
                "localhost",
                Some("x-forwarded-for"),
                false,
            ),
        ] {
            let mut sent = headers(&[("host", host)]);
            if let Some(more) = more {
                sent.insert(more, "10.1.2.3".parse().unwrap());
            }
            let caller = auth.caller(&sent, peer.parse().unwrap()).await.unwrap();
            assert!(caller.may_read, "{name}");
            assert_eq!(caller.may_operate, may_operate, "{name}");
        }
    }

    #[tokio::test]
    async fn a_token_is_known_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let text = format!(
            "# who may\nada operate {}\nbob read {}\n",
            hash_of("one"),
            hash_of("two").to_uppercase()
        );
        std::fs::write(&path, text).unwrap();
        let config = AuthConfig {
            kind: AuthKind::Token,
            tokens: Some(path),
            ..AuthConfig::default()
        };
        let auth = Auth::new(&config, None).unwrap();
        let rights = async |value: &str| {
            let sent = headers(&[("authorization", value), ("host", "localhost")]);
            let caller = auth.caller(&sent, HERE.parse().unwrap()).await.unwrap();
            (caller.user, caller.may_read, caller.may_operate)
        };
        assert_eq!(rights("Bearer one").await, (Some("ada".into()), true, true));
        assert_eq!(
            rights("bearer two").await,
            (Some("bob".into()), true, false)
        );
        for wrong in ["Bearer three", "Bearer", "Basic one", "one", "Bearer "] {
            assert_eq!(rights(wrong).await, (None, false, false), "{wrong}");
        }
        assert_eq!(
            rights(&format!("Bearer {}", "x".repeat(60_000))).await.0,
            None
        );
    }

    #[tokio::test]
    async fn a_user_is_believed_from_a_proxy_alone() {
        let config = AuthConfig {
            kind: AuthKind::Proxy,
            proxies: vec!["10.0.0.0/24".parse().unwrap()],
            operators: vec!["ada".into(), "group:ops".into()],
            ..AuthConfig::default()
        };
        let auth = Auth::new(&config, None).unwrap();
        let cases: [(&str, &str, &[(&'static str, &str)], bool, bool); 6] = [
            (
                "an operator",
                THERE,
                &[("x-forwarded-user", "ada")],
                true,
                true,
            ),
            (
                "a reader",
                THERE,
                &[("x-forwarded-user", "bob")],
                true,
                false,
            ),
            (
                "a member",
                THERE,
                &[
                    ("x-forwarded-user", "bob"),
                    ("x-forwarded-groups", "dev, ops"),
                ],
                true,
                true,
            ),
            (
                "not through it",
                HERE,
                &[("x-forwarded-user", "ada")],
                false,
                false,
            ),
            ("nobody", THERE, &[("x-forwarded-user", "")], false, false),
            (
                "two",
                THERE,
                &[("x-forwarded-user", "bob"), ("x-forwarded-user", "ada")],
                false,
                false,
            ),
        ];
        for (name, peer, sent, may_read, may_operate) in cases {
            let caller = auth
                .caller(&headers(sent), peer.parse().unwrap())
                .await
                .unwrap();
            assert_eq!(
                (caller.may_read, caller.may_operate),
                (may_read, may_operate),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_at_start() {
        let with = |kind| AuthConfig {
            kind,
            ..AuthConfig::default()
        };
        for kind in [AuthKind::Token, AuthKind::Proxy, AuthKind::Kubernetes] {
            assert!(Auth::new(&with(kind), None).is_err(), "{kind:?}");
        }
        for (text, told) in [
            ("", "no token"),
            ("ada operate", "line 1"),
            ("\nada rule aa", "line 2"),
            ("ada read secret", "never the token itself"),
        ] {
            let error = parse_tokens(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
