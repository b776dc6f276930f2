//! A document of all there is. Applied again, it changes nothing.

use std::collections::BTreeSet;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use naptime_core::JobId;
use naptime_store::{Error, JobQuery, PageRef};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::document::pointer;
use super::work::name_of;
use super::written::{self, Credentials::Masked};
use super::{ENDPOINTS_AT_A_TIME, MAX_ENDPOINTS};
use crate::app::App;
use crate::http::body::DOCUMENT_BYTES;
use crate::http::problem::Problem;
use crate::kit::mask::MASK;

/// What is read at once.
const PAGE_ITEMS: usize = 500;

/// A document, and the credentials that are not in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Export {
    /// As `POST /api/apply` takes it.
    #[schema(value_type = Object)]
    document: Value,
    /// What stands for a credential in it, as `${NAME}`.
    secrets: Vec<SecretView>,
}

/// A credential that whoever applies the document fills in.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ExportedSecret)]
pub(crate) struct SecretView {
    name: String,
    /// Where it stands, as a JSON pointer.
    field: String,
}

/// Everything; or, of one project, its endpoints.
pub(crate) async fn export(app: &App, project: Option<String>) -> Result<Export, Problem> {
    let mut sections = Map::new();
    let mut room = Room(DOCUMENT_BYTES);
    let endpoints = endpoints(app, project.clone(), &mut room).await?;
    match project {
        Some(project) => {
            sections.insert("project".to_owned(), project.into());
            sections.insert("endpoints".to_owned(), endpoints.into());
        }
        None => {
            let rest = [
                ("pools", pools(app, &mut room).await?),
                ("rules", rules(app, &mut room).await?),
                ("receivers", receivers(app, &mut room).await?),
            ];
            let all = [("endpoints", endpoints)].into_iter().chain(rest).filter(|(_, things)| !things.is_empty());
            sections.extend(all.map(|(name, things)| (name.to_owned(), things.into())));
        }
    }
    let mut document = Value::Object(sections);
    let secrets = Names::default().replace(&mut document);
    // The names of credentials are longer than their masks.
    Room(DOCUMENT_BYTES).take("", &document)?;
    Ok(Export { document, secrets })
}

/// The bytes that a document may still get. Things are counted as they come, so that no more of them is ever held.
struct Room(usize);

impl Room {
    fn take(&mut self, name: &str, thing: &Value) -> Result<(), Problem> {
        let left = self.0.checked_sub(name.len() + thing.to_string().len());
        self.0 = left.ok_or_else(|| {
            let detail = "this is more than 8 MiB, which is as much as a document may have; export single projects";
            Problem::new(StatusCode::CONFLICT, "too_large", detail).at("project")
        })?;
        Ok(())
    }

    /// Adds a thing to its section.
    fn put(&mut self, section: &mut Map<String, Value>, name: String, thing: Value) -> Result<(), Problem> {
        self.take(&name, &thing)?;
        section.insert(name, thing);
        Ok(())
    }
}

