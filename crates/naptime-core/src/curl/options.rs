//! The options of curl, and what they mean for a call.

/// What an option means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    Method,
    Header,
    Data,
    UrlEncoded,
    Json,
    User,
    Agent,
    Referer,
    Cookie,
    MaxTime,
    Retry,
    Bearer,
    Url,
    Get,
    Head,
    /// Nothing here.
    Nothing,
    /// Nothing here, and neither does its value.
    NothingWith,
    /// Something that a call here does otherwise, in these words.
    Otherwise(&'static str),
    /// Something that cannot be done, for this reason, whatever its value is.
    Refused(&'static str),
    /// The same of an option without a value.
    RefusedFlag(&'static str),
}

impl Means {
    pub(super) fn of_name(name: &str) -> Option<Self> {
        OPTIONS.iter().find(|(_, known, _)| *known == name).map(|(.., means)| *means)
    }

    pub(super) fn of_letter(letter: char) -> Option<Self> {
        OPTIONS.iter().find(|(known, ..)| *known == Some(letter)).map(|(.., means)| *means)
    }

    pub(super) fn takes_value(self) -> bool {
        !matches!(self, Self::Get | Self::Head | Self::Nothing | Self::Otherwise(_) | Self::RefusedFlag(_))
    }
}

const NO_FILES: &str = "files cannot be sent";
const OTHER_FILES: &str = "workers do not have the file it reads";
const ONLY_BASIC: &str = "of the ways to log in, only the basic one can be sent";
const ONLY_DNS: &str = "calls go where the name of the host leads";
const OF_POOLS: &str = "certificates are set up with the pool";

/// The options, each by its letter, if it has one, and its name.
const OPTIONS: &[(Option<char>, &str, Means)] = &[
    (Some('X'), "request", Means::Method),
    (Some('H'), "header", Means::Header),
    (Some('d'), "data", Means::Data),
    (None, "data-ascii", Means::Data),
    (None, "data-raw", Means::Data),
    (None, "data-binary", Means::Data),
    (None, "data-urlencode", Means::UrlEncoded),
    (None, "json", Means::Json),
    (Some('u'), "user", Means::User),
    (None, "oauth2-bearer", Means::Bearer),
    (Some('A'), "user-agent", Means::Agent),
    (Some('e'), "referer", Means::Referer),
    (Some('b'), "cookie", Means::Cookie),
    (Some('m'), "max-time", Means::MaxTime),
    (None, "url", Means::Url),
    (Some('G'), "get", Means::Get),
    (Some('I'), "head", Means::Head),
    (Some('s'), "silent", Means::Nothing),
    (Some('S'), "show-error", Means::Nothing),
    (Some('f'), "fail", Means::Nothing),
    (None, "fail-with-body", Means::Nothing),
    (Some('v'), "verbose", Means::Nothing),
    (Some('i'), "include", Means::Nothing),
    (Some('O'), "remote-name", Means::Nothing),
    (Some('N'), "no-buffer", Means::Nothing),
    (Some('#'), "progress-bar", Means::Nothing),
    (Some('g'), "globoff", Means::Nothing),
    (Some('4'), "ipv4", Means::Nothing),
    (Some('6'), "ipv6", Means::Nothing),
    (None, "compressed", Means::Nothing),
    (Some('q'), "disable", Means::Nothing),
    (Some('J'), "remote-header-name", Means::Nothing),
    (Some('R'), "remote-time", Means::Nothing),
    (None, "create-dirs", Means::Nothing),
    (None, "no-progress-meter", Means::Nothing),
    (None, "basic", Means::Nothing),
    (None, "tcp-nodelay", Means::Nothing),
    (None, "tlsv1.2", Means::Nothing),
    (None, "tlsv1.3", Means::Nothing),
    (Some('0'), "http1.0", Means::Nothing),
    (None, "http1.1", Means::Nothing),
    (None, "http2", Means::Nothing),
    (Some('o'), "output", Means::NothingWith),
    (Some('w'), "write-out", Means::NothingWith),
    (Some('D'), "dump-header", Means::NothingWith),
    (Some('c'), "cookie-jar", Means::NothingWith),
    (None, "connect-timeout", Means::NothingWith),
    (None, "retry", Means::Retry),
    (None, "retry-delay", Means::NothingWith),
    (None, "retry-max-time", Means::NothingWith),
    (None, "retry-connrefused", Means::Nothing),
    (None, "retry-all-errors", Means::Otherwise("which failures are tried again is up to `retry.on`")),
    (None, "max-redirs", Means::NothingWith),
    (None, "limit-rate", Means::NothingWith),
    (Some('y'), "speed-time", Means::NothingWith),
    (Some('Y'), "speed-limit", Means::NothingWith),
    (Some('L'), "location", Means::Otherwise("redirects are not followed")),
    (None, "location-trusted", Means::Otherwise("redirects are not followed")),
    (Some('k'), "insecure", Means::Otherwise("certificates are always checked")),
    (Some('F'), "form", Means::Refused(NO_FILES)),
    (Some('T'), "upload-file", Means::Refused(NO_FILES)),
    (None, "form-string", Means::Refused("forms in parts are not sent")),
    (Some('K'), "config", Means::Refused(OTHER_FILES)),
    (Some('n'), "netrc", Means::RefusedFlag(OTHER_FILES)),
    (None, "digest", Means::RefusedFlag(ONLY_BASIC)),
    (None, "ntlm", Means::RefusedFlag(ONLY_BASIC)),
    (None, "negotiate", Means::RefusedFlag(ONLY_BASIC)),
    (None, "resolve", Means::Refused(ONLY_DNS)),
    (None, "connect-to", Means::Refused(ONLY_DNS)),
    (None, "unix-socket", Means::Refused(ONLY_DNS)),
    (Some('x'), "proxy", Means::Refused("calls go through no proxy")),
    (Some('E'), "cert", Means::Refused(OF_POOLS)),
    (None, "cacert", Means::Refused(OF_POOLS)),
    (None, "key", Means::Refused(OF_POOLS)),
];
