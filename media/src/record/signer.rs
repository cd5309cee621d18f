//! The hub's key over its recordings (Ed25519, RFC 8032): made once, kept beside them, readable by its owner only.

use super::index::hex;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Signs what is recorded.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    /// The key in `file`; made where there is none. Errors: of the disk, or a file that holds no key.
    pub fn open(file: &Path) -> io::Result<Self> {
        match std::fs::read(file) {
            Ok(bytes) => Self::of(&bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|_| io::Error::other("no random numbers for a signing key"))?;
                let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
                new.write_all(made.as_ref())?;
                new.sync_all()?;
                if let Some(directory) = file.parent() {
                    File::open(directory)?.sync_all()?;
                }
                Self::of(made.as_ref())
            }
            Err(error) => Err(error),
        }
    }

    fn of(pkcs8: &[u8]) -> io::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "the signing key of the recordings cannot be read"))?;
        Ok(Self { pair })
    }

    /// The public key, hexadecimal.
    pub fn public(&self) -> String {
        hex(self.pair.public_key().as_ref())
    }

    /// A signature, hexadecimal.
    pub fn sign(&self, words: &[u8]) -> String {
        hex(self.pair.sign(words).as_ref())
    }
}

/// Whether a signature is that of a public key.
pub(super) fn signed(public: &[u8], words: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(words, signature).is_ok()
}
