//! From a type to a structural schema, as Kubernetes wants it: one type each, nothing by reference, nothing closed.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// Longest text where nothing else is said; rules are reckoned with it.
const TEXT_CHARS_MAX: u64 = 1_024;
/// Most items of a list.
const ITEMS_MAX: u64 = 64;
/// Most entries of a map.
const ENTRIES_MAX: u64 = 128;

/// The structural schema of `T`.
pub(super) fn of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::openapi3();
    settings.inline_subschemas = true;
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    structural(&mut schema);
    schema
}

fn structural(node: &mut Value) {
    let Value::Object(fields) = node else {
        // `true`: anything goes.
        *node = json!({"x-kubernetes-preserve-unknown-fields": true});
        return;
    };
    for field in ["$schema", "title", "nullable", "format"] {
        fields.remove(field);
    }
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    only_choice(fields);
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(structural);
    }
    // Kubernetes prunes what it does not know, and kubectl refuses it.
    match fields.get_mut("additionalProperties") {
        Some(Value::Bool(false)) => drop(fields.remove("additionalProperties")),
        Some(values) => {
            structural(values);
            fields.insert("maxProperties".to_owned(), json!(ENTRIES_MAX));
        }
        None => {}
    }
    if let Some(items) = fields.get_mut("items") {
        structural(items);
        fields.insert("maxItems".to_owned(), json!(ITEMS_MAX));
    }
    match fields.get("type").and_then(Value::as_str) {
        Some("string") => {
            fields.insert("maxLength".to_owned(), json!(TEXT_CHARS_MAX));
        }
        None => {
            fields.insert(
                "x-kubernetes-preserve-unknown-fields".to_owned(),
                json!(true),
            );
        }
        Some(_) => {}
    }
    let is_list_of_conditions = fields
        .get("items")
        .is_some_and(|items| !items["properties"]["lastTransitionTime"].is_null());
    if is_list_of_conditions {
        fields.insert("x-kubernetes-list-type".to_owned(), json!("map"));
        fields.insert("x-kubernetes-list-map-keys".to_owned(), json!(["type"]));
    }
}

/// Leaves one type where several are possible: without null, and a number where text may stand for it.
fn only_choice(fields: &mut Map<String, Value>) {
    for choices in ["anyOf", "oneOf", "allOf"] {
        let Some(Value::Array(mut all)) = fields.remove(choices) else {
            continue;
        };
        all.retain(|it| it["type"] != "null" && it["enum"] != json!([null]));
        let number = all.iter().position(|it| it["type"] == "number");
        if let Some(Value::Object(chosen)) = all.into_iter().nth(number.unwrap_or(0)) {
            for (key, value) in chosen {
                fields.entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = fields.get("type") {
        let types: Vec<Value> = types.iter().filter(|it| *it != "null").cloned().collect();
        let is_number = types.iter().any(|kind| kind == "number");
        let chosen = if is_number {
            Some(json!("number"))
        } else {
            types.first().cloned()
        };
        fields.insert("type".to_owned(), chosen.unwrap_or(json!("string")));
        if is_number {
            fields.remove("pattern");
        }
    } else if fields.get("type").is_some_and(|kind| kind == "number") {
        fields.remove("pattern");
    }
}
