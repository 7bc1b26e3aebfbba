//! TLS: ALPN, and the server's certificate, which can be replaced while connections are open.

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

/// The ALPN identifier of HTTP/2 (RFC 9113, section 3.1).
pub(super) const H2: &[u8] = b"h2";

/// The TLS configuration of a listener.
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
    /// A description of the fault for operators.
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

    /// Reads the files again. New connections get the new certificate; open ones continue. Returns whether the certificate changed.
    ///
    /// # Errors
    /// A description of the fault for operators. The previous certificate stays in use.
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
    let certified = CertifiedKey::from_der(chain, secret, &rustls::crypto::ring::default_provider());
    match certified {
        Ok(certified) => Ok(Arc::new(certified)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(format!("{key} is not the key of the first certificate in {certificate}"))
        }
        Err(error) => Err(format!("{certificate} and {key} cannot be used: {error}")),
    }
}

fn file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error: io::Error| format!("cannot read {}: {error}", path.display()))
}
