//! Who may look: a session cookie, a token, or the user a trusted proxy names.
//!
//! Every way is checked again with every request. Nothing about a person is stored: a session is a signed cookie
//! that ends by itself, and it ends early when its key or its token leaves the file.

mod cookie;
mod pace;
mod page;
mod proxy;
mod sites;

pub use page::{form, leave, take};
pub use sites::Told;

use cookie::Keys;
use infralogs_core::{Error, Result, config::SignIn, dashboard::Dashboard, rotate};
use infralogs_http::{Tokens, answer};
use pace::Pace;
use proxy::Proxy;
use sites::Sites;
use std::{net::IpAddr, sync::Arc};
use tide::{Middleware, Next, Redirect, Request, Response, StatusCode, http::Method};

/// The name of who signed in by a token, which names nobody.
const BY_TOKEN: &str = "token";

/// Who may look at a dashboard service. Cheap to clone.
#[derive(Clone, Default)]
pub struct Access {
    /// `None`: everyone.
    ways: Option<Arc<Ways>>,
    sites: Arc<Sites>,
}

/// The ways in.
struct Ways {
    tokens: Option<Tokens>,
    proxy: Option<Proxy>,
    keys: Keys,
    pace: Pace,
}

impl Ways {
    /// What sessions may be bound to: the tokens that hold now.
    fn holding(&self) -> Vec<[u8; 32]> {
        self.tokens.as_ref().map(Tokens::digests).unwrap_or_default()
    }

    /// Who has this session.
    fn opens(&self, session: &str) -> Option<String> {
        self.keys.open(cookie::SESSION_OF, session, &self.holding())
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.ways.is_some() { "Access(by sign-in)" } else { "Access(open)" })
    }
}

impl Access {
    /// Everyone who reaches the address.
    pub fn open() -> Self {
        Self::default()
    }

    /// As the configuration says. `secret` follows the value of a secret by its path.
    ///
    /// # Errors
    /// `Invalid` if a file can't be read or says nothing, an address is none, or a secret can't be had.
    pub fn of(config: Option<&SignIn>, secret: &dyn Fn(&str) -> Result<rotate::Told>) -> Result<Self> {
        let Some(config) = config else { return Ok(Self::open()) };
        let tokens = match (&config.token_file, &config.token_secret) {
            (Some(file), _) => Some(Tokens::from_file(file)?),
            (None, Some(path)) => Some(Tokens::told(path, secret(path)?)?),
            (None, None) => None,
        };
        if tokens.is_none() && config.proxy.is_none() {
            return Err(Error::invalid("nobody could sign in").help("add `token_file`, `token_secret` or `proxy`"));
        }
        let ways = Ways {
            tokens,
            proxy: config.proxy.as_ref().map(Proxy::new).transpose()?,
            keys: match (&config.cookie_keys_file, &config.cookie_keys_secret) {
                (Some(file), _) => Keys::from_file(file)?,
                (None, Some(path)) => Keys::told(path, secret(path)?)?,
                (None, None) => Keys::random(),
            },
            pace: Pace::default(),
        };
        Ok(Self { ways: Some(Arc::new(ways)), ..Self::default() })
    }

    /// The same, and pages of these sites may show dashboards.
    ///
    /// # Errors
    /// `Invalid` if one is no origin.
    pub fn embedded_in(self, origins: &[String]) -> Result<Self> {
        Ok(Self { sites: Arc::new(Sites::new(origins)?), ..self })
    }

    /// The site whose page sent the request, if it may show dashboards.
    pub fn site<S>(&self, request: &Request<S>) -> Option<&str> {
        self.sites.of(request)
    }

    /// What a page that shows this view opens its conversation with.
    pub fn token<S>(&self, request: &Request<S>, dashboard: &str, view: &str) -> String {
        let user = request.ext::<User>().map_or("", |User(user)| user);
        sites::token(request, self.ways.as_deref(), dashboard, user, view)
    }

    /// Whether who began to listen by this request may go on: a token or a key may be gone by now.
    pub fn still<S>(&self, request: &Request<S>) -> bool {
        self.user(request).is_some()
    }

