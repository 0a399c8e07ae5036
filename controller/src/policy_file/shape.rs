//! The shape of a policy: its JSON schema, made of the types, and what a document breaks of it.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use schemars::schema_for;
use serde_json::Value;
use spillway_core::{Problem, raw};

/// What is said of a field that the schema does not know: its name is wrong, not its value.
pub(super) const UNKNOWN_FIELD: &str = "is not a field";

/// The JSON schema of a policy, for editors and for `check`.
pub(crate) fn schema() -> Value {
    let mut schema = schema_for!(raw::ScalingPolicy).to_value();
    without_null(&mut schema);
    schema
}

/// Leaves out `null`: a field that is not wanted is left out, and "this, or null" would hide what is wrong inside.
fn without_null(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(fields) => {
            fields.values_mut().for_each(without_null);
            let null = serde_json::json!({"type": "null"});
            if let Some(Value::Array(choices)) = fields.get_mut("anyOf") {
                choices.retain(|choice| *choice != null);
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    fields.remove("anyOf");
                    fields.extend(only);
                }
            }
            if let Some(Value::Array(types)) = fields.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    fields.insert("type".to_owned(), only);
                }
            }
            if fields.get("default") == Some(&Value::Null) {
                fields.remove("default");
            }
        }
        _ => {}
    }
}

/// Lists what is of the wrong shape and takes it out of `value`.
pub(super) fn check(value: &mut Value) -> Vec<Problem> {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).expect("the schema is made by schemars");
    let mut problems = Vec::new();
    let mut out: Vec<String> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for error in validator.iter_errors(value) {
        let pointer = error.instance_path().to_string();
        let path = dotted(&pointer);
        let problem = |path, message, help| Problem {
            path,
            message,
            help,
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = known_fields(&schema, &error.schema_path().to_string());
                for field in unexpected {
                    let at = if path.is_empty() {
                        field.clone()
                    } else {
                        format!("{path}.{field}")
                    };
                    let help = Some(suggestion(field, &known));
                    problems.push(problem(at, UNKNOWN_FIELD.to_owned(), help));
                    out.push(format!("{pointer}/{field}"));
                }
            }
            // A duration's meaning is judged later, and better.
            ValidationErrorKind::Pattern { pattern } if pattern == raw::DURATION => {}
            // The only other pattern is that of an amount written as text.
            ValidationErrorKind::Pattern { .. } => {
                let message = format!("is {}, not a number", shown(error.instance()));
                problems.push(problem(path, message, None));
                out.push(pointer);
            }
            // A number where text is wanted is text: `SPILLWAY_BATCH_MAX: 8`. If it lacks a unit, its meaning says so.
            ValidationErrorKind::Type { kind }
                if error.instance().is_number() && types(kind) == "text" =>
            {
                texts.push(pointer);
            }
            ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::Type { .. } => {
                let wanted = match error.kind() {
                    ValidationErrorKind::Type { kind } => types(kind),
                    _ => "a different type".to_owned(),
                };
                let message = format!("is {}, not {wanted}", shown(error.instance()));
                problems.push(problem(path, message, None));
                out.push(pointer);
            }
            _ => {
                problems.push(problem(path, error.to_string(), None));
                out.push(pointer);
            }
        }
    }
    for pointer in texts {
        if let Some(number) = value.pointer_mut(&pointer) {
            *number = Value::String(number.to_string());
        }
    }
    for pointer in out {
        take_out(value, &pointer);
    }
    problems
}

/// Both lists as one: where the shape has spoken about a place, or about a misspelt neighbour, meaning is silent.
pub(super) fn merge(shape: Vec<Problem>, meaning: Vec<Problem>) -> Vec<Problem> {
    let mut all = shape;
    let known = all.clone();
    for problem in meaning {
        let is_same = known.iter().any(|other| other.path == problem.path);
        let field = problem.path.rsplit('.').next().unwrap_or_default();
        let is_misspelt = problem.message == "is required"
            && known.iter().any(|other| {
                other.help.as_deref() == Some(&meant(field)) && is_below(&other.path, &problem.path)
            });
        if !is_same && !is_misspelt {
            all.push(problem);
        }
    }
    all
}

/// Whether `path` stands in the mapping that holds `field`'s path, or in one above it.
fn is_below(path: &str, field: &str) -> bool {
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    field.starts_with(parent)
}

fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.parse::<usize>().is_ok() {
            path.push_str(&format!("[{part}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

fn take_out(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else {
        return;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            // Not removed: the places of the others would change.
            if let Some(item) = last.parse::<usize>().ok().and_then(|i| items.get_mut(i)) {
                *item = match item {
                    Value::Object(_) => Value::Object(Default::default()),
                    _ => Value::String(String::new()),
                };
            }
        }
        _ => {}
    }
}

/// The fields that the schema knows at the place whose `additionalProperties` was broken.
fn known_fields(schema: &Value, schema_path: &str) -> Vec<String> {
    let Some((parent, _)) = schema_path.rsplit_once('/') else {
        return Vec::new();
    };
    // A path through `$ref` names the reference's own place: follow it from the last `$defs` name.
    let direct = schema.pointer(parent);
    let node = direct.or_else(|| resolve(schema, parent));
    let fields = node
        .and_then(|node| node.get("properties"))
        .and_then(Value::as_object);
    fields
        .map(|fields| fields.keys().cloned().collect())
        .unwrap_or_default()
}

/// Walks a schema path, following each `$ref` on the way.
fn resolve<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let mut node = schema;
    for part in path.split('/').skip(1) {
        if part == "$ref" {
            let target = node.get("$ref")?.as_str()?;
            node = schema.pointer(target.strip_prefix('#')?)?;
        } else {
            node = match node {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => node.get(part)?,
            };
        }
    }
    Some(node)
}

fn suggestion(field: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|other| (distance(field, other), other))
        .min();
    match nearest {
        Some((edits, other)) if edits <= 2 + field.len() / 4 => meant(other),
        _ => format!("known fields: {}", known.join(", ")),
    }
}

fn meant(field: &str) -> String {
    format!("did you mean `{field}`?")
}

/// Edits that turn one word into the other, whatever the case.
fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(&a.to_lowercase(), &b.to_lowercase())
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: &dyn std::fmt::Display| match kind.to_string().as_str() {
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "object" => "a mapping".to_owned(),
        "array" => "a list".to_owned(),
        other => other.to_owned(),
    };
    match kind {
        TypeKind::Single(kind) => name(kind),
        TypeKind::Multiple(kinds) => {
            let kinds = kinds
                .iter()
                .map(|kind| name(&kind))
                .filter(|name| name != "null");
            kinds.collect::<Vec<_>>().join(" or ")
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a mapping".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
