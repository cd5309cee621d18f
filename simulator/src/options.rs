//! What a simulation is asked for.

use crate::size::Size;

/// Options of [`crate::run`].
#[derive(Clone)]
pub struct SimulateOptions {
    /// Broker, `mqtt://[user:password@]host[:port]` (port 1883 where none is given).
    pub mqtt: String,
    /// Positions per second and unit; between 0.01 and 100.
    pub rate_hz: f64,
    /// Seed of everything.
    pub seed: u64,
    /// How many devices of each sort.
    pub size: Size,
    /// How much faster than real time the district lives; between 0.1 and 100. Message times stay real.
    pub speed: f64,
    /// Scripted incidents on or off.
    pub incidents: bool,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self {
            mqtt: "mqtt://127.0.0.1:1883".to_owned(),
            rate_hz: 1.0,
            seed: 1,
            size: Size::default(),
            speed: 1.0,
            incidents: true,
        }
    }
}

impl std::fmt::Debug for SimulateOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulateOptions")
            .field("mqtt", &Broker::parse(&self.mqtt))
            .field("rate_hz", &self.rate_hz)
            .field("seed", &self.seed)
            .field("size", &self.size)
            .field("speed", &self.speed)
            .field("incidents", &self.incidents)
            .finish()
    }
}

/// A broker's address, taken apart. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub host: String,
    pub port: u16,
    pub login: Option<(String, String)>,
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mqtt://{}{}:{}", if self.login.is_some() { "***@" } else { "" }, self.host, self.port)
    }
}

impl Broker {
    /// Takes `mqtt://[user:password@]host[:port]` apart; also `tcp://` and a bare `host:port`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            None => url,
            Some(("mqtt" | "tcp", rest)) => rest,
            Some((scheme, _)) => return Err(format!("scheme {scheme:?} of the broker is none of mqtt, tcp")),
        };
        let rest = rest.trim_end_matches('/');
        let (login, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, address)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some((user.to_owned(), password.to_owned())), address)
            }
        };
        // An IPv6 host stands in brackets, so its colons are not the port's; the resolver wants them too.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| format!("port {port:?} of the broker is not a number below 65536"))?)
            }
            _ => (address, 1883),
        };
        let host = host.to_owned();
        if host.is_empty() {
            Err("the broker's address names no host".to_owned())
        } else {
            Ok(Self { host, port, login })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broker_addresses_are_taken_apart() {
        let check = |url: &str, host: &str, port: u16, user: Option<&str>| {
            let broker = Broker::parse(url).expect(url);
            assert_eq!((broker.host.as_str(), broker.port), (host, port), "{url}");
            assert_eq!(broker.login.map(|l| l.0).as_deref(), user, "{url}");
        };
        check("mqtt://127.0.0.1:1883", "127.0.0.1", 1883, None);
        check("mqtt://hub.example", "hub.example", 1883, None);
        check("mqtt://sim:p@ss:w@hub:2883/", "hub", 2883, Some("sim"));
        check("tcp://[::1]:1884", "[::1]", 1884, None);
        check("mqtt://[::1]", "[::1]", 1883, None);
        check("localhost:9", "localhost", 9, None);
        for bad in ["mqtts://hub:8883", "mqtt://", "mqtt://hub:65536", "mqtt://hub:x"] {
            assert!(Broker::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Broker::parse("mqtt://a:secret@h:1").expect("good")), "mqtt://***@h:1");
    }
}
