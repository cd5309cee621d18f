//! Who we are to a push service (RFC 8292): a key pair of P-256, and a token signed with it for each call.
//!
//! The pair is made at the first start and kept in the data directory as `vapid.pk8`, readable by the hub's user only.
//! Browsers are subscribed with its public half; with another pair no push service would take our word for them, so
//! whoever moves a hub takes the file along.

use anyhow::{Context, Result, anyhow};
use greenhub_model::push::base64url;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A token holds this long; the standard allows a day.
const HOLDS_S: i64 = 12 * 3600;

/// The hub's key pair, and whom a push service may ask.
pub struct Vapid {
    pair: EcdsaKeyPair,
    public: String,
    contact: String,
    random: SystemRandom,
}

impl Vapid {
    /// The pair of this file; made where there is none. `contact` is a `mailto:` or `https:` address, or empty.
    pub fn open(file: &Path, contact: &str) -> Result<Self> {
        let random = SystemRandom::new();
        let document = match std::fs::read(file) {
            Ok(document) => document,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(file, &random)?,
            Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &document, &random);
        let pair = pair.map_err(|why| {
            anyhow!("{} holds no key pair of P-256 ({why}); remove it to make another one", file.display())
        })?;
        let public = base64url(pair.public_key().as_ref());
        Ok(Self { pair, public, contact: contact.to_owned(), random })
    }

    /// The public half, uncompressed, base64url: a browser subscribes with it.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The value of the Authorization header for this origin at this time, Unix ms.
    pub fn authorization(&self, origin: &str, now: i64) -> String {
        let mut claims = serde_json::json!({"aud": origin, "exp": now.div_euclid(1000) + HOLDS_S});
        if !self.contact.is_empty() {
            claims["sub"] = self.contact.as_str().into();
        }
        let header = base64url(br#"{"typ":"JWT","alg":"ES256"}"#);
        let text = format!("{header}.{}", base64url(claims.to_string().as_bytes()));
        let signature = self.pair.sign(&self.random, text.as_bytes()).expect("the system has randomness once it runs");
        format!("vapid t={text}.{}, k={}", base64url(signature.as_ref()), self.public)
    }
}

/// Makes a pair: whole in its file before it has its name, so that a cut leaves none or one.
fn make(file: &Path, random: &SystemRandom) -> Result<Vec<u8>> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random);
    let document = document.map_err(|_| anyhow!("the system gives no randomness for a key pair"))?;
    let draft = file.with_extension("draft");
    if let Err(error) = std::fs::remove_file(&draft)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("remove {}", draft.display()));
    }
    let options = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let mut out = options.with_context(|| format!("make {}", draft.display()))?;
    out.write_all(document.as_ref())
        .and_then(|()| out.sync_all())
        .with_context(|| format!("write {}", draft.display()))?;
    std::fs::rename(&draft, file).with_context(|| format!("rename {}", draft.display()))?;
    Ok(document.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_model::push::from_base64url;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use std::os::unix::fs::PermissionsExt;

    fn directory(name: &str) -> std::path::PathBuf {
        let directory = std::env::temp_dir().join(format!("greenhub-vapid-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        directory
    }

    #[test]
    fn the_pair_is_made_once_and_is_nobody_elses() {
        let directory = directory("once");
        let file = directory.join("vapid.pk8");
        let first = Vapid::open(&file, "").expect("made");
        let mode = std::fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Vapid::open(&file, "").expect("read").public(), first.public());
        std::fs::write(&file, "nonsense").expect("written");
        let error = Vapid::open(&file, "").err().expect("refused").to_string();
        assert!(error.contains("remove it to make another one"), "{error}");
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn a_token_names_the_service_and_holds_half_a_day() {
        let directory = directory("token");
        let vapid = Vapid::open(&directory.join("vapid.pk8"), "mailto:duty@example.org").expect("made");
        let value = vapid.authorization("https://push.example", 1_700_000_000_999);
        let (token, key) = value.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("the form");
        let (text, signature) = token.rsplit_once('.').expect("three parts");
        let (header, claims) = text.split_once('.').expect("three parts");
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&from_base64url(part).expect("base64url")).expect("JSON")
        };
        assert_eq!(json(header), serde_json::json!({"typ": "JWT", "alg": "ES256"}));
        let want =
            serde_json::json!({"aud": "https://push.example", "exp": 1_700_043_200, "sub": "mailto:duty@example.org"});
        assert_eq!(json(claims), want);
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, from_base64url(key).expect("base64url"));
        let signature = from_base64url(signature).expect("base64url");
        key.verify(text.as_bytes(), &signature).expect("our signature");
        assert!(key.verify(format!("{text}x").as_bytes(), &signature).is_err());
        std::fs::remove_dir_all(directory).expect("removed");
    }
}
