//! Conditions: what binds how, what is said of bad ones, and that no text makes them panic.

use proptest::prelude::*;

use super::super::row::tests::row;
use super::*;

fn parsed(text: &str) -> Condition {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn conditions_bind_as_people_read_them() {
    // Of the row: cost 8.5, base_cost 5.12, late_messages 0, launches 12, reversals 1, seed 1, ratio unknown.
    let cases = [
        ("cost > 8", Some(true)),
        ("cost > 8.5", Some(false)),
        ("cost >= 8.5 && 8.5 >= cost", Some(true)),
        ("late_messages == 0", Some(true)),
        ("launches != 12", Some(false)),
        ("burst_cost > base_cost", Some(true)),
        ("cost > -1 && cost < 1e6", Some(true)),
        // && binds before ||.
        ("launches == 12 || cost > 100 && cost > 100", Some(true)),
        ("(launches == 12 || cost > 100) && cost > 100", Some(false)),
        ("cost > 100 && cost > 100 || launches == 12", Some(true)),
        // ! takes the comparison, or the bracket, that follows it.
        ("!cost > 100", Some(true)),
        ("!cost > 100 && cost > 100", Some(false)),
        ("!(cost > 100 && cost > 100)", Some(true)),
        ("!!cost > 8", Some(true)),
        ("budget_exceeded", Some(false)),
        ("!budget_exceeded", Some(true)),
        ("budget_exceeded == 1", Some(false)),
        ("((((cost > 8))))", Some(true)),
        ("cost>8&&launches<=12", Some(true)),
        // Unknown stays unknown unless the rest settles it.
        ("ratio > 1.5", None),
        ("!(ratio > 1.5)", None),
        ("ratio > 1.5 || cost > 8", Some(true)),
        ("ratio > 1.5 || cost > 100", None),
        ("ratio > 1.5 && cost > 100", Some(false)),
    ];
    for (text, holds) in cases {
        assert_eq!(parsed(text).holds(&row()), holds, "{text}");
    }
}

#[test]
fn bad_conditions_say_where_and_what_to_write() {
    let texts = [
        "",
        "cost",
        "cost >",
        "> 5",
        "late_mesages > 0",
        "xyzzy > 0",
        "cost > 5 and launches > 1",
        "cost = 5",
        "cost > 5 & launches > 1",
        "1 < cost < 3",
        "(cost > 5",
        "cost > 5)",
        "cost > 5 launches > 1",
        "cost > 120$",
        "late_share > 1%",
        "wait_max_seconds > 15m",
        "cost > 1e999",
        "5",
        "cost > late_messages + 1",
        "cöst > 1",
    ];
    let told: Vec<String> = texts
        .iter()
        .map(|text| text.parse::<Condition>().unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn hostile_conditions_are_refused() {
    for text in [
        "(".repeat(4_000),
        "!".repeat(4_000),
        "cost > 1 && ".repeat(5_000),
        "9".repeat(4_000),
        "\u{0}\u{202e}".to_owned(),
        "-".to_owned(),
        "e+".to_owned(),
        ".".to_owned(),
    ] {
        let error = text.parse::<Condition>().unwrap_err();
        assert!(error.to_string().len() < 20_000);
    }
    // Long, but not deep: nothing is wrong with it.
    let long = format!("{}cost > 1", "cost > 1 || ".repeat(300));
    assert_eq!(parsed(&long).holds(&row()), Some(true));
    let deep = format!("{}cost > 1{}", "(".repeat(60), ")".repeat(60));
    assert_eq!(parsed(&deep).holds(&row()), Some(true));
}

#[test]
fn what_made_it_hold_is_told_once_each() {
    let condition =
        parsed("late_messages > 0 || cost > 5 && !budget_exceeded || cost < 1 || ratio > 2");
    let told = condition.told(&row());
    assert_eq!(
        told,
        "late_messages = 0, cost = 8.5, budget_exceeded = false, ratio = unknown"
    );
    assert!(condition.asks_for("ratio") && !condition.asks_for("bound"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        let _ = text.parse::<Condition>().map(|condition| condition.holds(&row()));
    }

    #[test]
    fn no_row_of_tokens_makes_it_panic(
        tokens in proptest::collection::vec(
            prop_oneof![
                Just("cost"), Just("ratio"), Just("budget_exceeded"), Just("<"), Just(">="), Just("=="),
                Just("&&"), Just("||"), Just("!"), Just("("), Just(")"), Just("1.5"), Just("-2"), Just(" "),
            ],
            0..40,
        )
    ) {
        let text = tokens.concat();
        if let Ok(condition) = text.parse::<Condition>() {
            let _ = (condition.holds(&row()), condition.told(&row()));
        }
    }
}
