//! Web Push in words of its own: what is pushed to a person, and which browser takes it. Types and checks only; the
//! sealing and the sending are the hub's, the subscriptions `storage::notify`.
//!
//! The address of a subscription comes from a person's browser, so the hub is asked to call where a stranger points.
//! [`Endpoint`] lets only `https` on its own port to a named host pass; whether that name leads inside is looked at
//! again when the call is made. Push services of one's own are named in the configuration and may be anything.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest address of a subscription, bytes.
pub const ENDPOINT_BYTES_MAX: usize = 2048;
const POINT_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// How much a message may cost the battery of a phone (RFC 8030, section 5.3).
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// On power and Wi-Fi.
    VeryLow,
    /// On power or Wi-Fi.
    Low,
    /// On neither.
    Normal,
    /// Even on low battery.
    High,
}

impl Urgency {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Urgency::VeryLow => "very-low",
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        }
    }
}

/// Something to tell one person, in the page and on every browser that the person has subscribed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushMessage {
    /// Names the message: what was queued under a name is not queued again.
    pub key: String,
    /// One line.
    pub title: String,
    /// Lines.
    pub body: String,
    /// Page to open, a path of the hub such as `/orders?order=O-1`.
    pub url: String,
    /// A later message of the same tag takes the place of this one; empty for none.
    pub tag: String,
    /// How much it may cost.
    pub urgency: Urgency,
}

/// A browser of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// Whose.
    pub user: String,
    /// Where its push service takes messages.
    pub endpoint: Endpoint,
    /// Its keys.
    pub keys: PushKeys,
    /// What it calls itself, for its owner.
    pub label: String,
}

/// Keys of a browser, as its `PushSubscription.toJSON()` has them.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawKeys")]
pub struct PushKeys {
    /// Public point on P-256, uncompressed, base64url.
    p256dh: String,
    /// Shared secret of 16 bytes, base64url.
    auth: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeys {
    p256dh: String,
    auth: String,
}

impl TryFrom<RawKeys> for PushKeys {
    type Error = String;
    fn try_from(raw: RawKeys) -> Result<Self, String> {
        Self::new(&raw.p256dh, &raw.auth)
    }
}

impl fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PushKeys {
    /// Checks the lengths and the form of both.
    pub fn new(p256dh: &str, auth: &str) -> Result<Self, String> {
        let point = from_base64url(p256dh).filter(|point| point.len() == POINT_BYTES && point[0] == 4);
        let Some(point) = point else {
            return Err("keys.p256dh 须为浏览器给出的公钥（65 字节，base64url）".into());
        };
        let Some(secret) = from_base64url(auth).filter(|secret| secret.len() == AUTH_BYTES) else {
            return Err("keys.auth 须为浏览器给出的 16 字节密钥（base64url）".into());
        };
        Ok(Self { p256dh: base64url(&point), auth: base64url(&secret) })
    }

    /// Public point on P-256, uncompressed, base64url.
    pub fn p256dh(&self) -> &str {
        &self.p256dh
    }

    /// Shared secret, base64url.
    pub fn auth(&self) -> &str {
        &self.auth
    }

    /// The point and the secret as bytes.
    pub fn bytes(&self) -> (Vec<u8>, Vec<u8>) {
        let sure = |text: &str| from_base64url(text).expect("the constructor wrote it");
        (sure(&self.p256dh), sure(&self.auth))
    }
}

/// An address that the hub may push to. Whoever knows it can push to the browser, so it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.origin())
    }
}

