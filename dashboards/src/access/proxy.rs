//! A proxy in front that has asked who it is: its header counts only when it comes from the listed addresses.

use infralogs_core::{Error, Result, config::SignInProxy};
use ipnet::IpNet;
use std::net::IpAddr;
use tide::{Request, http::headers::HeaderName};

/// The longest user name, in bytes.
const USER_BYTES_MAX: usize = 256;

/// Whom we believe, and which header.
pub struct Proxy {
    header: HeaderName,
    from: Vec<IpNet>,
}

impl Proxy {
    /// Checks header and addresses.
    pub fn new(config: &SignInProxy) -> Result<Self> {
        let wrong = |what: String| Error::invalid(what).at("sign_in.proxy");
        let name = config.header.as_str();
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let header: HeaderName = name
            .parse()
            .ok()
            .filter(|_| fits)
            .ok_or_else(|| wrong(format!("`{}` is no header", name.escape_debug())))?;
        let network = |text: &String| {
            let one = || text.parse::<IpAddr>().map(IpNet::from).ok();
            text.parse::<IpNet>().ok().or_else(one).ok_or_else(|| {
                wrong(format!("`{}` is no address", text.escape_debug())).help("write 10.0.0.7 or 10.0.0.0/8")
            })
        };
        let from: Vec<IpNet> = config.from.iter().map(network).collect::<Result<_>>()?;
        if from.is_empty() {
            return Err(wrong("no address is trusted".into()).help("list in `from` where the proxy asks from"));
        }
        Ok(Self { header, from })
    }

    /// The user it names, if it is the proxy that asks and names exactly one.
    pub fn user<S>(&self, peer: Option<IpAddr>, request: &Request<S>) -> Option<String> {
        let peer = peer?;
        if !self.from.iter().any(|network| network.contains(&peer)) {
            return None;
        }
        let values = request.header(&self.header)?;
        let user = values.last().as_str().trim();
        let fits = values.iter().count() == 1 && !user.is_empty() && user.len() <= USER_BYTES_MAX;
        fits.then(|| user.to_owned())
    }
}
