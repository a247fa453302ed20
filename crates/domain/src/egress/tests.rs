use super::*;

fn allowing(ranges: &[&str]) -> EgressPolicy {
    let entries: Vec<String> = ranges.iter().map(|r| (*r).to_owned()).collect();
    EgressPolicy { allow: EgressPolicy::parse_allow(&entries).unwrap(), ..EgressPolicy::default() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn addresses_that_are_not_public_are_refused() {
    let cases = [
        // X1, X2: what a URL parser makes of 127.1, 0, 2130706433, 0x7f000001 and 0177.0.0.1.
        "127.0.0.1",
        "0.0.0.0",
        "127.255.255.254",
        // X3, X4: mapped and compatible addresses.
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "::1",
        "::",
        // X5 NAT64, X6 6to4, X7 Teredo.
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2002:808:808::",
        "2001:0:4136:e378::1",
        // X8 link-local and metadata services, X9 private.
        "169.254.169.254",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "fc00::1",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        // X10, X12 and the rest of the registry.
        "100.64.0.1",
        "100.127.255.255",
        "0.1.2.3",
        "240.0.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "192.0.0.8",
        "198.18.0.1",
        "198.19.255.255",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "192.88.99.1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "ff02::1",
        "4000::1",
        "9000::1",
        "::ffff:0:8.8.8.8",
    ];
    for case in cases {
        assert!(EgressPolicy::default().check_ip(ip(case)).is_err(), "{case}");
    }
}

#[test]
fn public_addresses_are_allowed() {
    let cases = [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "169.253.0.1",
        "192.0.1.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:4860::8888",
        "2003::1",
        "3ffe::1",
    ];
    for case in cases {
        assert_eq!(EgressPolicy::default().check_ip(ip(case)), Ok(()), "{case}");
    }
}

#[test]
fn an_allow_list_opens_its_ranges_and_no_more() {
    let policy = allowing(&["127.0.0.0/8", "fd00::/8", "192.168.7.7"]);
    for case in ["127.0.0.1", "::ffff:127.0.0.1", "fd12::1", "192.168.7.7"] {
        assert_eq!(policy.check_ip(ip(case)), Ok(()), "{case}");
    }
    for case in ["10.0.0.1", "192.168.7.8", "::1", "fc00::1"] {
        assert!(policy.check_ip(ip(case)).is_err(), "{case}");
    }
}

#[test]
fn an_allowed_translator_does_not_open_what_lies_behind_it() {
    let policy = allowing(&["64:ff9b::/96"]);
    assert_eq!(policy.check_ip(ip("64:ff9b::808:808")), Ok(()));
    assert_eq!(policy.check_ip(ip("64:ff9b::7f00:1")), Err(EgressRefusal::Address("loopback")));
}

#[test]
fn hosts_in_every_spelling() {
    use EgressRefusal::{Host, LocalName};
    let policy = EgressPolicy {
        own_hosts: vec!["Ping.Example.org".into(), "api.example.org:8443".into()],
        ..EgressPolicy::default()
    };
    let of = |host: &str| policy.check_url("https", host, 443, false);
    assert_eq!(of("example.com"), Ok(()));
    assert_eq!(of("localhost.example.com"), Ok(()));
    // X13: local names, upper case, trailing dot.
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "x.internal",
        "X.INTERNAL.",
        "printer.local",
        "x.home.arpa",
    ] {
        assert_eq!(of(host), Err(LocalName), "{host}");
    }
    // Texts that some parser would take for an address.
    for host in [
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "example.0x7f",
        "",
        ".",
        "a b",
        "a\0b",
        "exa%6dple.com",
        "ex\u{e4}mple.com",
    ] {
        assert_eq!(of(host), Err(Host), "{host:?}");
    }
    assert_eq!(of("[::1]"), Err(EgressRefusal::Address("loopback")));
    assert_eq!(of("127.0.0.1."), Err(EgressRefusal::Address("loopback")));
    // X21: ourselves.
    assert_eq!(of("ping.example.org."), Err(EgressRefusal::OwnHost));
    assert_eq!(of("api.example.org"), Ok(()));
    assert_eq!(policy.check_url("https", "API.example.org", 8443, false), Err(EgressRefusal::OwnHost));
}

#[test]
fn schemes_ports_and_credentials() {
    let open = EgressPolicy::default();
    for scheme in ["file", "gopher", "ftp", "HTTP", "javascript", ""] {
        assert_eq!(
            open.check_url(scheme, "example.com", 80, false),
            Err(EgressRefusal::Scheme("http and https")),
            "{scheme}"
        );
    }
    let strict = EgressPolicy { https_only: true, allowed_ports: Some(vec![443]), ..EgressPolicy::default() };
    assert_eq!(strict.check_url("http", "example.com", 443, false), Err(EgressRefusal::Scheme("https")));
    assert_eq!(strict.check_url("https", "example.com", 8443, false), Err(EgressRefusal::Port(8443)));
    assert_eq!(strict.check_url("https", "example.com", 443, true), Err(EgressRefusal::Credentials));
    assert_eq!(strict.check_url("https", "example.com", 443, false), Ok(()));
}

#[test]
fn local_names_lead_where_the_allow_list_says() {
    assert_eq!(allowing(&["127.0.0.0/8"]).check_url("http", "localhost", 9000, false), Ok(()));
}

#[test]
fn allow_lists_are_read_strictly() {
    for entry in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10/8", "fd00::/129", "example.com", "", "10.0.0.0/8/8"] {
        let refused = EgressPolicy::parse_allow(&["127.0.0.1".to_owned(), entry.to_owned()]).unwrap_err();
        assert_eq!(refused.field, "allow[1]", "{entry}");
    }
    assert_eq!(EgressPolicy::parse_allow(&[" 10.0.0.0/8 ".to_owned()]).unwrap()[0].to_string(), "10.0.0.0/8");
    assert_eq!("::/0".parse::<Cidr>().map(|all| all.contains(ip("fe80::1"))), Ok(true));
    assert_eq!("0.0.0.0/0".parse::<Cidr>().map(|all| all.contains(ip("10.0.0.1"))), Ok(true));
}

#[test]
fn headers_of_tenants() {
    assert_eq!(check_header("Authorization", "Bearer x"), Ok(()));
    assert_eq!(check_header("X-Api-Key", "a\tb"), Ok(()));
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Connection",
        "webhook-signature",
        "Webhook-Id",
        "",
        "a b",
        "a:b",
        "ü",
        "a\r\nb",
    ] {
        assert_eq!(check_header(name, "x").unwrap_err().field, "headers", "{name:?}");
    }
    for value in ["a\r\nBcc: x", "a\nb", "a\0b", "\u{7f}"] {
        assert!(check_header("X-A", value).is_err(), "{value:?}");
    }
}
