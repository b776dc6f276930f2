//! Runs of all endpoints, the page of each, and what is kept of what was answered.

use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Misbehaving, Target};
use naptime_tests::{Naptime, eventually};
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(
    the_ends_of_a_streak_lie_beside_the_last_good_answer,
    runs_of_all_are_listed_and_filtered,
    what_is_kept_is_for_the_endpoint_to_say,
    what_is_no_run_is_not_found,
    what_is_not_called_is_a_row_that_says_why,
    numbers_of_the_overview_lead_to_what_they_count,
);

/// The path of the page of a run, which is that of the API behind `/api`.
fn path(run: &Value) -> String {
    format!("/runs/{}/{}", run["job"].as_str().unwrap(), run["id"].as_str().unwrap())
}

async fn transcript(web: &Web, run: &Value) -> Value {
    let reply = web.get(&format!("/api{}", path(run))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let mut whole = reply.value();
    let transcript = whole["transcript"].take();
    whole.as_object_mut().unwrap().remove("transcript");
    assert_eq!(whole, *run, "the run by itself is the one of the list");
    transcript
}

async fn call(web: &Web, endpoint: &str, count: usize) -> Value {
    web.call_now(endpoint).await;
    web.runs(endpoint, count).await.remove(count - 1)
}

async fn the_ends_of_a_streak_lie_beside_the_last_good_answer(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let more =
        json!({"name": "charge cards", "method": "POST", "body": "{}", "headers": {"X-Api-Key": "open-sesame-17"}});
    let endpoint = web.add_on_demand(&target.url("/charge?token=very-secret-1"), &more).await;
    target.on("/charge", Answer::ok().header("x-shop", "3").body("charged\nno trouble <at> all\n"));
    let good = call(&web, &endpoint, 1).await;
    let mut bad = Vec::new();
    for (n, what) in [(2, "no paper"), (3, "no ink"), (4, "no open-sesame-17")] {
        let answer = Answer::status(500).header("x-shop", "3").header("set-cookie", "sid=1");
        target.on("/charge", answer.body(format!("charged\n{what}\n")));
        bad.push(call(&web, &endpoint, n).await);
    }

    let first = transcript(&web, &bad[0]).await;
    assert_eq!(
        (&first["body"], &first["encoding"], &first["whole"]),
        (&json!("charged\nno paper\n"), &json!("text"), &json!(true))
    );
    let head = first["head"].as_str().unwrap();
    assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\n"), "{head}");
    assert!(head.contains("x-shop: 3\n") && head.contains("set-cookie: ••••\n"), "{head}");
    let request = first["request"].as_str().unwrap();
    assert!(request.starts_with("POST http://127.0.0.1") && request.contains("x-api-key: ••••\n"), "{request}");
    assert!(request.contains("/charge?token=••••\n") && request.contains("idempotency-key: "), "{request}");
    assert!(first["phases_us"]["first_byte"].is_u64() && first["phases_us"]["rest"].is_u64(), "{first}");

    assert_eq!(transcript(&web, &bad[1]).await, Value::Null, "neither the first nor the last");
    let last = transcript(&web, &bad[2]).await;
    assert_eq!(last["body"], "charged\nno ••••\n");
    assert_eq!(transcript(&web, &good).await["body"], "charged\nno trouble <at> all\n");

    let page = web.get(&path(&bad[0])).await.text;
    for part in [
        "<mark>no paper</mark>",
        "<mark>no trouble &lt;at&gt; all</mark>",
        "<mark>HTTP/1.1 500 Internal Server Error</mark>",
        "\nx-shop: 3\n",
        "curl --request POST",
        &path(&good),
    ] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(
        !page.contains("<mark>charged") && !page.contains("open-sesame") && !page.contains("very-secret"),
        "{page}"
    );
    let page = web.get(&path(&bad[1])).await.text;
    assert!(page.contains("It was not kept. Of each streak of failures"), "{page}");

    // The next good one belongs to the streak; of those after it one a day is kept, which is there already.
    target.on("/charge", Answer::ok().body("charged again"));
    let again = call(&web, &endpoint, 5).await;
    let then = call(&web, &endpoint, 6).await;
    assert_eq!(transcript(&web, &again).await["body"], "charged again");
    assert_eq!(transcript(&web, &then).await, Value::Null);
    let list = web.get(&endpoint.replace("/api", "")).await.text;
    assert!(list.contains(&path(&bad[2])), "a run leads to its page: {list}");
}

async fn runs_of_all_are_listed_and_filtered(start: Start) {
    let target = Target::start().await;
    let gone = Misbehaving::resetting().await;
    let web = Web::start(start).await;
    target.on("/bad", Answer::status(404).body("no such page"));
    let fine = web.add_on_demand(&target.url("/fine"), &json!({"tags": ["shop"]})).await;
    let bad = web.add_on_demand(&target.url("/bad"), &json!({"name": "billing", "tags": ["shop"]})).await;
    let cut = web.add_on_demand(&gone.url("/"), &json!({})).await;
    for (endpoint, count) in [(&fine, 1), (&bad, 1), (&cut, 1), (&fine, 2)] {
        call(&web, endpoint, count).await;
    }
    let id = |endpoint: &str| endpoint.rsplit('/').next().unwrap().to_owned();
    let listed = async |query: &str| -> Vec<String> {
        let items = web.items(&format!("/api/runs{query}")).await;
        items.iter().map(|run| run["job"].as_str().unwrap().to_owned()).collect()
    };
    let [fine, bad, cut] = [&fine, &bad, &cut].map(|endpoint| id(endpoint));
    let check = async |query: &str, expect: &[&String]| {
        assert_eq!(listed(query).await.iter().collect::<Vec<_>>(), expect, "{query}");
    };
    check("", &[&fine, &cut, &bad, &fine]).await;
    check("?outcome=ok", &[&fine, &fine]).await;
    check("?outcome=bad", &[&cut, &bad]).await;
    check("?outcome=failed", &[&bad]).await;
    check("?tag=shop&outcome=bad", &[&bad]).await;
    check("?q=billing", &[&bad]).await;
    check("?q=nothing", &[]).await;
    check(&format!("?pool={}", target.url("")), &[&fine, &bad, &fine]).await;
    check(&format!("?job={cut}"), &[&cut]).await;
    check(&format!("?job={cut}&tag=shop"), &[]).await;
    check("?worker=00000000-0000-0000-0000-000000000000", &[]).await;
    let all = web.items("/api/runs").await;
    let at = |n: usize| all[n]["finished"].as_str().unwrap();
    check(&format!("?from={}&until={}", at(2), at(0)), &[&cut, &bad]).await;
    let page = web.get("/api/runs?limit=3").await.value();
    let next = page["next_cursor"].as_str().unwrap();
    check(&format!("?limit=3&cursor={next}"), &[&fine]).await;

    let refused = async |query: &str, code: &str, field: &str| {
        web.get(&format!("/api/runs?{query}")).await.is_problem(400, code, field);
    };
    refused("outcome=late", "unknown_word", "outcome").await;
    refused("from=soon", "not_a_time", "from").await;
    refused("job=7", "not_an_id", "job").await;
    refused("endpoint=7", "unknown_parameter", "endpoint").await;
    refused("cursor=7", "bad_cursor", "cursor").await;

    let page = web.get("/runs?outcome=bad&tag=shop").await.text;
    assert!(page.contains("billing") && page.contains(&path(&all[2])) && !page.contains(&path(&all[1])), "{page}");
    assert_eq!(web.get("/runs?outcome=late").await.status, 400);
}

async fn what_is_kept_is_for_the_endpoint_to_say(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    target.on("/bytes", Answer::ok().body(vec![0xff, 0x00, 0x1f]));
    let all = web.add_on_demand(&target.url("/bytes"), &json!({"keep": "all"})).await;
    let (first, second) = (call(&web, &all, 1).await, call(&web, &all, 2).await);
    for run in [&first, &second] {
        let kept = transcript(&web, run).await;
        assert_eq!((&kept["body"], &kept["encoding"]), (&json!("ff001f"), &json!("hex")));
    }
    target.on("/long", Answer::status(500).body("x".repeat(40_000)));
    let long = web.add_on_demand(&target.url("/long"), &json!({})).await;
    let kept = transcript(&web, &call(&web, &long, 1).await).await;
    assert_eq!((kept["body"].as_str().unwrap().len(), &kept["whole"]), (16 * 1024, &json!(false)));
    let none = web.add_on_demand(&target.url("/long"), &json!({"keep": "none"})).await;
    assert_eq!(web.get(&none).await.value()["keep"], "none");
    let run = call(&web, &none, 1).await;
    assert_eq!(transcript(&web, &run).await, Value::Null);
    assert!(web.get(&path(&run)).await.text.contains("No answer is kept, as it is set up"));
    web.post("/api/endpoints", &json!({"url": target.url("/"), "every": "1d", "keep": "some"})).await.is_problem(
        422,
        "unknown_word",
        "keep",
    );
}

async fn what_is_no_run_is_not_found(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let endpoint = web.add_on_demand(&target.url("/"), &json!({})).await;
    let run = call(&web, &endpoint, 1).await;
    let other = "01890000-0000-7000-8000-000000000000";
    let (job, id) = (run["job"].as_str().unwrap(), run["id"].as_str().unwrap());
    for path in [format!("/runs/{job}/{other}"), format!("/runs/{other}/{id}"), format!("/runs/{job}/x")] {
        let page = web.get(&path).await;
        assert!(page.status == 404 && page.text.contains("No such run"), "{path}: {}", page.text);
    }
    web.get(&format!("/api/runs/{job}/{other}")).await.is_problem(404, "not_found", "id");
    web.get(&format!("/api/runs/{job}/x")).await.is_problem(400, "not_an_id", "id");
}

/// A target that does not answer leaves what is known: what was sent, and how far the call came.
#[tokio::test]
async fn a_call_without_an_answer_keeps_what_was_sent() {
    let target = Target::start().await;
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file)).await;
    target.on("/slow", Answer::never());
    let endpoint = web.add_on_demand(&target.url("/slow"), &json!({"timeout": "1s"})).await;
    let run = call(&web, &endpoint, 1).await;
    let kept = transcript(&web, &run).await;
    assert!(kept["request"].as_str().unwrap().starts_with("GET http://127.0.0.1"), "{kept}");
    assert_eq!((&kept["head"], &kept["body"]), (&json!(""), &json!("")));
    let phases = &kept["phases_us"];
    assert!(phases["connect"].is_u64() && phases["first_byte"].is_null(), "{kept}");
    let page = web.get(&path(&run)).await.text;
    assert!(page.contains("(no answer)") && page.contains("Connection"), "{page}");
}