impl Endpoint {
    /// Checks an address; `own` are hosts (`push.example:8443`, without port for its standard one) of push services of
    /// one's own, which may speak plain HTTP and lie at any port and address.
    pub fn new(text: &str, own: &[String]) -> Result<Self, String> {
        if text.len() > ENDPOINT_BYTES_MAX {
            return Err(format!("推送地址最长 {ENDPOINT_BYTES_MAX} 字节"));
        }
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || b"\"<>\\^`{|}".contains(&byte)) {
            return Err("推送地址只能包含网址允许的字符".into());
        }
        let endpoint = Self(text.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let authority = endpoint.authority();
        if authority.is_empty() || authority.contains('@') || !rest[authority.len()..].starts_with('/') {
            return Err("推送地址须为浏览器给出的完整网址".into());
        }
        if matches!(scheme, "http" | "https") && own.iter().any(|host| host == authority) {
            return Ok(endpoint);
        }
        if scheme != "https" {
            return Err("推送地址须以 https:// 开头；内网推送服务请由管理员写入配置 notify.push.hosts".into());
        }
        let host = authority.strip_suffix(":443").unwrap_or(authority);
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if !named || !host.contains('.') || numeric {
            return Err("推送地址须指向公网域名的 443 端口；内网推送服务请由管理员写入配置 notify.push.hosts".into());
        }
        Ok(endpoint)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port as written.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// Scheme, host and port: the audience of our token.
    pub fn origin(&self) -> &str {
        let scheme = self.0.find("://").map_or(0, |at| at + 3);
        &self.0[..scheme + self.authority().len()]
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes as base64url without padding (RFC 4648, section 5).
pub fn base64url(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().enumerate().fold(0_u32, |group, (n, byte)| group | u32::from(*byte) << (16 - 8 * n));
        for n in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(group >> (18 - 6 * n)) as usize & 63]));
        }
    }
    out
}

/// Reads base64url with or without padding; none where it is something else.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.chunks(4) {
        if chunk.len() == 1 {
            return None;
        }
        let mut group = 0_u32;
        for (n, byte) in chunk.iter().enumerate() {
            let value = ALPHABET.iter().position(|letter| letter == byte)?;
            group |= u32::try_from(value).ok()? << (18 - 6 * n);
        }
        out.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_that_of_the_standard() {
        // RFC 4648, section 10, without padding; the last one has both letters that differ from base64.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (b"fooba", "Zm9vYmE"),
            (b"foobar", "Zm9vYmFy"),
            (&[0xfb, 0xff, 0xfe], "-__-"),
        ] {
            assert_eq!(base64url(bytes), text);
            assert_eq!(from_base64url(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(from_base64url("Zg==").as_deref(), Some(&b"f"[..]));
        assert_eq!((from_base64url("Z"), from_base64url("Zm9+"), from_base64url("Zm 9")), (None, None, None));
    }

    #[test]
    fn only_named_hosts_outside_are_called_unless_they_are_our_own() {
        let own = ["push.lan".to_owned(), "127.0.0.1:9000".to_owned()];
        for (text, origin) in [
            ("https://updates.push.services.mozilla.com/wpush/v2/a", "https://updates.push.services.mozilla.com"),
            ("https://fcm.googleapis.com:443/fcm/send/x:y", "https://fcm.googleapis.com:443"),
            ("http://push.lan/x", "http://push.lan"),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000"),
        ] {
            let endpoint = Endpoint::new(text, &own).expect("allowed");
            assert_eq!((endpoint.origin(), endpoint.as_str()), (origin, text));
            assert!(!format!("{endpoint:?}").contains("/a"), "the path is a secret");
        }
        for text in [
            "",
            "x",
            "https://",
            "https:///x",
            "https://a.example",
            "http://fcm.googleapis.com/x",
            "ftp://push.lan/x",
            "https://fcm.googleapis.com:8443/x",
            "https://localhost/x",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://[::1]/x",
            "https://user@fcm.googleapis.com/x",
            "https://a.example\\@b.example/x",
            "https://a.example/x y",
            "http://127.0.0.1:9001/x",
            "http://push.lan.evil.example/x",
            "https://推送.example/x",
        ] {
            assert!(Endpoint::new(text, &own).is_err(), "{text}");
        }
        assert!(Endpoint::new(&format!("https://a.example/{}", "x".repeat(2048)), &own).is_err());
    }

    #[test]
    fn keys_are_checked_and_hidden() {
        let point = base64url(&[4; 65]);
        let keys = PushKeys::new(&format!("{point}="), &base64url(&[7; 16])).expect("good keys");
        assert_eq!((keys.p256dh(), keys.bytes().1.len()), (point.as_str(), 16));
        assert_eq!(format!("{keys:?}"), "***");
        assert!(PushKeys::new(&base64url(&[2; 65]), &base64url(&[7; 16])).is_err(), "compressed");
        assert!(PushKeys::new(&base64url(&[4; 64]), &base64url(&[7; 16])).is_err());
        assert!(PushKeys::new(&point, &base64url(&[7; 15])).is_err());
        let json = r#"{"p256dh":"x","auth":"y"}"#;
        assert!(serde_json::from_str::<PushKeys>(json).is_err());
    }
}
