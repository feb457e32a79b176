//! Which domains can be one organisation's: none below which strangers register names of their own, or have mailboxes.

use chandlery_package::wire::DomainName;

use crate::Error;

/// Where anybody has a mailbox. Only its provider could prove such a domain, and would have the log-ins of all its customers by that.
const MAILBOXES_OF_ALL: [&str; 64] = [
    "126.com",
    "139.com",
    "163.com",
    "aim.com",
    "alice.it",
    "aol.com",
    "arcor.de",
    "att.net",
    "bellsouth.net",
    "bigpond.com",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "comcast.net",
    "cox.net",
    "daum.net",
    "fastmail.com",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "hotmail.com",
    "hushmail.com",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "rocketmail.com",
    "sbcglobal.net",
    "seznam.cz",
    "sina.com",
    "t-online.de",
    "tuta.com",
    "uol.com.br",
    "verizon.net",
    "web.de",
    "yahoo.com",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// Refuses a domain that is nobody's alone: an ending such as `co.uk` (by Mozilla's Public Suffix List), or a provider of mailboxes.
pub(super) fn must_be_provable(domain: &DomainName) -> Result<(), Error> {
    let Some(registered) = psl::domain_str(domain.as_str()) else {
        return Err(Error::Invalid(format!(
            "anybody has names below '{domain}': write one of your own, such as example.{domain}"
        )));
    };
    match MAILBOXES_OF_ALL.contains(&registered) {
        true => {
            Err(Error::Invalid(format!("anybody has a mailbox at '{registered}': it is no organisation's")))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_share_is_no_organisations() {
        for (domain, provable) in [
            ("example.org", true),
            ("mail.example.co.uk", true),
            ("acme.github.io", true),
            // An ending that nobody has registered, as companies use it inside.
            ("corp.internal", true),
            ("notgmail.com", true),
            ("co.uk", false),
            ("com.br", false),
            ("github.io", false),
            ("gmail.com", false),
            ("mail.gmail.com", false),
            ("xn--p1ai.xn--p1ai", true),
        ] {
            let domain: DomainName = domain.parse().unwrap();
            assert_eq!(must_be_provable(&domain).is_ok(), provable, "{domain}");
        }
    }
}
