//! How often passwords and tokens may be guessed, and that guesses keep nobody else out.

use futures::future::join_all;
use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::sqlite::File;
use reqwest::Method;

use super::login::{PASSWORD, TOKEN, locked, log_in, with_cookie, with_token};
use super::web::{Reply, Web, on_both_stores, send, with_form};

on_both_stores!(many_who_guess_keep_nobody_out);

/// Logs in as a proxy hands it on.
async fn log_in_from(web: &Web, forwarded_for: &str, password: &str) -> Reply {
    let request = web.request(Method::POST, "/login").header("x-forwarded-for", forwarded_for);
    send(with_form(request, &[("password", password)])).await
}

async fn with_token_from(web: &Web, forwarded_for: &str, token: &str) -> Reply {
    let request = web.request(Method::GET, "/api/endpoints").header("x-forwarded-for", forwarded_for);
    send(request.bearer_auth(token)).await
}

fn check_too_many(reply: &Reply) {
    assert_eq!((reply.status, reply.header("set-cookie")), (429, ""), "{}", reply.text);
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

async fn many_who_guess_keep_nobody_out(start: Start) {
    let start = start.env("NAPTIME_PASSWORD", PASSWORD).env("NAPTIME_API_TOKEN", TOKEN);
    let web = Web::start(start.env("NAPTIME_TRUST_PROXY", "1")).await;
    for round in 0..6 {
        let address = |n: usize| format!("198.51.{}.{}", n / 200, n % 200);
        let guess = async |n: usize| log_in_from(&web, &address(n), &format!("a wrong guess {round}")).await.status;
        let token = async |n: usize| with_token_from(&web, &address(n), &format!("wrong-{round}")).await.status;
        let statuses = join_all((0..100).map(guess)).await;
        let expected = if round < 5 { 401 } else { 429 };
        assert!(statuses.iter().all(|status| *status == expected), "round {round}: {statuses:?}");
        assert!(join_all((0..100).map(token)).await.iter().all(|status| *status == 401), "round {round}");
        // Everybody else gets in as ever.
        log_in_from(&web, &format!("192.0.2.{round}"), PASSWORD).await.leads_to("/");
        assert_eq!(with_token_from(&web, &format!("192.0.2.{round}"), TOKEN).await.status, 200);
    }
}

#[tokio::test]
async fn the_address_that_counts_is_the_one_the_router_saw() {
    let (file, heroku_file) = (File::fresh(), File::fresh());
    let starts = [locked(&file).env("NAPTIME_TRUST_PROXY", "1"), locked(&heroku_file).env("DYNO", "web.1")];
    for start in starts {
        let web = Web::start(start).await;
        // Whatever a client says itself stands before that.
        for n in 0..5 {
            let claimed = format!("192.0.2.{n}, 198.51.100.1");
            assert_eq!(log_in_from(&web, &claimed, &format!("a wrong guess {n}")).await.status, 401);
        }
        check_too_many(&log_in_from(&web, "192.0.2.9, 198.51.100.1", PASSWORD).await);
        check_too_many(&log_in_from(&web, "198.51.100.1", PASSWORD).await);
        log_in_from(&web, "198.51.100.1, 198.51.100.2", PASSWORD).await.leads_to("/");
    }
}

#[tokio::test]
async fn nobody_is_believed_where_no_proxy_is_trusted() {
    let (file, heroku_file) = (File::fresh(), File::fresh());
    let starts = [locked(&file), locked(&heroku_file).env("DYNO", "web.1").env("NAPTIME_TRUST_PROXY", "0")];
    for start in starts {
        let web = Web::start(start).await;
        for n in 0..5 {
            let reply = log_in_from(&web, &format!("192.0.2.{n}"), &format!("a wrong guess {n}")).await;
            assert_eq!(reply.status, 401);
        }
        check_too_many(&log_in_from(&web, "192.0.2.9", PASSWORD).await);
        check_too_many(&log_in(&web, PASSWORD).await);
        let said =
            web.naptime.lines().iter().filter(|line| line.text.contains("NAPTIME_TRUST_PROXY is not set")).count();
        assert_eq!(said, 1, "{}", web.naptime.output());
    }
}

#[tokio::test]
async fn tokens_are_guessed_a_few_times_only() {
    let file = File::fresh();
    let web = Web::start(locked(&file).env("NAPTIME_TRUST_PROXY", "1")).await;
    for n in 0..10 {
        with_token_from(&web, "198.51.100.1", &format!("wrong-{n}")).await.is_problem(401, "unauthorized", "");
    }
    for token in ["wrong", TOKEN] {
        let reply = with_token_from(&web, "198.51.100.1", token).await;
        reply.is_problem(429, "too_many_attempts", "");
        check_too_many(&reply);
    }
    assert_eq!(with_token_from(&web, "198.51.100.2", TOKEN).await.status, 200);
    assert_eq!(with_token(&web, "/metrics", &format!("Bearer {TOKEN}")).await.status, 200);
    // A program with an old token keeps nobody from the pages, who knows the password.
    let entered = log_in_from(&web, "198.51.100.1", PASSWORD).await;
    entered.leads_to("/");
    let cookie = entered.header("set-cookie").split(';').next().unwrap();
    assert_eq!(with_cookie(&web, "/api/endpoints", cookie).await.status, 200);
    // Nor do wrong passwords keep the programs out.
    for n in 0..6 {
        log_in_from(&web, "198.51.100.3", &format!("a wrong guess {n}")).await;
    }
    check_too_many(&log_in_from(&web, "198.51.100.3", PASSWORD).await);
    assert_eq!(with_token_from(&web, "198.51.100.3", TOKEN).await.status, 200);

    let only_token = File::fresh();
    let web = Web::start(Naptime::up(&only_token).env("NAPTIME_API_TOKEN", TOKEN)).await;
    for n in 0..10 {
        with_token(&web, "/api/endpoints", &format!("Bearer wrong-{n}")).await.is_problem(401, "unauthorized", "");
    }
    with_token(&web, "/api/endpoints", &format!("Bearer {TOKEN}")).await.is_problem(429, "too_many_attempts", "");
}
