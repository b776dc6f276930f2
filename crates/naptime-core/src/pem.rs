//! Certificates and keys as people enter them: PEM, as `openssl` and every authority write it.
//!
//! What can be told without cryptography is checked here. Whether a key belongs to its certificate, and whether that is
//! of a kind that can be used, is found by the first call.

use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::Invalid;

/// The most bytes of what is entered in one field.
pub const MAX_PEM: usize = 64 * 1024;

/// A certificate that says who one is, its chain, and its private key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientCert<'a> {
    /// The certificates.
    pub chain: &'a str,
    /// The private key: a secret.
    pub key: &'a str,
}

/// One part of a text: `-----BEGIN label-----` and all up to its end.
struct Block<'a> {
    kind: Kind,
    lines: Vec<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Certificate,
    Key,
    EncryptedKey,
    Other,
}

/// Checks certificates of authorities, and drops what is between them. Blank is none.
///
/// # Errors
/// At `extra_ca`.
pub fn read_authorities(pem: &str) -> Result<Option<String>, Invalid> {
    const FIELD: &str = "extra_ca";
    if pem.trim().is_empty() {
        return Ok(None);
    }
    let blocks = blocks(FIELD, pem)?;
    if blocks.iter().any(|block| matches!(block.kind, Kind::Key | Kind::EncryptedKey)) {
        // It would be shown with the certificates.
        let detail = "there is a private key among the certificates; it does not belong here";
        return Err(Invalid::new(FIELD, "private_key", detail));
    }
    certificates(FIELD, &blocks).map(Some)
}

/// Checks a certificate with its chain, and its private key, which may be in one text with it. Returns both in one text:
/// certificates, then the key.
///
/// # Errors
/// At `client_cert` or `client_key`.
pub fn read_client_cert(chain: &str, key: Option<&str>) -> Result<String, Invalid> {
    const KEY: &str = "client_key";
    let of_chain = blocks("client_cert", chain)?;
    let certificates = certificates("client_cert", &of_chain)?;
    let of_key = match key {
        Some(key) => blocks(KEY, key)?,
        None => of_chain,
    };
    if of_key.iter().any(|block| block.kind == Kind::EncryptedKey) {
        let detail = "the private key is encrypted; write it without a passphrase, as `openssl pkey` does";
        return Err(Invalid::new(KEY, "encrypted", detail));
    }
    let mut keys = of_key.iter().filter(|block| block.kind == Kind::Key);
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(certificates + &key.text()),
        (Some(_), Some(_)) => Err(Invalid::new(KEY, "several_keys", "there is more than one private key")),
        (None, _) => {
            let detail = "there is no private key for the certificate; one begins with -----BEGIN PRIVATE KEY-----";
            Err(Invalid::new(KEY, "not_a_key", detail))
        }
    }
}

impl<'a> ClientCert<'a> {
    /// Takes apart what [`read_client_cert`] put together.
    pub fn split(pem: &'a str) -> Self {
        let starts = pem.match_indices("-----BEGIN ").map(|(at, _)| at);
        let key = starts.filter(|&at| pem[at..].lines().next().is_some_and(|line| kind_of(line) == Kind::Key)).last();
        let (chain, key) = pem.split_at(key.unwrap_or(pem.len()));
        Self { chain, key }
    }
}

/// How many certificates there are in a text that was checked.
pub fn count_certificates(pem: &str) -> usize {
    pem.lines().filter(|line| kind_of(line) == Kind::Certificate).count()
}

impl Block<'_> {
    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// Whether it holds one DER sequence, which is the outside of certificates and of keys.
    fn is_sound(&self) -> bool {
        let Ok((kind, der)) = <(SectionKind, Vec<u8>)>::from_pem_slice(self.text().as_bytes()) else { return false };
        let is_certificate = kind == SectionKind::Certificate;
        is_certificate == (self.kind == Kind::Certificate) && is_sequence(&der)
    }
}

/// All certificates of a text, of which there must be one.
fn certificates(field: &'static str, blocks: &[Block<'_>]) -> Result<String, Invalid> {
    let all: String = blocks.iter().filter(|block| block.kind == Kind::Certificate).map(Block::text).collect();
    if all.is_empty() {
        let detail = "there is no certificate in it; one begins with -----BEGIN CERTIFICATE-----";
        return Err(Invalid::new(field, "not_a_certificate", detail));
    }
    Ok(all)
}

/// The parts of a text. Certificates and keys among them are whole.
fn blocks<'a>(field: &'static str, pem: &'a str) -> Result<Vec<Block<'a>>, Invalid> {
    if pem.len() > MAX_PEM {
        return Err(Invalid::new(field, "too_long", "it is longer than 64 KiB"));
    }
    let broken = || {
        let detail = "a certificate or key in it is broken or cut off; copy all of it, from -----BEGIN to the end of \
                      the line -----END";
        Invalid::new(field, "bad_pem", detail)
    };
    let (mut blocks, mut open): (Vec<Block<'a>>, Option<Block<'a>>) = (Vec::new(), None);
    for line in pem.lines().map(str::trim) {
        if line.starts_with("-----BEGIN ") {
            if open.is_some() {
                return Err(broken());
            }
            open = Some(Block { kind: kind_of(line), lines: vec![line] });
        } else if let Some(block) = &mut open {
            block.lines.push(line);
            if line.starts_with("-----END ") {
                blocks.extend(open.take());
            }
        }
    }
    let sound = |block: &Block<'_>| !matches!(block.kind, Kind::Certificate | Kind::Key) || block.is_sound();
    if open.is_some() || !blocks.iter().all(sound) {
        return Err(broken());
    }
    Ok(blocks)
}

