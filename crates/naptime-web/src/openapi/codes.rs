//! Every `code` of a problem document, with what it means.

use utoipa::openapi::schema::{Object, Type};

/// The codes, by name.
pub(crate) const CODES: [(&str, &str); 119] = [
    ("ambiguous", "it could mean two things"),
    ("bad_character", "it holds a character that cannot be seen, or that does not belong there"),
    ("bad_count", "there are too many of them, or none"),
    ("bad_credential", "the credential is empty, too long, or cannot be sent"),
    ("bad_cron", "it is no cron pattern"),
    ("bad_cursor", "the cursor is not one that was handed out"),
    ("bad_host", "the host of the URL, or the `Host` of the request, is none"),
    ("bad_if_match", "`If-Match` is no `ETag`"),
    ("bad_if_none_match", "`If-None-Match` is not `*`"),
    ("bad_json", "the body is no JSON"),
    ("bad_line", "a line of the headers is no `Name: value`"),
    ("bad_name", "the name is none"),
    ("bad_pem", "it is no PEM"),
    ("bad_port", "the port is none"),
    ("bad_scheme", "the scheme is neither `http` nor `https`, nor `job` where a handler may be called"),
    ("bad_status", "it is no HTTP status"),
    ("bad_template", "the template cannot be read"),
    ("bad_value", "the value of a header cannot be sent"),
    ("blocked_address", "Naptime does not call this address: `NAPTIME_ALLOW_NETWORKS` may allow it"),
    ("both", "the two fields exclude each other"),
    ("busy", "too much is being done at once; try again"),
    ("cancelled", "the job is cancelled"),
    ("conflict", "two fields say different things, or do not go together"),
    ("contradiction", "the offset of a time contradicts its zone"),
    ("control_character", "it holds a control character"),
    ("corrupt", "the store holds what cannot be read"),
    ("cross_site", "the request came from another site"),
    ("deleted", "the endpoint is deleted"),
    ("does_not_render", "the template cannot be filled in with this event"),
    ("duplicate_key", "a key is there twice in an object"),
    ("duplicate_parameter", "a parameter is there twice"),
    ("empty", "it is empty"),
    ("encrypted", "the private key has a passphrase"),
    ("has_path", "a pool has no path"),
    ("host_not_allowed", "without a password, only names of this machine are answered"),
    ("in_use", "the pool still has endpoints or jobs"),
    ("incomplete", "the request broke off"),
    ("internal", "something went wrong here; it is in the log"),
    ("invalid", "the request cannot be accepted"),
    ("key_taken", "another endpoint has the key"),
    ("longer_than_hours", "the SLA is longer than its hours at a time"),
    ("longer_than_sla", "calls would be further apart than the SLA allows"),
    ("masked", "`••••` stands for a value that is not kept here; write it out"),
    ("method_not_allowed", "the path takes other methods; see `Allow`"),
    ("missing", "the field must be there"),
    (
        "moved",
        "everything is being moved, or was moved, to another database, or is on its way here; `detail` names the place",
    ),
    ("never", "it would never be called"),
    ("no_host", "the URL has no host"),
    ("no_length", "the window ends when it starts"),
    ("no_mail_server", "`SMTP_URL` is not set, so nothing can be mailed"),
    ("no_scheme", "the URL does not begin with `https://` or `http://`"),
    ("no_such_day", "no calendar has this day"),
    ("no_topic", "the URL of ntfy has no topic"),
    ("not_a_certificate", "it is no certificate"),
    ("not_a_duration", "it is no duration"),
    ("not_a_key", "it is no key"),
    ("not_a_network", "it is no network"),
    ("not_a_number", "it is no whole number"),
    ("not_a_time", "it is no time"),
    ("not_a_weekday", "it is no weekday"),
    ("not_a_window", "it is no part of the day"),
    ("not_an_address", "it is no e-mail address"),
    ("not_an_exception", "it is no exception to a schedule"),
    ("not_an_id", "it is no UUID"),
    ("not_every", "only a period can have a jitter"),
    ("not_found", "there is no such thing"),
    ("not_here", "the field is set elsewhere"),
    ("not_json", "the body is no JSON, or `Content-Type` does not say that it is"),
    ("not_kept", "figures of so long ago are kept less finely"),
    ("not_ready", "the database does not answer, or takes no writes"),
    ("not_recurring", "only what recurs has bounds"),
    ("not_utf8", "it is no UTF-8"),
    ("not_whole_days", "above a day, a period must be whole days"),
    ("not_writable", "the database takes no writes"),
    ("out_of_range", "it is outside its bounds, which `detail` names"),
    ("overlap", "two windows overlap"),
    ("pool_off", "the pool is switched off"),
    ("private_key", "a private key is where a certificate belongs"),
    ("proxy_not_allowed", "without a password, nothing is answered through a proxy"),
    ("refused", "the event is refused"),
    ("reserved", "the header belongs to the connection or to Naptime"),
    ("says_nothing", "which ones are meant must be said"),
    ("several_keys", "there is more than one private key"),
    ("shorter_than_period", "the SLA is shorter than the longest time between two calls"),
    ("stale", "somebody else has changed it meanwhile"),
    ("taken", "there is one of this name already"),
    ("too_large", "the body is too large"),
    ("too_long", "it is too long"),
    ("too_many", "there are too many of them"),
    ("too_many_attempts", "too many wrong tokens came from this address; see `Retry-After`"),
    ("too_many_requests", "requests come too fast; see `Retry-After`"),
    ("too_many_rules", "there are as many rules as there may be"),
    ("too_many_values", "the body has more than 10,000 values"),
    ("too_many_words", "there are more words than may be searched for"),
    ("too_narrow", "the windows of a day are shorter than the period"),
    ("too_often", "it would be called more often than the shortest period allows"),
    ("too_slow", "the body did not arrive in time"),
    ("unauthorized", "no token, or a wrong one"),
    ("unavailable", "the database does not answer; try again"),
    ("unknown_action", "there is no such action"),
    ("unknown_condition", "a condition looks at what there is not"),
    ("unknown_event", "no rule waits for this event"),
    ("unknown_field", "the object has no such field"),
    ("unknown_kind", "there is no such kind"),
    ("unknown_method", "the method is none that can be called with"),
    ("unknown_parameter", "the request has no such parameter"),
    ("unknown_schedule", "there is no such kind of schedule"),
    ("unknown_severity", "the severity is `bad` or `warn`"),
    ("unknown_sort", "the list is not sorted by that"),
    ("unknown_state", "there is no such state"),
    ("unknown_test", "a condition has a test that there is not"),
    ("unknown_unit", "the unit of time is none"),
    ("unknown_value", "the value is none of those there are"),
    ("unknown_word", "the word is none of those there are"),
    ("unknown_zone", "there is no such time zone"),
    ("userinfo", "the URL holds a user or a password, which belong in a header"),
    ("worker_died", "two workers died over the event"),
    ("wrong_state", "the job is in another state"),
    ("wrong_type", "it is JSON of another type"),
];

