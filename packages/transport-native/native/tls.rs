//! Whom a client trusts, and a server's identity.

use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use ring::digest::{digest, SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_name, WebPkiServerVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// HTTP/3, which WebTransport runs over.
const ALPN: &str = "h3";

/// Whom a client trusts: a certificate must meet every rule that is there.
pub struct Trust {
    /// SHA-256 of the certificates to accept, lower-case hex.
    pub fingerprints: Option<Vec<String>>,
    pub chain: Chain,
}

/// Which chains of certificates are accepted; all but `Any` check the name, too.
pub enum Chain {
    Any,
    SystemRoots,
    /// PEM of certificate authorities, or of the server's own certificate.
    Authorities(String),
}

pub fn client_config(trust: Trust) -> Result<QuicClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Verifier::new(trust, provider.clone())?);
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.into()];
    QuicClientConfig::try_from(config).map_err(|e| e.to_string())
}

pub fn server_config(cert_pem: &str, key_pem: &str) -> Result<QuicServerConfig, String> {
    let chain = certificates(cert_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|e| format!("unusable private key: {e}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| e.to_string())?;
    config.alpn_protocols = vec![ALPN.into()];
    QuicServerConfig::try_from(config).map_err(|e| e.to_string())
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("unusable certificate: {e}"))?;
    if found.is_empty() {
        return Err("the PEM holds no certificate".into());
    }
    Ok(found)
}

#[derive(Debug)]
struct Verifier {
    fingerprints: Option<Vec<String>>,
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates trusted as such, whether or not they are authorities.
    pinned: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let (trusted, pinned) = match trust.chain {
            Chain::Any => (None, Vec::new()),
            Chain::SystemRoots => {
                let found = rustls_native_certs::load_native_certs().certs;
                (Some(found), Vec::new())
            }
            Chain::Authorities(pem) => {
                let found = certificates(&pem)?;
                (Some(found.clone()), found)
            }
        };
        let chain = trusted.map(|certs| chain_verifier(certs, &provider));
        Ok(Self {
            fingerprints: trust.fingerprints,
            chain: chain.transpose()?,
            pinned,
            provider,
        })
    }
}

fn chain_verifier(
    trusted: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    if roots.is_empty() {
        return Err("no trusted certificate authorities found".into());
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| e.to_string())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(accepted) = &self.fingerprints {
            let hash = digest(&SHA256, end_entity);
            let hex: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            if !accepted.contains(&hex) {
                let message =
                    format!("its certificate has the fingerprint {hex}, not a trusted one");
                return Err(Error::General(message));
            }
        }
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        let verdict =
            chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // A certificate marked as an authority is refused as a server's own, after its
            // validity was checked. Self-signed ones often are, and listed as trusted it is meant.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if self.pinned.iter().any(|cert| cert == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