    /// Who asks; `None`: nobody we know.
    fn user<S>(&self, request: &Request<S>) -> Option<String> {
        let Some(ways) = &self.ways else { return Some(String::new()) };
        if let Some(user) = ways.proxy.as_ref().and_then(|proxy| proxy.user(peer(request), request)) {
            return Some(user);
        }
        if let Some(user) = cookie::presented(request).and_then(|value| ways.opens(&value)) {
            return Some(user);
        }
        if let Some(user) = sites::passed(request, ways) {
            return Some(user);
        }
        let authorization = request.header("authorization").filter(|values| values.iter().count() == 1)?;
        let tokens = ways.tokens.as_ref()?;
        let address = peer(request);
        if !ways.pace.may_try(address) {
            return None;
        }
        let right = tokens.allows(Some(authorization.last().as_str()));
        ways.pace.tried(address, right);
        right.then(|| BY_TOKEN.to_owned())
    }
}

/// Who asks, put with the request by [`Gate`]; empty where nobody is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User(pub String);

/// Whether who asks may see this dashboard. Where nobody is asked who they are, nobody is one of its readers.
pub fn may_see<S>(request: &Request<S>, dashboard: &Dashboard) -> bool {
    let readers = &dashboard.readers;
    readers.is_empty() || request.ext::<User>().is_some_and(|User(user)| readers.contains(user) && !user.is_empty())
}

/// Who is signed in, for the page; none where nobody is asked, or by a token, which names nobody.
pub fn name_of<S>(request: &Request<S>) -> Option<String> {
    request.ext::<User>().map(|User(user)| user.clone()).filter(|user| !user.is_empty())
}

/// The address at the other end of the connection.
fn peer<S>(request: &Request<S>) -> Option<IpAddr> {
    let http: &tide::http::Request = request.as_ref();
    let address = http.peer_addr()?;
    address.parse::<std::net::SocketAddr>().map(|address| address.ip().to_canonical()).ok()
}

/// Middleware that lets in who is known; a browser is sent to the sign-in page, everything else is told 401.
pub struct Gate(pub Access);

#[tide::utils::async_trait]
impl<S: Clone + Send + Sync + 'static> Middleware<S> for Gate {
    async fn handle(&self, mut request: Request<S>, next: Next<'_, S>) -> tide::Result {
        if let Some(may) = preflight(&self.0, &request) {
            return Ok(may);
        }
        let reads = matches!(request.method(), Method::Get | Method::Head);
        if !reads && !from_here(&request) {
            return Ok(answer::told(StatusCode::Forbidden, "another site sent this", Some("act on our own page")));
        }
        let path = request.url().path();
        if path == "/sign-in" || path.starts_with("/a/") {
            return Ok(next.run(request).await);
        }
        if let Some(user) = self.0.user(&request) {
            request.set_ext(User(user));
            return Ok(next.run(request).await);
        }
        let reading = reads && request.header("accept").is_some_and(|kinds| kinds.as_str().contains("text/html"));
        if reading {
            return Ok(Redirect::see_other(page::address(&asked_for(&request))).into());
        }
        let next = Some("sign in at /sign-in, or send `Authorization: Bearer <token>`");
        let mut told: Response = answer::told(StatusCode::Unauthorized, "nobody is signed in", next);
        told.insert_header("www-authenticate", "Bearer");
        Ok(told)
    }
}

/// The answer to a browser that asks whether a listed site's page may send its token.
fn preflight<S>(access: &Access, request: &Request<S>) -> Option<Response> {
    let asks = request.method() == Method::Options && request.url().path().ends_with("/autoload.js");
    let site = access.site(request).filter(|_| asks)?;
    let answer = Response::builder(StatusCode::NoContent)
        .header("access-control-allow-origin", site)
        .header("access-control-allow-methods", "GET")
        .header("access-control-allow-headers", "authorization")
        .header("access-control-max-age", "600")
        .header("vary", "origin");
    Some(answer.build())
}

/// Path and question of a request.
fn asked_for<S>(request: &Request<S>) -> String {
    let url = request.url();
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// Whether our own page sent it: browsers say so themselves; what is no browser has no cookies to abuse.
pub fn from_here<S>(request: &Request<S>) -> bool {
    let said = |name: &str| request.header(name).map(|values| values.last().as_str().to_owned());
    match (said("sec-fetch-site"), said("origin")) {
        (Some(site), _) => matches!(site.as_str(), "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = said("host").or_else(|| request.host().map(str::to_owned)).unwrap_or_default();
            origin.split_once("://").is_some_and(|(_, from)| from == host)
        }
        (None, None) => true,
    }
}
