//! Which addresses a call may go to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address lies inside: this machine, a private network, a link, or nowhere.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => private_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => private_v4(v4),
            None => private_v6(v6),
        },
    }
}

fn private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let measured = a == 198 && (b == 18 || b == 19);
    let protocols = address.octets()[..3] == [192, 0, 0];
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || shared
        || measured
        || protocols
}

fn private_v6(address: Ipv6Addr) -> bool {
    let [first, second, .., high, low] = address.segments();
    let inside = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        private_v4(Ipv4Addr::new(a, b, c, d))
    };
    // What is translated or tunnelled to IPv4 is where that leads.
    match first {
        0x0064 if second == 0xff9b => return inside(high, low),
        0x2002 => return inside(second, address.segments()[2]),
        _ => {}
    }
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
        || first & 0xffc0 == 0xfec0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_known() {
        for (address, inside) in [
            ("127.0.0.1", true),
            ("10.1.2.3", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("169.254.169.254", true),
            ("100.64.0.1", true),
            ("0.0.0.0", true),
            ("198.18.0.1", true),
            ("192.0.0.8", true),
            ("240.0.0.1", true),
            ("255.255.255.255", true),
            ("198.20.0.1", false),
            ("64:ff9b::a00:1", true),
            ("64:ff9b::808:808", false),
            ("2002:c0a8:101::1", true),
            ("2002:808:808::1", false),
            ("fec0::1", true),
            ("8.8.8.8", false),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::ffff:10.0.0.1", true),
            ("2400:3200::1", false),
        ] {
            assert_eq!(is_private(address.parse().expect("an address")), inside, "{address}");
        }
    }
}
