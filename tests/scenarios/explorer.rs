//! The list of endpoints as a tool to find some: tabs that count what they lead to, filters that add up, heads to sort
//! by, and pages in both directions.

use naptime_tests::eventually;
use naptime_tests::naptime::Start;
use naptime_tests::target::{Answer, Target};
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{SOON, Web, on_both_stores, send};

on_both_stores!(
    a_tab_leads_to_as_many_as_it_counts,
    filters_add_up,
    a_list_is_sorted_by_its_heads,
    pages_are_turned_in_both_directions,
    a_row_tells_how_a_day_went,
);

/// The addresses and numbers of the tabs.
fn tabs(page: &str) -> Vec<(String, Option<usize>)> {
    let nav = page.split("<nav class=\"stages\"").nth(1).unwrap().split("</nav>").next().unwrap();
    let read = |link: &str| {
        let href = link.split('"').next()?.replace("&amp;", "&");
        let count = link.split("class=\"count\">").nth(1).and_then(|rest| rest.split('<').next()?.parse().ok());
        Some((href, count))
    };
    nav.split("href=\"").skip(1).filter_map(read).collect()
}

/// The channels of the endpoints that a page lists, in its order.
fn listed(page: &str) -> Vec<String> {
    let rows = page.split("<tbody>").nth(1).unwrap_or_default().split("<span class=\"channel\">").skip(1);
    rows.map(|row| row.split('<').next().unwrap().to_owned()).collect()
}

/// Where the link with this attribute leads.
fn href(page: &str, with: &str) -> Option<String> {
    let link = page.split("<a ").find(|link| link.split('>').next().unwrap().contains(with))?;
    Some(link.split("href=\"").nth(1)?.split('"').next()?.replace("&amp;", "&"))
}

async fn page(web: &Web, path: &str) -> String {
    let reply = web.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.text
}