/// A pool is off for a while, and an endpoint is edited: both leave rows, and the figures are right meanwhile.
async fn what_is_not_called_is_a_row_that_says_why(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (path, _) = web.add(json!({"url": target.url("/steady"), "every": "1s", "active": true})).await;
    web.runs(&path, 1).await;
    let pool = format!("/api/pools/{}", target.url("").replace("://", "/"));
    web.patch(&pool, &json!({"active": false})).await;
    let page = path.replace("/api", "");
    eventually(SOON, "the page counts what passes meanwhile", async || {
        let text = web.get(&page).await.text;
        let waits = text.contains("further occurrences passed meanwhile, and will not be called");
        (waits && !text.contains("outcome=skipped\">0</a>")).then_some(())
    })
    .await;
    web.patch(&pool, &json!({"active": true})).await;
    let rows = async || web.items("/api/runs?outcome=skipped").await;
    let row =
        eventually(SOON, "a row", async || rows().await.into_iter().find(|row| row["skipped"]["reason"] == "pool_off"))
            .await;
    assert!(row["skipped"]["count"].as_u64() >= Some(2), "{row}");
    assert_eq!((&row["outcome"], &row["attempt"], &row["status"]), (&json!("skipped"), &json!(0), &Value::Null));
    assert_eq!(row["message"], "the pool was switched off");
    let shown = web.get(&format!("/runs/{}/{}", row["job"].as_str().unwrap(), row["id"].as_str().unwrap())).await.text;
    assert!(shown.contains("Not called at ") && shown.contains("the pool was switched off"), "{shown}");
    // All rows together are what is counted.
    web.patch(&path, &json!({"active": false})).await;
    eventually(SOON, "rows and counter say the same", async || {
        let told: u64 = rows().await.iter().filter_map(|row| row["skipped"]["count"].as_u64()).sum();
        (web.get(&path).await.value()["counters"]["missed"].as_u64() == Some(told)).then_some(())
    })
    .await;
    let list = web.get("/runs?outcome=skipped").await.text;
    assert!(list.contains("not called") && list.contains("the pool was switched off"), "{list}");
    assert!(web.items("/api/runs?outcome=bad").await.is_empty(), "what was not called did not end badly");
}

