//! Who may call what: every route of the table with every role and with nobody, by real requests.

mod kit;

use greenhub_dashboards::routes::table;
use greenhub_model::Role;
use kit::Hub;

#[tokio::test]
async fn every_route_admits_exactly_the_roles_of_the_table() {
    let hub = Hub::start().await;
    let mut wrong = vec![];
    let mut asked = 0;
    for role in Role::ALL.into_iter().map(Some).chain([None]) {
        let mut token = match role {
            Some(role) => hub.token(role).await,
            None => String::new(),
        };
        for route in table() {
            let path = ["{id}", "{unit}", "{session}"]
                .iter()
                .fold(route.path.replace("{username}", "nobody"), |path, name| path.replace(name, "X-1"));
            let mut request = hub.http.request(route.method.clone(), hub.url(&path));
            if role.is_some() {
                request = request.bearer_auth(&token);
            }
            // An empty object is a body that no call with members to fill in accepts, so nothing is changed.
            let status = request.json(&serde_json::json!({})).send().await.expect("an answer").status().as_u16();
            asked += 1;
            let right = if !route.admits.admits(role) {
                status == if role.is_some() { 403 } else { 401 }
            } else if status == 404 {
                // Things of that name do not exist, which is an answer for somebody who may ask.
                path.contains("X-1") || path.contains("nobody")
            } else {
                !matches!(status, 401 | 403 | 405 | 500)
            };
            if !right {
                wrong.push(format!("{} {path} as {role:?}: {status}", route.method));
            }
            if let Some(role) = role
                && route.method == "DELETE"
            {
                token = hub.token(role).await;
            }
        }
    }
    assert_eq!(asked, table().len() * 8);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn no_path_of_the_interface_is_outside_the_table() {
    let hub = Hub::start().await;
    let (status, document) = hub.get("", "/api/openapi.json").await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    let mut documented: Vec<String> = vec![];
    for (path, methods) in document["paths"].as_object().expect("paths") {
        documented.extend(methods.as_object().expect("methods").keys().map(|m| format!("{} {path}", m.to_uppercase())));
    }
    let mut table: Vec<String> = table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    documented.sort();
    table.sort();
    assert_eq!(documented, table);
}

/// `GREENHUB_TEST_WRITE=1` writes the file anew; what differs is then seen in the change.
#[tokio::test]
async fn the_page_is_built_from_this_document() {
    let hub = Hub::start().await;
    let (_, document) = hub.get("", "/api/openapi.json").await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/web/openapi.json");
    if std::env::var_os("GREENHUB_TEST_WRITE").is_some() {
        let text = serde_json::to_string_pretty(&document).expect("plain data") + "\n";
        std::fs::write(path, text).expect("write the document");
    }
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("web/openapi.json")).expect("JSON");
    assert!(file == document, "web/openapi.json is old; run this test once with GREENHUB_TEST_WRITE=1");
}

#[tokio::test]
async fn every_reference_of_the_interface_document_leads_somewhere() {
    let hub = Hub::start().await;
    let (_, document) = hub.get("", "/api/openapi.json").await;
    fn references<'a>(value: &'a serde_json::Value, found: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::Object(members) => {
                found.extend(members.get("$ref").and_then(|r| r.as_str()));
                members.values().for_each(|member| references(member, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = vec![];
    references(&document, &mut found);
    assert!(found.len() > 30);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Two calls of one name are one call to whoever makes types from the document.
#[tokio::test]
async fn every_call_of_the_interface_document_has_a_name_of_its_own() {
    let hub = Hub::start().await;
    let (_, document) = hub.get("", "/api/openapi.json").await;
    let calls = document["paths"].as_object().expect("paths").values();
    let names: Vec<&str> = calls
        .flat_map(|methods| methods.as_object().expect("methods").values())
        .map(|call| call["operationId"].as_str().expect("a name"))
        .collect();
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert!(names.len() > 80);
    assert_eq!(names.len(), distinct.len(), "two calls share a name");
}
