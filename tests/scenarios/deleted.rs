//! Deleted endpoints: listed, looked at and restored, by the API and on the page.

use std::time::Duration;

use naptime_core::Time;
use naptime_tests::naptime::Start;
use reqwest::Method;
use serde_json::{Value, json};

use super::web::{Web, check_times, on_both_stores, send};

on_both_stores!(deleted_endpoints_are_listed_and_restored_by_the_api, deleted_endpoints_have_a_page);

/// The retention time, as it is by default.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

async fn add_and_delete(web: &Web, count: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for n in 0..count {
        let url = format!("http://127.0.0.1:9/{n}?a=b");
        let (path, _) = web.add(json!({"url": url, "every": "1h", "name": format!("number {n} <b>")})).await;
        assert_eq!(web.delete(&path).await.status, 204);
        paths.push(path);
    }
    paths
}

fn path_of(item: &Value) -> String {
    format!("/api/endpoints/{}", item["id"].as_str().unwrap())
}

async fn deleted_endpoints_are_listed_and_restored_by_the_api(start: Start) {
    let web = Web::start(start).await;
    let (stays, _) = web.add(json!({"url": "http://127.0.0.1:9/stays", "every": "1h"})).await;
    assert_eq!(web.items("/api/endpoints?deleted=true").await, [] as [Value; 0]);
    let mut paths = add_and_delete(&web, 5).await;
    // What one changes one's mind about in time does not show.
    let (restored, _) = web.add(json!({"url": "http://127.0.0.1:9/restored", "every": "1h", "active": true})).await;
    assert_eq!(web.delete(&restored).await.status, 204);
    let back = send(web.request(Method::POST, &format!("{restored}/restore"))).await;
    assert_eq!((back.status, &back.value()["deleted_at"], &back.value()["active"]), (200, &Value::Null, &json!(false)));

    paths.reverse();
    let items = web.items("/api/endpoints?deleted=true").await;
    assert_eq!(items.iter().map(path_of).collect::<Vec<_>>(), paths, "the last deleted first");
    for item in &items {
        check_times(item);
        let time = |name: &str| item[name].as_str().unwrap().parse::<Time>().unwrap();
        assert_eq!(time("kept_until"), time("deleted_at") + KEPT);
    }
    let first = web.get("/api/endpoints?deleted=true&limit=2").await.value();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = web.get(&format!("/api/endpoints?deleted=true&limit=3&cursor={cursor}")).await.value();
    assert_eq!(rest["items"].as_array().unwrap()[..], items[2..]);
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(web.items("/api/endpoints?deleted=true&q=NUMBER%203").await, items[1..2]);

    let listed: Vec<String> = web.items("/api/endpoints?deleted=false").await.iter().map(path_of).collect();
    assert_eq!(listed, [restored, stays.clone()]);
    web.get("/api/endpoints?deleted=1").await.is_problem(400, "wrong_type", "deleted");
    web.get("/api/endpoints?deleted=true&cursor=x").await.is_problem(400, "bad_cursor", "cursor");
    // What is not deleted is as asked already.
    let again = send(web.request(Method::POST, &format!("{stays}/restore"))).await;
    assert_eq!((again.status, &again.value()["rev"]), (200, &json!(1)));
    let unknown = send(web.request(Method::POST, "/api/endpoints/00000000-0000-7000-8000-000000000000/restore")).await;
    assert_eq!(unknown.status, 404);
}

async fn deleted_endpoints_have_a_page(start: Start) {
    let web = Web::start(start).await;
    let page = web.get("/endpoints/deleted").await;
    assert!(page.status == 200 && page.text.contains("No endpoint has been deleted lately."), "{}", page.text);
    assert!(web.get("/endpoints").await.text.contains("href=\"/endpoints/deleted\""));
    let paths = add_and_delete(&web, 52).await;
    let pages: Vec<&str> = paths.iter().map(|path| path.strip_prefix("/api").unwrap()).collect();

    let first = web.get("/endpoints/deleted").await.text;
    let at = |page: &&str| first.find(&format!("href=\"{page}\""));
    assert!(at(&pages[51]).unwrap() < at(&pages[50]).unwrap(), "the last deleted first");
    assert_eq!(pages.iter().filter_map(at).count(), 50);
    assert!(
        first.contains("number 51 &lt;b&gt;") && first.contains("/51?a=b") && first.contains("Each is kept for 7d")
    );
    let next = first.split("href=\"").find(|link| link.starts_with("/endpoints/deleted?cursor=")).unwrap();
    let second = web.get(next.split('"').next().unwrap()).await.text;
    assert!(second.contains(pages[1]) && second.contains(pages[0]) && !second.contains(pages[2]), "{second}");

    // The button of a row leads to the endpoint, which is there again.
    assert!(second.contains(&format!("action=\"{}/restore\"", pages[0])));
    web.form(&format!("{}/restore", pages[0]), &[]).await.leads_to(pages[0]);
    assert!(!web.get("/endpoints/deleted").await.text.contains(pages[0]));
    assert!(web.get("/endpoints").await.text.contains(pages[0]));
    assert_eq!(web.get("/endpoints/deleted?cursor=x").await.status, 400);
}