async fn endpoints(app: &App, project: Option<String>, room: &mut Room) -> Result<Map<String, Value>, Problem> {
    let query = JobQuery { project, ..JobQuery::default() };
    let (mut named, mut page) = (Vec::new(), PageRef::first(PAGE_ITEMS));
    loop {
        let found = app.store.list(&query, &page).await?;
        named.extend(found.items.iter().map(|job| (name_of(job), job.id)));
        if named.len() > MAX_ENDPOINTS {
            let detail = "there are more than 10,000 endpoints, which is as many as a document may have";
            return Err(Problem::new(StatusCode::CONFLICT, "too_many", detail).at("project"));
        }
        page.cursor = found.next;
        if page.cursor.is_none() {
            break;
        }
    }
    named.sort();
    let whole = named.into_iter().map(|(name, id): (String, JobId)| async move {
        match app.store.get(id).await {
            Ok(job) => Ok(Some((name, job))),
            // It went meanwhile.
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    });
    let mut whole = pin!(stream::iter(whole).buffered(ENDPOINTS_AT_A_TIME));
    let mut endpoints = Map::new();
    while let Some(found) = whole.try_next().await? {
        if let Some((name, job)) = found.filter(|(_, job)| job.deleted_at.is_none()) {
            room.put(&mut endpoints, name, written::endpoint(&job.spec, job.active, Masked).into())?;
        }
    }
    Ok(endpoints)
}

async fn pools(app: &App, room: &mut Room) -> Result<Map<String, Value>, Problem> {
    let (mut pools, mut page) = (Map::new(), PageRef::first(PAGE_ITEMS));
    loop {
        let found = app.store.pools(None, &page).await?;
        for pool in found.items.iter().map(|pool| &pool.settings) {
            let fields = written::pool(pool, Masked);
            if !fields.is_empty() {
                room.put(&mut pools, pool.pool.to_string(), fields.into())?;
            }
        }
        page.cursor = found.next;
        if page.cursor.is_none() {
            return Ok(pools);
        }
    }
}

async fn rules(app: &App, room: &mut Room) -> Result<Map<String, Value>, Problem> {
    let (mut rules, mut page) = (Map::new(), PageRef::first(PAGE_ITEMS));
    loop {
        let found = app.store.rules_page(&page).await?;
        for it in found.items {
            let written = written::rule(&it.rule, Masked).into();
            room.put(&mut rules, it.rule.name, written)?;
        }
        page.cursor = found.next;
        if page.cursor.is_none() {
            return Ok(rules);
        }
    }
}

async fn receivers(app: &App, room: &mut Room) -> Result<Map<String, Value>, Problem> {
    let mut receivers = Map::new();
    for (name, it) in naptime_alerts::settings(&*app.store).await?.receivers {
        room.put(&mut receivers, name, written::receiver(&it.value, Masked).into())?;
    }
    Ok(receivers)
}

/// Gives names to credentials.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// Puts `${NAME}` where a credential is masked, and `$${` where a text has `${`.
    fn replace(mut self, document: &mut Value) -> Vec<SecretView> {
        let mut secrets = Vec::new();
        self.walk(document, &mut Vec::new(), &mut secrets);
        secrets
    }

    fn walk(&mut self, value: &mut Value, path: &mut Vec<String>, secrets: &mut Vec<SecretView>) {
        match value {
            Value::String(text) => {
                let mut parts = text.replace("${", "$${");
                while parts.contains(MASK) {
                    let name = self.fresh(path);
                    parts = parts.replacen(MASK, &format!("${{{name}}}"), 1);
                    let field = pointer(&path.iter().map(String::as_str).collect::<Vec<_>>());
                    secrets.push(SecretView { name, field });
                }
                *text = parts;
            }
            Value::Array(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    path.push(place.to_string());
                    self.walk(item, path, secrets);
                    path.pop();
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    path.push(name.clone());
                    self.walk(field, path, secrets);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A name that no other has, of what a variable of the environment may be called: `CHECKOUT_AUTHORIZATION`.
    fn fresh(&mut self, path: &[String]) -> String {
        let is_telling =
            |part: &&String| part.parse::<usize>().is_err() && !["then", "upsert", "headers"].contains(&part.as_str());
        // The first says the section.
        let words: Vec<String> = path.iter().skip(1).filter(is_telling).map(|part| words(part)).collect();
        let mut name = words.join("_");
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            name.insert_str(0, "SECRET_");
        }
        let (mut fresh, mut number) = (name.clone(), 1);
        while !self.0.insert(fresh.clone()) {
            number += 1;
            fresh = format!("{name}_{number}");
        }
        fresh
    }
}

/// Letters and digits, with one `_` between words.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_has_no_more_bytes_than_it_may() {
        let (mut room, mut section) = (Room(13), Map::new());
        room.put(&mut section, "ab".to_owned(), json!({"c": 1})).unwrap();
        assert!(room.put(&mut section, "d".to_owned(), json!({"e": 2})).is_err());
        assert_eq!(Value::from(section), json!({"ab": {"c": 1}}));
    }

    #[test]
    fn credentials_become_names_that_whoever_applies_it_sets() {
        let mut document = json!({
            "endpoints": {
                "shop/check-out": {"url": "https://a.test/?token=••••&sig=••••", "headers": {"Authorization": "••••"}},
                "shop check out": {"headers": [["Authorization", "••••"], ["X", "1"]], "body": "${HOME} costs $5"},
                "2nd": {"sign": ["••••"]},
            },
            "receivers": {"ops": {"url": "https://hooks.test/••••"}},
        });
        let secrets = Names::default().replace(&mut document);
        let expected = json!({
            "endpoints": {
                "shop/check-out": {
                    "url": "https://a.test/?token=${SHOP_CHECK_OUT_URL}&sig=${SHOP_CHECK_OUT_URL_2}",
                    "headers": {"Authorization": "${SHOP_CHECK_OUT_AUTHORIZATION}"},
                },
                "shop check out": {
                    "headers": [["Authorization", "${SHOP_CHECK_OUT}"], ["X", "1"]], "body": "$${HOME} costs $5",
                },
                "2nd": {"sign": ["${SECRET_2ND_SIGN}"]},
            },
            "receivers": {"ops": {"url": "https://hooks.test/${OPS_URL}"}},
        });
        assert_eq!(document, expected);
        let told: Vec<(&str, &str)> = secrets.iter().map(|it| (&*it.name, &*it.field)).collect();
        assert_eq!(told[2], ("SHOP_CHECK_OUT_AUTHORIZATION", "/endpoints/shop~1check-out/headers/Authorization"));
        assert_eq!(told.len(), 6);
    }
}
