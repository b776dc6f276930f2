//! Rules, and the jobs that are found by their keys.

use naptime_core::{Action, Change, Edit, Job, Rev, Rule, Spec, Template};
use serde_json::json;
use uuid::Uuid;

use super::Backend;
use super::case::{Case, SECONDS, about, new_job};
use super::queued::keyed;
use crate::rules::{Expect, MOST_RULES};
use crate::{Added, Error, PageRef, StoredRule};

fn rule(name: &str, event: &str) -> Rule {
    Rule { name: name.into(), event: event.into(), job: "{{ key }}".into(), then: Action::Delete, enabled: true }
}

/// A rule with something in every field that stores might trip over.
fn upsert(name: &str) -> Rule {
    let template = json!({
        "url": "https://target.test/$now/{{ key }}",
        "every": "$$NOW",
        "timeout": 5_000,
        "sla": null,
        "headers": [["$set", "{{ data.token }}"], ["$set", "a.b"], ["$oid", "0123456789abcdef01234567"]],
        "body": "{\"$ne\": null}\r\n\u{1F4A4}",
        "retry": {"on": [503, "timeout"], "backoff": "1.5s"},
        "tags": ["$tag", 1.5, -1, 9_007_199_254_740_993_i64],
        "active": false,
    });
    let template = Template(template.as_object().expect("an object").clone());
    Rule { then: Action::Upsert(template), enabled: false, ..rule(name, "$event.a b") }
}

async fn put<B: Backend>(case: &Case<B>, rule: Rule) -> StoredRule {
    case.store.put_rule(rule, Expect::Anything).await.expect("stored")
}

pub async fn a_rule_is_read_back_as_it_was<B: Backend>() {
    let case = Case::<B>::new().await;
    let now = case.now().await;
    let stored = put(&case, upsert("poll")).await;
    assert_eq!((&stored.rule, stored.rev), (&upsert("poll"), Rev(1)));
    assert!(about(stored.updated_at, now), "{} {now}", stored.updated_at);
    assert_eq!(case.store.rule("poll").await.expect("there"), stored);
    assert_eq!(case.store.rules(None).await.expect("a list"), [stored]);
    assert!(matches!(case.store.rule("pol").await, Err(Error::NotFound)));
}

pub async fn rules_are_listed_by_name_and_found_by_event<B: Backend>() {
    let case = Case::<B>::new().await;
    for (name, event) in [("b", "linked"), ("c", "unlinked"), ("a", "linked"), ("a-1", "Linked")] {
        put(&case, rule(name, event)).await;
    }
    let names = async |event: Option<&str>| {
        let rules = case.store.rules(event).await.expect("a list");
        rules.into_iter().map(|stored| stored.rule.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None).await, ["a", "a-1", "b", "c"]);
    assert_eq!(names(Some("linked")).await, ["a", "b"]);
    assert_eq!(names(Some("link")).await, [""; 0]);
    // It waits for another event from now on.
    put(&case, rule("b", "unlinked")).await;
    assert_eq!(names(Some("linked")).await, ["a"]);
    assert_eq!(names(Some("unlinked")).await, ["b", "c"]);
}

pub async fn a_rule_is_replaced_by_its_revision<B: Backend>() {
    let case = Case::<B>::new().await;
    let first = case.store.put_rule(rule("a", "e"), Expect::Nothing).await.expect("new");
    let again = case.store.put_rule(upsert("a"), Expect::Nothing).await;
    assert!(matches!(again, Err(Error::Stale(Rev(1)))), "{again:?}");
    case.advance(SECONDS).await;
    assert_eq!(put(&case, rule("a", "e")).await, first, "the same again is no change");
    let second = case.store.put_rule(upsert("a"), Expect::Rev(Rev(1))).await.expect("replaced");
    assert_eq!((&second.rule, second.rev), (&upsert("a"), Rev(2)));
    assert!(second.updated_at > first.updated_at);
    let stale = case.store.put_rule(rule("a", "e"), Expect::Rev(Rev(1))).await;
    assert!(matches!(stale, Err(Error::Stale(Rev(2)))), "{stale:?}");
    let gone = case.store.put_rule(rule("b", "e"), Expect::Rev(Rev(1))).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
    assert_eq!(case.store.rules(None).await.expect("a list"), [second]);
}