/// The figure of a tile of the overview, and where it leads.
fn tile(page: &str, label: &str) -> (u64, String) {
    let (_, rest) = page.split_once(&format!("<dt>{label}</dt><dd><strong><a href=\"")).unwrap();
    let (link, rest) = rest.split_once("\">").unwrap();
    let figure = rest.split("</").next().unwrap().trim_end_matches(" %").parse().unwrap_or(0);
    (figure, link.replace("&amp;", "&"))
}

async fn numbers_of_the_overview_lead_to_what_they_count(start: Start) {
    let target = Target::start().await;
    target.on("/bad", Answer::status(500));
    let web = Web::start(start).await;
    let fine = web.add_on_demand(&target.url("/fine"), &json!({})).await;
    let bad = web.add_on_demand(&target.url("/bad"), &json!({})).await;
    for (endpoint, count) in [(&fine, 1), (&bad, 1), (&fine, 2), (&fine, 3), (&bad, 2)] {
        call(&web, endpoint, count).await;
    }
    web.add(json!({"url": target.url("/seldom"), "every": "366d", "active": true})).await;
    let page = eventually(SOON, "the figures are there", async || {
        let page = web.get("/").await.text;
        (tile(&page, "Calls, last hour").0 == 5).then_some(page)
    })
    .await;
    assert!(page.contains("2 did not"), "{page}");
    for (label, figure, counted) in [("Calls, last hour", 5, 5), ("Ended well", 60, 2), ("Endpoints active", 1, 1)] {
        let (shown, link) = tile(&page, label);
        assert_eq!((shown, web.items(&format!("/api{link}")).await.len()), (figure, counted), "{label}: {link}");
        assert_eq!(web.get(&link).await.status, 200, "{link}");
    }
}