/// Whether a code is documented.
pub(crate) fn is_known(code: &str) -> bool {
    CODES.binary_search_by_key(&code, |(known, _)| known).is_ok()
}

/// What a `code` may be.
pub(crate) fn schema() -> Object {
    let codes = CODES.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}"));
    let description = format!("What is wrong, for programs:\n\n{}", codes.collect::<Vec<_>>().join("\n"));
    let schema = Object::builder().schema_type(Type::String).description(Some(description));
    schema.enum_values(Some(CODES.map(|(code, _)| code))).build()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::{fs, io};

    use super::*;

    #[test]
    fn codes_are_sorted_each_once() {
        assert!(CODES.is_sorted_by(|(one, _), (other, _)| one < other));
    }

    /// What is written in the sources is known here. Those that pass through a helper are found as they are sent: see
    /// [`Problem::document`](crate::http::problem::Problem::document).
    #[test]
    fn codes_in_the_sources_are_known() -> io::Result<()> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = Vec::new();
        for name in ["naptime-core", "naptime-events", "naptime-alerts", "naptime-web"] {
            read_sources(&crates.join(name).join("src"), &mut |text| {
                for before in ["Invalid::new(", "Problem::new(StatusCode::", "bad_request("] {
                    let after = text.split(before).skip(1);
                    let second = after.filter_map(|text| text.split_once(", ").map(|(_, text)| text.trim_start()));
                    let code =
                        second.filter_map(|text| text.strip_prefix('"')?.split_once("\",").map(|(code, _)| code));
                    found.extend(code.map(str::to_owned));
                }
            })?;
        }
        assert!(found.len() > 50, "{found:?}");
        let unknown: Vec<&String> = found.iter().filter(|code| !is_known(code)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        Ok(())
    }

    fn read_sources(folder: &Path, with: &mut impl FnMut(&str)) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                read_sources(&path, with)?;
            } else if !path.ends_with("amqp.rs") {
                // The settings of a broker are told when it is started. Tests make up codes of their own.
                let text = fs::read_to_string(&path)?;
                with(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
            }
        }
        Ok(())
    }
}
