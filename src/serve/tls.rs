//! TLS: the certificate of the server, which can be replaced while connections are open, and what is spoken inside.

use std::io;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config;

/// The name of HTTP/2 in ALPN (RFC 9113, section 3.1).
pub(super) const H2: &[u8] = b"h2";

/// Who we are to clients of TLS.
#[derive(Debug)]
pub struct Tls {
    options: config::Tls,
    certificate: Arc<Certificate>,
    config: Arc<rustls::ServerConfig>,
}

#[derive(Debug)]
struct Certificate(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// What is wrong with them, for the operator.
    pub fn load(options: &config::Tls) -> Result<Tls, String> {
        let certificate = Arc::new(Certificate(ArcSwap::new(read(options)?)));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("cannot speak TLS: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Certificate>::clone(&certificate));
        config.alpn_protocols = vec![H2.to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { options: options.clone(), certificate, config: Arc::new(config) })
    }

    /// Reads them again: connections from now on get the new certificate, and open ones go on as they are. Says whether it is
    /// another one.
    ///
    /// # Errors
    /// What is wrong with them; the old ones stay.
    pub fn reload(&self) -> Result<bool, String> {
        let new = read(&self.options)?;
        let is_new = self.certificate.0.load().cert != new.cert;
        self.certificate.0.store(new);
        Ok(is_new)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn read(options: &config::Tls) -> Result<Arc<CertifiedKey>, String> {
    let (certificate, key) = (options.certificate.display(), options.key.display());
    let chain = file(&options.certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.map_err(|error| format!("{certificate} is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err(format!(
            "{certificate} has no certificate in it; it must be PEM, the server's own certificate first"
        ));
    }
    let secret = PrivateKeyDer::from_pem_slice(&file(&options.key)?);
    let secret = secret.map_err(|error| format!("{key} has no private key in PEM: {error}"))?;
    let made = CertifiedKey::from_der(chain, secret, &rustls::crypto::ring::default_provider());
    match made {
        Ok(made) => Ok(Arc::new(made)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(format!("{key} is not the key of the first certificate in {certificate}"))
        }
        Err(error) => Err(format!("{certificate} and {key} cannot be used: {error}")),
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error: io::Error| format!("cannot read {}: {error}", path.display()))
}
