//! TLS for servers: certificate and key from files that may be replaced at any time, and clients' certificates.

use crate::reread::Reread;
use infralogs_core::{Error, Result};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long an old certificate may still be shown after its file changed.
const CERTIFICATE_AGE_MAX: Duration = Duration::from_secs(1);

/// Makes ring the process's one cryptography. Every main calls it first; calling it again does nothing.
pub fn install_crypto() {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A server's certificates.
#[derive(Debug)]
pub struct Tls {
    files: Reread<ServerConfig>,
}

impl Tls {
    /// Reads PEM files: the certificate chain, its key and, to ask clients for certificates (mTLS), the authorities
    /// that sign theirs. New connections use what the files say now; if that is refused, the last good ones.
    ///
    /// # Errors
    /// `Invalid` if a file can't be read, holds no PEM of its kind, or the key does not fit the certificate.
    pub fn from_files(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self> {
        install_crypto();
        let mut paths = vec![certificate.to_owned(), key.to_owned()];
        paths.extend(client_ca.map(Path::to_owned));
        let places = paths.clone();
        Ok(Self { files: Reread::new(paths, move |contents| configure(contents, &places))? })
    }

    /// What the next connection uses.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.files.get(CERTIFICATE_AGE_MAX)
    }
}

/// The DNS names of the certificate that a client showed and that one of our authorities signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateNames(Arc<[String]>);

impl CertificateNames {
    pub(crate) fn of(connection: &ServerConnection) -> Option<Self> {
        let shown = connection.peer_certificates()?.first()?;
        let shown = webpki::EndEntityCert::try_from(shown).ok()?;
        // A name for many says nothing of one.
        let names = shown.valid_dns_names().filter(|name| !name.starts_with('*'));
        Some(Self(names.map(str::to_ascii_lowercase).collect()))
    }

    /// In lower case; none for many machines (`*.example.org`) is among them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The names of the certificate that this request's client showed; none without one.
pub fn names<S>(request: &tide::Request<S>) -> Option<CertificateNames> {
    request.ext::<CertificateNames>().cloned()
}

fn configure(contents: &[Vec<u8>], places: &[PathBuf]) -> Result<ServerConfig> {
    let place = |index: usize| places[index].display().to_string();
    let chain = certificates(&contents[0], &places[0])?;
    let key = PrivateKeyDer::from_pem_slice(&contents[1])
        .map_err(|error| Error::invalid("no private key in PEM form").at(place(1)).because(error.to_string()))?;
    let builder = ServerConfig::builder();
    let builder = match contents.get(2) {
        None => builder.with_no_client_auth(),
        Some(content) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(content, &places[2])? {
                roots.add(certificate).map_err(|error| refused(place(2), &error))?;
            }
            let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
                .build()
                .map_err(|error| Error::invalid("no usable authority for clients").at(place(2)).because(error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| refused(place(0), &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn refused(place: String, error: &rustls::Error) -> Error {
    Error::invalid("the certificate can't be used")
        .at(place)
        .help("give a PEM chain, leaf first, and the key that belongs to it")
        .because(error.to_string())
}

/// All certificates of a PEM file; at least one.
pub(crate) fn certificates(content: &[u8], place: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let wrong =
        |cause: String| Error::invalid("no certificates in PEM form").at(place.display().to_string()).because(cause);
    let found = CertificateDer::pem_slice_iter(content)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if found.is_empty() { Err(wrong("the file holds none".into())) } else { Ok(found) }
}
