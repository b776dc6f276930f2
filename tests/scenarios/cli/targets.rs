//! Which endpoint is meant: by name, URL, id, or the beginning of an id.

use naptime_tests::naptime::Start;
use serde_json::json;

use super::naptime;
use crate::scenarios::web::{Web, on_both_stores};

on_both_stores!(one_is_found_and_many_are_named);

async fn one_is_found_and_many_are_named(start: Start) {
    let web = Web::start(start).await;
    let add = async |name: &str, path: &str| {
        let url = format!("http://127.0.0.1:9{path}");
        web.add(json!({"url": url, "every": "1d", "name": name})).await.1["id"].as_str().unwrap().to_owned()
    };
    let (first, second, third) = (add("twin", "/1").await, add("twin", "/2").await, add("only", "/3").await);

    naptime(&web, &["on", "twin"])
        .await
        .says(1, &["`twin` may be several", &first, &second, "twin (http://127.0.0.1:9/1)"]);
    // Ids begin with the time, so these have the same beginning.
    naptime(&web, &["on", &third[..6]]).await.says(1, &[&first, &second, &third]);
    naptime(&web, &["on", "nobody"]).await.says(1, &["no endpoint has the id, name, key or URL `nobody`"]);
    naptime(&web, &["on", &first.replace(|c: char| c != '-', "0")]).await.says(1, &["no endpoint has the id"]);
    // Nothing is done to the first if the second is not found.
    naptime(&web, &["on", "only", "nobody"]).await.says(1, &["`nobody`"]);
    assert_eq!(naptime(&web, &["list", "--on"]).await.rows().len(), 0);

    for said in ["only", &third, "http://127.0.0.1:9/3", &third.to_uppercase(), &third.replace('-', "")] {
        assert_eq!(naptime(&web, &["on", said, "--quiet"]).await.stdout, format!("{third}\n"), "{said}");
    }
    assert_eq!(naptime(&web, &["off", &third[..35], &first, "--quiet"]).await.stdout, format!("{third}\n{first}\n"));
    assert_eq!(naptime(&web, &["list", "--on"]).await.rows().len(), 0);
}
