//! Decisions and orders: JSON, with the columns that they are asked for by.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use serde_json::Value as Json;

use super::timeline::whole;

/// Something that was decided or ordered.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// Its place in the order in which entries are told; whoever tells gives it.
    pub(crate) told: u64,
    pub(crate) policy: String,
    pub(crate) at_ms: i64,
    pub(crate) kind: EntryKind,
    pub(crate) launches: u64,
    pub(crate) drains: u64,
    pub(crate) is_trouble: bool,
    pub(crate) codes: Vec<String>,
    pub(crate) verbs: Vec<String>,
    pub(crate) pools: Vec<String>,
    /// Intents of its steps.
    pub(crate) intents: Vec<String>,
    /// As the API shows it, without outcomes.
    pub(crate) data: Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Decision,
    Order,
}

/// What is asked for; all that is set must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) policy: Option<String>,
    pub(crate) kind: Option<EntryKind>,
    pub(crate) id: Option<u64>,
    pub(crate) before: Option<u64>,
    /// Told after that place.
    pub(crate) told_after: Option<u64>,
    pub(crate) from_ms: Option<i64>,
    pub(crate) to_ms: Option<i64>,
    pub(crate) code: Option<String>,
    pub(crate) verb: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) trouble: Option<bool>,
    pub(crate) limit: u32,
    /// Those that did something before those that did not, rather than the newest first.
    pub(crate) acting_first: bool,
}

/// An entry as it is stored, its steps' outcomes put in.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: u64,
    pub(crate) told: u64,
    pub(crate) at_ms: i64,
    pub(crate) kind: EntryKind,
    pub(crate) launches: u64,
    pub(crate) drains: u64,
    pub(crate) is_trouble: bool,
    pub(crate) data: Json,
}

// === impl EntryKind ===

impl EntryKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Order => "order",
        }
    }
}

/// Between the names of a list: nothing that is called by a person or a program has it in its name.
const BETWEEN: &str = "\u{1f}";

/// Names as one text in which each can be found whole.
fn listed(names: &[String]) -> String {
    let mut text = String::from(BETWEEN);
    for name in names {
        text.push_str(name);
        text.push_str(BETWEEN);
    }
    text
}

/// The largest id and the largest place that were given.
pub(super) fn last(from: &Connection) -> rusqlite::Result<(u64, u64)> {
    from.query_row("SELECT max(id), max(told) FROM entries", [], |row| {
        let last = |place| {
            row.get(place)
                .map(|it: Option<i64>| it.map_or(0, i64::unsigned_abs))
        };
        Ok((last(0)?, last(1)?))
    })
}

pub(super) fn write(to: &Connection, entry: &Entry) -> anyhow::Result<()> {
    to.prepare_cached(
        "INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        whole(entry.id),
        entry.policy,
        entry.at_ms,
        entry.kind.as_str(),
        whole(entry.launches),
        whole(entry.drains),
        entry.is_trouble,
        listed(&entry.codes),
        listed(&entry.verbs),
        listed(&entry.pools),
        serde_json::to_string(&entry.data)?,
        whole(entry.told)
    ])?;
    for intent in &entry.intents {
        to.prepare_cached("INSERT OR REPLACE INTO steps VALUES (?1, ?2, ?3)")?
            .execute(params![entry.policy, intent, whole(entry.id)])?;
    }
    Ok(())
}

pub(super) fn write_outcome(
    to: &Connection,
    policy: &str,
    intent: &str,
    outcome: &Json,
) -> anyhow::Result<()> {
    let entry: Option<i64> = to
        .prepare_cached("SELECT entry FROM steps WHERE policy = ?1 AND intent = ?2")?
        .query_row([policy, intent], |row| row.get(0))
        .optional()?;
    // A step of before this history.
    let Some(entry) = entry else {
        return Ok(());
    };
    to.prepare_cached("INSERT OR REPLACE INTO outcomes VALUES (?1, ?2, ?3)")?
        .execute(params![entry, intent, serde_json::to_string(outcome)?])?;
    to.prepare_cached("DELETE FROM steps WHERE policy = ?1 AND intent = ?2")?
        .execute([policy, intent])?;
    Ok(())
}

