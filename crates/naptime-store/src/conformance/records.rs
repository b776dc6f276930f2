//! Records.

use futures::future::join_all;
use naptime_core::Rev;
use serde_json::json;

use super::Backend;
use super::case::Case;
use crate::records::Record;

pub async fn a_record_is_written_over_what_is_known<B: Backend>() {
    let case = Case::<B>::new().await;
    let other = case.backend.another().await;
    assert_eq!(case.store.records().await.expect("an answer"), []);
    let (one, two) = (json!({"b": 1, "a": ["ü", null]}), json!("two"));
    let put = |expect, value| case.store.put_record("a/1", expect, value);
    assert_eq!(put(Some(Rev(1)), one.clone()).await.expect("an answer"), None, "there is none");
    assert_eq!(put(None, one.clone()).await.expect("an answer"), Some(Rev(1)));
    assert_eq!(put(None, two.clone()).await.expect("an answer"), None, "there is one");
    let first = Record { id: "a/1".to_owned(), rev: Rev(1), value: one };
    assert_eq!(other.records().await.expect("an answer"), [first]);
    assert_eq!(other.put_record("a/1", Some(Rev(1)), two.clone()).await.expect("an answer"), Some(Rev(2)));
    assert_eq!(put(Some(Rev(1)), json!(3)).await.expect("an answer"), None, "it has been written since");
    assert!(!case.store.remove_record("a/1", Rev(1)).await.expect("an answer"));
    case.store.put_record("a/0", None, json!({})).await.expect("an answer");
    let ids: Vec<_> = other.records().await.expect("an answer").into_iter().map(|it| (it.id, it.value)).collect();
    assert_eq!(ids, [("a/0".to_owned(), json!({})), ("a/1".to_owned(), two)]);
    assert!(case.store.remove_record("a/1", Rev(2)).await.expect("an answer"));
    assert!(!case.store.remove_record("a/1", Rev(2)).await.expect("an answer"));
    assert_eq!(case.store.records().await.expect("an answer").len(), 1);
}

pub async fn of_those_who_write_the_same_record_one_does<B: Backend>() {
    let case = Case::<B>::new().await;
    let stores = [case.store.clone(), case.backend.another().await];
    for expect in [None, Some(Rev(1)), Some(Rev(2))] {
        let put = |n: usize| stores[n % 2].put_record("a", expect, json!(n));
        let written = join_all((0..8).map(put)).await;
        let written = written.into_iter().filter(|it| it.as_ref().expect("an answer").is_some()).count();
        assert_eq!(written, 1, "{expect:?}");
    }
}
