//! TLS by rustls with ring: the server's certificate, and client certificates when asked for.

use super::broker::BrokerError;
use super::config::TlsConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

/// Reads the files and builds the acceptor.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, BrokerError> {
    let bad = |path: &Path, what: String| BrokerError::Tls { path: path.to_owned(), what };
    let chain = certificates(&config.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file).map_err(|e| bad(&config.key_file, e.to_string()))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(&config.certificate_file, e.to_string()))?;
    let builder = match &config.client_ca_file {
        None if config.client_certificate_required => {
            return Err(bad(&config.certificate_file, "client certificates required without client_ca_file".into()));
        }
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| bad(path, e.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if config.client_certificate_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| bad(path, e.to_string()))?)
        }
    };
    let server = builder.with_single_cert(chain, key).map_err(|e| bad(&config.certificate_file, e.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let bad = |what: String| BrokerError::Tls { path: path.to_owned(), what };
    let read = CertificateDer::pem_file_iter(path).map_err(|e| bad(e.to_string()))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|e| bad(e.to_string()))?;
    if chain.is_empty() {
        return Err(bad("no certificate in it".into()));
    }
    Ok(chain)
}