/// What must hold, as SQL, and its values.
fn conditions(filter: &Filter) -> (String, Vec<Value>) {
    let mut sql = String::from("TRUE");
    let mut values: Vec<Value> = Vec::new();
    let mut all = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {condition} ?{}", values.len()));
        }
    };
    let number = |it: u64| Value::Integer(whole(it));
    // `instr` and not LIKE: a name may hold what LIKE takes for a pattern.
    let named = |name: &String| Value::Text(listed(std::slice::from_ref(name)));
    all("policy =", filter.policy.clone().map(Value::Text));
    all(
        "kind =",
        filter
            .kind
            .map(|kind| Value::Text(kind.as_str().to_owned())),
    );
    all("id =", filter.id.map(number));
    all("id <", filter.before.map(number));
    all("told >", filter.told_after.map(number));
    all("at_ms >=", filter.from_ms.map(Value::Integer));
    all("at_ms <=", filter.to_ms.map(Value::Integer));
    all(
        "trouble =",
        filter.trouble.map(|it| Value::Integer(it.into())),
    );
    for (column, name) in [
        ("codes", &filter.code),
        ("verbs", &filter.verb),
        ("pools", &filter.pool),
    ] {
        if let Some(name) = name {
            values.push(named(name));
            sql.push_str(&format!(" AND instr({column}, ?{}) > 0", values.len()));
        }
    }
    (sql, values)
}

pub(super) fn count(from: &Connection, filter: &Filter) -> rusqlite::Result<u64> {
    let (conditions, values) = conditions(filter);
    let sql = format!("SELECT count(*) FROM entries WHERE {conditions}");
    let count: i64 = from
        .prepare_cached(&sql)?
        .query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn read(from: &Connection, filter: &Filter) -> rusqlite::Result<Vec<Stored>> {
    let (conditions, values) = conditions(filter);
    let order = match (filter.acting_first, filter.told_after) {
        (true, _) => "launches + drains = 0, id DESC",
        (false, Some(_)) => "told DESC",
        (false, None) => "id DESC",
    };
    let sql = format!(
        "SELECT id, at_ms, kind, launches, drains, trouble, data, told FROM entries WHERE {conditions}
         ORDER BY {order} LIMIT {}",
        filter.limit
    );
    let mut query = from.prepare_cached(&sql)?;
    let mut rows = query.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(2)?;
        let text: String = row.get(6)?;
        let Ok(data) = serde_json::from_str(&text) else {
            continue;
        };
        let count = |place| row.get(place).map(i64::unsigned_abs);
        found.push(Stored {
            id: count(0)?,
            told: count(7)?,
            at_ms: row.get(1)?,
            kind: if kind == "order" {
                EntryKind::Order
            } else {
                EntryKind::Decision
            },
            launches: count(3)?,
            drains: count(4)?,
            is_trouble: row.get(5)?,
            data,
        });
    }
    for stored in &mut found {
        tell_outcomes(from, stored)?;
    }
    Ok(found)
}

/// Puts how they ended into a decision's actions.
fn tell_outcomes(from: &Connection, stored: &mut Stored) -> rusqlite::Result<()> {
    let Some(actions) = stored.data.get_mut("actions").and_then(Json::as_array_mut) else {
        return Ok(());
    };
    if actions.is_empty() {
        return Ok(());
    }
    let mut query = from.prepare_cached("SELECT intent, data FROM outcomes WHERE entry = ?1")?;
    let mut rows = query.query([whole(stored.id)])?;
    while let Some(row) = rows.next()? {
        let (intent, text): (String, String) = (row.get(0)?, row.get(1)?);
        let outcome: Json = serde_json::from_str(&text).unwrap_or_default();
        for action in actions
            .iter_mut()
            .filter(|action| action["intent"] == *intent)
        {
            action["outcome"] = outcome.clone();
        }
    }
    Ok(())
}