/// What a line `-----BEGIN ...-----` begins.
fn kind_of(line: &str) -> Kind {
    match line.trim() {
        "-----BEGIN CERTIFICATE-----" => Kind::Certificate,
        "-----BEGIN PRIVATE KEY-----" | "-----BEGIN RSA PRIVATE KEY-----" | "-----BEGIN EC PRIVATE KEY-----" => {
            Kind::Key
        }
        "-----BEGIN ENCRYPTED PRIVATE KEY-----" => Kind::EncryptedKey,
        _ => Kind::Other,
    }
}

fn is_sequence(der: &[u8]) -> bool {
    let Some((&[0x30, first], rest)) = der.split_first_chunk::<2>() else { return false };
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let Some((length, content)) = rest.split_at_checked(usize::from(first & 0x0f)) else { return false };
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), content)
        }
        _ => return false,
    };
    content.len() == length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with a sequence of one number, which is as much as is looked at.
    fn pem(label: &str, number: u8) -> String {
        let content = ["MAMCAQE=", "MAMCAQI="][usize::from(number)];
        format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
    }

    fn certificate(number: u8) -> String {
        pem("CERTIFICATE", number)
    }

    fn code<T>(read: Result<T, Invalid>) -> Result<T, (String, &'static str)> {
        read.map_err(|fault| (fault.field.into_owned(), fault.code))
    }

    #[test]
    fn authorities_are_read() {
        let (one, two) = (certificate(0), certificate(1));
        let check = |pem: &str, expect: Result<Option<&str>, &'static str>| {
            let read = code(read_authorities(pem));
            let expect = expect.map_err(|code| ("extra_ca".to_owned(), code));
            assert_eq!(read, expect.map(|pem| pem.map(str::to_owned)), "{pem}");
        };
        check(&one, Ok(Some(&one)));
        check(&one.replace('\n', "\r\n"), Ok(Some(&one)));
        let both = format!("{one}{two}");
        check(&format!("subject: us\n\n  {one}\nsubject: you\n{two}"), Ok(Some(&both)));
        assert_eq!(count_certificates(&both), 2);
        check(" \n", Ok(None));
        check("hello", Err("not_a_certificate"));
        check(&pem("PUBLIC KEY", 0), Err("not_a_certificate"));
        check(&pem("PRIVATE KEY", 0), Err("private_key"));
        check(&format!("{one}{}", pem("ENCRYPTED PRIVATE KEY", 0)), Err("private_key"));
        check(&one[..one.len() - 30], Err("bad_pem"));
        check(&format!("{}{two}", &one[..one.len() - 30]), Err("bad_pem"));
        check(&one.replace("MAM", "M!M"), Err("bad_pem"));
        check(&one.replace("MAM", "MAQ"), Err("bad_pem"));
        check(&"x".repeat(MAX_PEM + 1), Err("too_long"));
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        let chain = format!("{}{}", certificate(0), certificate(1));
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
            let key = pem(label, 0);
            let whole = format!("{chain}{key}");
            // Each in its own field, one file in both, and one file alone, in the order of some programs.
            let beside = format!("{}{key}", pem("EC PARAMETERS", 1));
            for (first, second) in [(&chain, Some(&beside)), (&whole, Some(&whole)), (&format!("{key}{chain}"), None)] {
                assert_eq!(code(read_client_cert(first, second.map(String::as_str))), Ok(whole.clone()), "{first}");
            }
            assert!(ClientCert::split(&whole) == ClientCert { chain: &chain, key: &key });
        }
        let check = |key: &str, expect| {
            assert_eq!(code(read_client_cert(&chain, Some(key))), Err(("client_key".to_owned(), expect)), "{key}");
        };
        let key = pem("PRIVATE KEY", 0);
        check("", "not_a_key");
        check(&chain, "not_a_key");
        check(&key[..key.len() - 30], "bad_pem");
        check(&format!("{key}{key}"), "several_keys");
        check(&pem("ENCRYPTED PRIVATE KEY", 0), "encrypted");
        assert_eq!(code(read_client_cert("", Some(&key))), Err(("client_cert".to_owned(), "not_a_certificate")));
        assert_eq!(code(read_client_cert(&chain, None)), Err(("client_key".to_owned(), "not_a_key")));
    }

    #[test]
    fn lengths_are_checked_as_far_as_three_bytes() {
        let check = |head: &[u8], length: usize, expect| {
            let der: Vec<u8> = head.iter().copied().chain(std::iter::repeat_n(0, length)).collect();
            assert_eq!(is_sequence(&der), expect, "{head:x?}");
        };
        check(&[], 0, false);
        check(&[0x30], 0, false);
        check(&[0x30, 0], 0, true);
        check(&[0x31, 0], 0, false);
        check(&[0x30, 0x81, 200], 200, true);
        check(&[0x30, 0x82, 1, 0], 256, true);
        check(&[0x30, 0x82, 1, 0], 255, false);
        check(&[0x30, 0x82, 1], 0, false);
        check(&[0x30, 0x84, 0, 0, 0, 1], 1, false);
    }
}