pub async fn a_rule_is_deleted_by_its_revision<B: Backend>() {
    let case = Case::<B>::new().await;
    put(&case, rule("a", "e")).await;
    let stale = case.store.delete_rule("a", Some(Rev(2))).await;
    assert!(matches!(stale, Err(Error::Stale(Rev(1)))), "{stale:?}");
    case.store.delete_rule("a", Some(Rev(1))).await.expect("deleted");
    assert!(matches!(case.store.delete_rule("a", None).await, Err(Error::NotFound)));
    assert_eq!(case.store.rules(None).await.expect("a list"), []);
}

pub async fn of_those_who_store_a_rule_at_the_same_time_one_does<B: Backend>() {
    let case = Case::<B>::new().await;
    let store = &case.store;
    let new = (0..8).map(|n| store.put_rule(rule("a", &format!("e{n}")), Expect::Nothing));
    let stored = futures::future::join_all(new).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(stored, 1);
    let changed = (0..8).map(|n| store.put_rule(rule("a", &format!("f{n}")), Expect::Rev(Rev(1))));
    let stored = futures::future::join_all(changed).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(stored, 1);
    assert_eq!(store.rule("a").await.expect("there").rev, Rev(2));
    // Whoever expects nothing in particular gets through.
    let changed = (0..8).map(|n| store.put_rule(rule("a", &format!("g{n}")), Expect::Anything));
    let stored = futures::future::join_all(changed).await.into_iter().filter(Result::is_ok).count();
    assert_eq!((stored, store.rule("a").await.expect("there").rev), (8, Rev(10)));
}

pub async fn there_are_not_too_many_rules<B: Backend>() {
    let case = Case::<B>::new().await;
    let names: Vec<String> = (0..MOST_RULES).map(|n| format!("rule-{n:04}")).collect();
    for some in names.chunks(50) {
        futures::future::join_all(some.iter().map(|name| put(&case, rule(name, "e")))).await;
    }
    let more = case.store.put_rule(rule("one-more", "e"), Expect::Anything).await;
    assert!(matches!(more, Err(Error::TooManyRules)), "{more:?}");
    assert_eq!(put(&case, rule("rule-0007", "f")).await.rev, Rev(2), "those there are can be changed");
    let found = case.store.rules(None).await.expect("a list");
    assert!(found.iter().map(|stored| &stored.rule.name).eq(&names));
    case.store.delete_rule("rule-0000", None).await.expect("deleted");
    put(&case, rule("one-more", "e")).await;
}