async fn a_tab_leads_to_as_many_as_it_counts(start: Start) {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500));
    target.on("/hangs", Answer::never());
    let web = Web::start(start).await;
    let add = async |path: &str, more: Value| {
        let mut new = json!({"url": target.url(path), "every": "366d", "active": true, "retry": {"attempts": 1}});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        web.add(new).await.0
    };
    for path in ["/a", "/b"] {
        add(path, json!({})).await;
    }
    for (path, more) in [
        ("/off", json!({"active": false})),
        ("/paused", json!({"pause": {"note": "it moves"}})),
        // Seldom enough not to be held over, which counts as running.
        ("/fails", json!({"every": "4s"})),
    ] {
        add(path, more).await;
    }
    web.call_now(&add("/hangs", json!({"timeout": "2m"})).await).await;
    // It breaks its promise, and is called no more.
    let broken = add("/fails", json!({"every": "1s", "sla": "2s", "tags": ["broken"]})).await;
    eventually(SOON, "it breaks its promise", async || {
        (web.items("/api/endpoints?state=breach").await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(web.patch(&broken, &json!({"active": false})).await.status, 200);
    let expect = [
        ("/endpoints", 7),
        ("/endpoints?state=failing", 1),
        ("/endpoints?state=late", 0),
        ("/endpoints?state=breach", 1),
        ("/endpoints?state=running", 1),
        ("/endpoints?state=paused", 1),
        ("/endpoints?state=off", 2),
        ("/endpoints?state=healthy", 3),
    ];
    let expect = expect.map(|(href, count)| (href.to_owned(), Some(count)));
    // The one that fails is called now and then.
    eventually(SOON, "the tabs count them", async || {
        Some(tabs(&page(&web, "/endpoints").await)).filter(|tabs| tabs[..] == expect)
    })
    .await;
    for (href, count) in expect {
        let list = eventually(SOON, &format!("{href} lists as many"), async || {
            Some(page(&web, &href).await).filter(|list| Some(listed(list).len()) == count)
        })
        .await;
        assert!(list.contains(&format!("href=\"{href}\" aria-current=\"page\"")), "{href}: {list}");
        eventually(SOON, "so does the API", async || {
            Some(web.items(&format!("/api{href}")).await.len()).filter(|listed| Some(*listed) == count)
        })
        .await;
    }
    // A tab keeps the rest of a filter, of which its number would not be.
    let tabs = tabs(&page(&web, "/endpoints?tag=broken&state=off").await);
    assert_eq!(tabs[1], ("/endpoints?state=failing&tag=broken".to_owned(), None));
    let row = page(&web, "/endpoints?state=failing").await;
    assert!(row.contains("class=\"ends\"") && row.contains("0 %") && row.contains("lag "), "{row}");
}

async fn filters_add_up(start: Start) {
    let web = Web::start(start).await;
    let add = async |url: &str, name: &str, more: Value| {
        let mut new = json!({"url": url, "name": name});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        web.add(new).await;
    };
    add("http://127.0.0.1:9/pay", "Charge cards", json!({"every": "366d", "active": true, "tags": ["money"]})).await;
    add("http://127.0.0.1:9/refund", "Refund cards", json!({"cron": "0 3 1 1 *", "active": true, "tags": ["money"]}))
        .await;
    add("http://127.0.0.2:9/pay", "", json!({"random": "7d", "tags": ["money", "nightly"]})).await;
    let cases: [(&str, &[&str]); 9] = [
        ("q=cards+127.0.0.1", &["/pay", "/refund"]),
        ("q=CARDS+charge", &["/pay"]),
        ("q=nightly+charge", &[]),
        ("q=money&schedule=cron", &["/refund"]),
        ("schedule=random&state=off", &["/pay"]),
        ("schedule=every&state=off", &[]),
        ("state=on&tag=money&pool=http://127.0.0.1:9&q=pay", &["/pay"]),
        ("state=healthy&active=true&sort=-url", &["/refund", "/pay"]),
        ("state=on&active=false", &[]),
    ];
    for (query, expect) in cases {
        let items = web.items(&format!("/api/endpoints?{query}")).await;
        assert_eq!(items.iter().map(|it| it["channel"].as_str().unwrap()).collect::<Vec<_>>(), expect, "{query}");
        assert_eq!(listed(&page(&web, &format!("/endpoints?{query}")).await), expect, "{query}");
    }
    for (query, code, field) in [
        ("state=ill", "unknown_state", "state"),
        ("schedule=once", "unknown_schedule", "schedule"),
        ("outcome=ok", "unknown_word", "outcome"),
        ("sort=age", "unknown_sort", "sort"),
        ("active=yes", "wrong_type", "active"),
    ] {
        web.get(&format!("/api/endpoints?{query}")).await.is_problem(400, code, field);
        assert_eq!(web.get(&format!("/endpoints?{query}")).await.status, 400, "{query}");
    }
    let many = format!("q={}", "a+".repeat(30));
    web.get(&format!("/api/endpoints?{many}")).await.is_problem(400, "too_many_words", "q");
    assert_eq!(web.get(&format!("/jobs?{many}")).await.status, 400);
}

async fn a_list_is_sorted_by_its_heads(start: Start) {
    let web = Web::start(start).await;
    for (channel, name) in [("/1", "c"), ("/2", "a"), ("/3", "b")] {
        web.add(json!({"url": format!("http://127.0.0.1:9{channel}"), "every": "1d", "name": name})).await;
    }
    let list = page(&web, "/endpoints?q=127").await;
    assert_eq!(listed(&list), ["/1", "/2", "/3"]);
    assert!(
        list.contains(
            "aria-sort=\"ascending\"><a href=\"/endpoints?q=127&amp;sort=-url\" aria-current=\"true\">Endpoint"
        ),
        "{list}"
    );
    assert_eq!(listed(&page(&web, &href(&list, "sort=-url").unwrap()).await), ["/3", "/2", "/1"]);
    let by_name = page(&web, &href(&list, "sort=name").unwrap()).await;
    assert_eq!(listed(&by_name), ["/2", "/3", "/1"]);
    assert!(
        by_name
            .contains("aria-sort=\"ascending\"><a href=\"/endpoints?q=127&amp;sort=url\">Endpoint</a> <a href=\"/endpoints?q=127&amp;sort=-name\" aria-current=\"true\">name<"),
        "{by_name}"
    );
    let back = page(&web, &href(&by_name, "sort=-name").unwrap()).await;
    assert_eq!(listed(&back), ["/1", "/3", "/2"]);
    assert!(back.contains("aria-sort=\"descending\"") && back.contains("sort=name"), "{back}");
    // What calls change: none of these is called, so the ids decide.
    for by in ["next", "last", "lag", "success"] {
        let sorted = listed(&page(&web, &href(&back, &format!("sort={by}")).unwrap()).await);
        let mut reversed = listed(&page(&web, &format!("/endpoints?sort=-{by}")).await);
        reversed.reverse();
        assert_eq!((sorted.len(), &sorted), (3, &reversed), "{by}");
    }
    // A filter by hand keeps the order.
    assert!(back.contains("<input type=\"hidden\" name=\"sort\" value=\"-name\">"), "{back}");
}

async fn pages_are_turned_in_both_directions(start: Start) {
    let web = Web::start(start).await;
    for n in 0..120 {
        web.add(json!({"url": format!("http://127.0.0.1:9/{n:03}"), "every": "1d", "name": format!("{}", n % 7)}))
            .await;
    }
    for path in ["/endpoints?state=off", "/endpoints?q=127&sort=-name"] {
        let first = page(&web, path).await;
        assert_eq!((href(&first, "rel=\"prev\""), listed(&first).len()), (None, 50));
        let second = page(&web, &href(&first, "rel=\"next\"").unwrap()).await;
        let third = page(&web, &href(&second, "rel=\"next\"").unwrap()).await;
        assert_eq!((href(&third, "rel=\"next\""), listed(&third).len()), (None, 20));
        let all: Vec<String> = [&first, &second, &third].into_iter().flat_map(|it| listed(it)).collect();
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 120, "{path}");
        let back = page(&web, &href(&third, "rel=\"prev\"").unwrap()).await;
        assert_eq!(listed(&back), listed(&second), "{path}");
        let back = page(&web, &href(&back, "rel=\"prev\"").unwrap()).await;
        assert_eq!((listed(&back), href(&back, "rel=\"prev\"")), (listed(&first), None), "{path}");
        assert!(href(&back, "rel=\"next\"").is_some());
    }
    assert_eq!(web.get("/endpoints?cursor=%3Cx").await.status, 400);
}

async fn a_row_tells_how_a_day_went(start: Start) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let third = web.add_on_demand(&target.url("/third"), &json!({"name": "third"})).await;
    let fine = web.add_on_demand(&target.url("/fine"), &json!({"name": "fine"})).await;
    web.add_on_demand(&target.url("/quiet"), &json!({"name": "quiet"})).await;
    for n in 1..=6 {
        target.on("/third", if n % 3 == 0 { Answer::status(500) } else { Answer::ok() });
        web.call_now(&third).await;
        web.runs(&third, n).await;
    }
    web.call_now(&fine).await;
    web.runs(&fine, 1).await;

    let items = web.items("/api/endpoints").await;
    let of = |channel: &str| &items.iter().find(|it| it["channel"] == channel).unwrap()["last_day"];
    let day = of("/third");
    assert_eq!((&day["calls"], &day["ok"]), (&json!(6), &json!(4)), "{day}");
    assert!((day["success"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9 && day["lag_p99_ms"].is_u64(), "{day}");
    assert_eq!((&of("/fine")["success"], of("/quiet")), (&json!(1.0), &Value::Null));
    assert_eq!(&web.get(&third).await.value()["last_day"], day, "by itself it says the same");

    let row = page(&web, "/endpoints?q=third").await;
    assert!(row.contains("title=\"4 of 6 calls within 24 hours ended well\">67 %</span>"), "{row}");
    assert!(row.contains("title=\"How late 99 % of 6 calls within 24 hours were at most\">lag "), "{row}");
    let detail = page(&web, third.strip_prefix("/api").unwrap()).await;
    assert!(detail.contains("4 of 6 calls ended well"), "{detail}");

    // Those that were not called come last by their success, and first by their lag.
    for path in ["/endpoints?sort=success", "/endpoints?sort=-lag"] {
        let listed = listed(&page(&web, path).await);
        assert_eq!(listed.last().map(String::as_str), Some("/quiet"), "{path}: {listed:?}");
    }
    assert_eq!(listed(&page(&web, "/endpoints?sort=success").await), ["/third", "/fine", "/quiet"]);
    for outcome in ["bad", "failed"] {
        let found = page(&web, &format!("/endpoints?outcome={outcome}")).await;
        assert_eq!(listed(&found), ["/third"], "{outcome}");
        assert!(found.contains(&format!("<option value=\"{outcome}\" selected>")), "{found}");
    }
    // What is done to many goes by it, too.
    let counted = send(web.request(Method::POST, "/api/endpoints/call?outcome=bad&dry_run=true")).await;
    assert_eq!((counted.status, &counted.value()["count"]), (200, &json!(1)), "{}", counted.text);
    target.on("/third", Answer::ok());
    web.call_now(&third).await;
    web.runs(&third, 7).await;
    assert_eq!(web.items("/api/endpoints?outcome=bad").await.len(), 0);
}
