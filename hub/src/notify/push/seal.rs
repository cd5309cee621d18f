//! A message sealed for one browser (RFC 8291 over RFC 8188, `aes128gcm`): nobody on the way reads it, the push service
//! included.
//!
//! ```text
//! our fresh key pair × browser's point ─ECDH─▶ secret ─HKDF with auth, both points─▶ IKM ─HKDF with salt─▶ CEK, nonce
//! body = salt(16) | record size(4) | 65 | our point(65) | AES-128-GCM(text | 0x02)
//! ```
//!
//! One record only: a push service need take no more than 4096 bytes, which leaves [`TEXT_BYTES_MAX`] for the text.

use greenhub_model::push::PushKeys;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// Longest text of one message, bytes: 4096 without header (86), tag (16) and the end mark.
pub const TEXT_BYTES_MAX: usize = 4096 - 86 - 16 - 1;
const RECORD_SIZE: u32 = 4096;
const SALT_BYTES: usize = 16;

/// Why a message could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Longer than [`TEXT_BYTES_MAX`].
    #[error("the message has {0} bytes, at most {TEXT_BYTES_MAX} fit")]
    TooLong(usize),
    /// The browser's point is on no curve.
    #[error("the browser's key is no point of P-256")]
    BadKey,
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// The body of the call that carries this text to the browser with these keys.
pub fn seal(text: &[u8], keys: &PushKeys) -> Result<Vec<u8>, SealError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SealError::TooLong(text.len()));
    }
    let random = SystemRandom::new();
    let mut salt = [0; SALT_BYTES];
    random.fill(&mut salt).map_err(|_| SealError::NoRandomness)?;
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &random).map_err(|_| SealError::NoRandomness)?;
    let our_point = ours.compute_public_key().map_err(|_| SealError::NoRandomness)?;
    let (point, auth) = keys.bytes();
    let theirs = UnparsedPublicKey::new(&ECDH_P256, &point);
    agree_ephemeral(ours, &theirs, |secret| {
        let parties = Parties { secret, auth: &auth, browser: &point, server: our_point.as_ref() };
        parties.seal(text, &salt)
    })
    .map_err(|_| SealError::BadKey)
}

/// What both sides know.
struct Parties<'a> {
    secret: &'a [u8],
    auth: &'a [u8],
    browser: &'a [u8],
    server: &'a [u8],
}

impl Parties<'_> {
    /// Key and nonce of the one record.
    fn key(&self, salt: &[u8]) -> (LessSafeKey, [u8; 12]) {
        let ikm = Salt::new(HKDF_SHA256, self.auth).extract(self.secret);
        let ikm: [u8; 32] = expand(&ikm, &[b"WebPush: info\0", self.browser, self.server]);
        let prk = Salt::new(HKDF_SHA256, salt).extract(&ikm);
        let key: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"]);
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("the key has the length of the cipher");
        (LessSafeKey::new(key), expand(&prk, &[b"Content-Encoding: nonce\0"]))
    }

    fn seal(&self, text: &[u8], salt: &[u8; SALT_BYTES]) -> Vec<u8> {
        let (key, nonce) = self.key(salt);
        let mut record = [text, &[2]].concat();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
            .expect("a record of four kilobytes is within the cipher's bounds");
        let point_bytes = u8::try_from(self.server.len()).expect("a point of P-256 has 65 bytes");
        [salt, &RECORD_SIZE.to_be_bytes()[..], &[point_bytes], self.server, &record].concat()
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> [u8; N] {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    let okm = prk.expand(info, Length(N)).expect("HKDF gives far more than 32 bytes");
    okm.fill(&mut out).expect("the length is the one that was asked for");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenhub_model::push::{base64url, from_base64url};

    fn bytes(text: &str) -> Vec<u8> {
        from_base64url(text).expect("base64url")
    }

    /// RFC 8291, section 5 and appendix A, from the shared secret on; how that comes about is ring's.
    #[test]
    fn the_example_of_the_standard_comes_out_byte_by_byte() {
        let (browser, server) = (
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
            bytes("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"),
        );
        let (secret, auth) = (bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs"), bytes("BTBZMqHH6r4Tts7J_aSIgg"));
        let salt: [u8; 16] = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("16 bytes");
        let parties = Parties { secret: &secret, auth: &auth, browser: &browser, server: &server };
        let body = parties.seal(b"When I grow up, I want to be a watermelon", &salt);
        let want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                    AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(base64url(&body), want);
        assert_eq!(base64url(&parties.key(&salt).1), "4h_95klXJ5E_qnoN");
    }

    fn browser() -> (EphemeralPrivateKey, PushKeys) {
        let key = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).expect("a key");
        let point = key.compute_public_key().expect("a point");
        (key, PushKeys::new(&base64url(point.as_ref()), &base64url(&[7; 16])).expect("good keys"))
    }

    #[test]
    fn the_browser_reads_what_was_sealed_and_nobody_who_changed_it() {
        for length in [0, 1, 3000, TEXT_BYTES_MAX] {
            let (key, keys) = browser();
            let text = vec![b'x'; length];
            let body = seal(&text, &keys).expect("sealed");
            assert_eq!(body.len(), length + 103);
            assert!(body.len() <= 4096);
            let (browser, auth) = keys.bytes();
            let server = body[21..86].to_vec();
            let opened = agree_ephemeral(key, &UnparsedPublicKey::new(&ECDH_P256, &server), |secret| {
                let parties = Parties { secret, auth: &auth, browser: &browser, server: &server };
                let (key, nonce) = parties.key(&body[..16]);
                let open = |mut record: Vec<u8>| {
                    let nonce = Nonce::assume_unique_for_key(nonce);
                    key.open_in_place(nonce, Aad::empty(), &mut record).map(|text| text.to_vec()).ok()
                };
                let mut changed = body[86..].to_vec();
                changed[length] ^= 1;
                (open(body[86..].to_vec()), open(changed))
            });
            let (opened, changed) = opened.expect("our point is on the curve");
            assert_eq!(opened, Some([&text[..], &[2]].concat()));
            assert_eq!(changed, None);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let keys = browser().1;
        assert_eq!(seal(&vec![0; TEXT_BYTES_MAX + 1], &keys), Err(SealError::TooLong(TEXT_BYTES_MAX + 1)));
        let nowhere = PushKeys::new(&base64url(&[4; 65]), &base64url(&[7; 16])).expect("a good form");
        assert_eq!(seal(b"x", &nowhere), Err(SealError::BadKey));
    }
}
