//! What a page needs, embedded and compressed at build time, served for ever under names that carry the content's sum.

use flate2::read::GzDecoder;
use std::{io::Read, sync::LazyLock};
use tide::{Request, Response, StatusCode};

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its name without the sum.
    pub name: &'static str,
    /// Its SHA-256 in hexadecimal digits.
    pub sum: &'static str,
    /// Its length before compression, in bytes.
    pub len: usize,
    /// Compressed with Brotli.
    pub br: &'static [u8],
    /// Compressed with gzip.
    pub gz: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// How much of a sum stands in a URL, in hexadecimal digits.
const SUM_DIGITS: usize = 16;

/// One word for all our own files together: modules import each other by relative names.
static OWN_SUM: LazyLock<String> = LazyLock::new(|| {
    use sha2::{Digest, Sha256};
    let all: String = OWN.iter().map(|asset| asset.sum).collect();
    Sha256::digest(all).iter().take(SUM_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
});

impl Asset {
    /// Its content.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        let read = GzDecoder::new(self.gz).read_to_end(&mut bytes);
        debug_assert!(read.is_ok(), "the build compressed {} itself", self.name);
        bytes
    }
    fn kind(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

/// Our own file by name.
pub fn own(name: &str) -> Option<&'static Asset> {
    OWN.iter().find(|asset| asset.name == name)
}

/// Where one of our own files is served.
pub fn own_path(name: &str) -> String {
    format!("/a/{}/{name}", *OWN_SUM)
}

/// Where BokehJS's bundles are served, in loading order.
pub fn bokeh_paths() -> impl Iterator<Item = String> {
    BOKEH.iter().map(|asset| format!("/a/{}/{}", &asset.sum[..SUM_DIGITS], asset.name))
}

/// Serves `/a/:sum/:name`. A wrong sum is not found, so that nothing old is kept under a new name.
pub async fn serve(request: Request<crate::State>) -> tide::Result {
    let (sum, name) = (request.param("sum")?, request.param("name")?);
    let found = if sum == *OWN_SUM {
        own(name)
    } else {
        BOKEH.iter().find(|asset| asset.name == name && asset.sum.starts_with(sum) && sum.len() == SUM_DIGITS)
    };
    let Some(asset) = found else { return Ok(Response::new(StatusCode::NotFound)) };
    let accepts = |coding: &str| {
        let codings = request.header("accept-encoding").map(|values| values.as_str()).unwrap_or_default();
        codings.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == coding)
    };
    let mut response = Response::builder(StatusCode::Ok)
        .header("cache-control", "public, max-age=31536000, immutable")
        .header("cross-origin-resource-policy", "cross-origin") // embedded dashboards load them; they say nothing
        .header("vary", "accept-encoding");
    response = if accepts("br") {
        response.header("content-encoding", "br").body(asset.br)
    } else if accepts("gzip") {
        response.header("content-encoding", "gzip").body(asset.gz)
    } else {
        response.body(asset.bytes())
    };
    Ok(response.header("content-type", asset.kind()).build())
}