pub async fn rules_come_in_pages<B: Backend>() {
    let case = Case::<B>::new().await;
    for name in ["c", "a", "e", "b", "d"] {
        put(&case, rule(name, "e")).await;
    }
    let mut page = PageRef::first(2);
    let mut pages = Vec::new();
    loop {
        let found = case.store.rules_page(&page).await.expect("a page");
        pages.push(found.items.into_iter().map(|stored| stored.rule.name).collect::<Vec<_>>());
        match found.next {
            Some(next) => page.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
    for cursor in ["", "A", "a b", "{\"$gt\": \"\"}", "🦦", "\0", &"a".repeat(61)] {
        let answer = case.store.rules_page(&PageRef { limit: 2, cursor: Some(cursor.to_owned()) }).await;
        assert!(matches!(answer, Err(Error::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

pub async fn keys_of_rules_and_of_one_off_jobs_are_two_spaces<B: Backend>() {
    let case = Case::<B>::new().await;
    let recurring = || {
        let mut new = new_job();
        new.spec.key = Some("a".into());
        new
    };
    let once = case.add(keyed("a")).await;
    assert_eq!(case.store.by_key("a").await.expect("an answer"), None, "a one-off job is not for rules");
    let job = case.add(recurring()).await;
    assert_eq!(case.store.by_key("a").await.expect("an answer"), Some(job.clone()));
    // Both at once, each finds its own.
    let added = case.store.insert(vec![recurring(), keyed("a"), keyed("b")]).await.expect("added");
    let [one, other, Added::New(_)] = &added[..] else { panic!("three answers: {added:?}") };
    assert_eq!((one, other), (&Added::Existing(job.clone()), &Added::Existing(once.clone())));
    // A restored job takes its key back, whoever of the other kind has it.
    case.edit(job.id, Edit::Delete).await;
    case.edit(job.id, Edit::Restore).await;
    assert_eq!(case.store.by_key("a").await.expect("an answer").map(|found| found.id), Some(job.id));
}

pub async fn a_key_can_be_changed_to_one_that_is_free<B: Backend>() {
    let case = Case::<B>::new().await;
    let (first, second) = (case.add(new_job()).await, case.add(new_job()).await);
    let give = async |job: &Job, key: Option<&str>| {
        let key = key.map(str::to_owned);
        let spec = Spec { key, ..Spec::clone(&job.spec) };
        case.store.edit(job.id, None, Edit::Change(Change::to(spec))).await
    };
    let found = async |key: &str| case.store.by_key(key).await.expect("an answer").map(|found| found.id);
    give(&first, Some("a")).await.expect("the key is free");
    let answer = give(&second, Some("a")).await;
    assert!(matches!(answer, Err(Error::KeyTaken)), "{answer:?}");
    assert_eq!(case.get(second.id).await, second, "nothing was changed");
    give(&first, Some("b")).await.expect("the key is free");
    give(&second, Some("a")).await.expect("the key is free by now");
    assert_eq!((found("a").await, found("b").await), (Some(second.id), Some(first.id)));
    give(&second, None).await.expect("no key is always free");
    assert_eq!(found("a").await, None);
    // A one-off job of the same key is in nobody's way.
    case.add(keyed("c")).await;
    give(&second, Some("c")).await.expect("the key is free among endpoints");
    assert_eq!(found("c").await, Some(second.id));
}

pub async fn it_is_known_how_many_have_begun_with_an_event<B: Backend>() {
    let case = Case::<B>::new().await;
    let [first, second] = [1, 2].map(Uuid::from_u128);
    let begin = async |event: &str, consumer| case.store.begin_event(event, consumer).await.expect("noted");
    assert_eq!((begin("$a", first).await, begin("$a", first).await), (1, 1), "a consumer counts once");
    assert_eq!((begin("$a", second).await, begin("$a", first).await), (2, 3));
    assert_eq!(begin("b", second).await, 1);
    case.store.end_event("$a").await.expect("noted");
    case.store.end_event("$a").await.expect("there is nothing to be noted");
    assert_eq!((begin("$a", second).await, begin("b", first).await), (1, 2));
}

pub async fn a_job_is_found_by_its_key<B: Backend>() {
    let case = Case::<B>::new().await;
    let mut new = new_job();
    new.spec.key = Some("user-1".into());
    let mut again = new_job();
    again.spec.key = new.spec.key.clone();
    assert_eq!(case.store.by_key("user-1").await.expect("an answer"), None);
    let job = case.add(new).await;
    assert_eq!(case.store.by_key("user-1").await.expect("an answer"), Some(job.clone()));
    assert_eq!(case.store.by_key("user").await.expect("an answer"), None);
    case.edit(job.id, Edit::Delete).await;
    assert_eq!(case.store.by_key("user-1").await.expect("an answer"), None);
    let job = case.add(again).await;
    assert_eq!(case.store.by_key("user-1").await.expect("an answer"), Some(job));
}
