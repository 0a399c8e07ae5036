//! Reading a trace strictly: a gap or a stray sign would be a burst or a silence that never was.

use std::fmt;

use super::Trace;

/// The only header there is.
const HEADER: &str = "t_seconds,arrivals";
/// Bins of a trace at most: two years of 30 s.
const BINS_MAX: usize = 2_200_000;
/// Jobs of a bin at most.
const ARRIVALS_MAX: f64 = 1e12;
/// Width of a bin, seconds.
const BIN_SECONDS: (f64, f64) = (1.0, 86_400.0);
/// Problems that are kept; more are counted.
const PROBLEMS_MAX: usize = 20;
/// Characters of a bad field that are shown.
const SHOWN_MAX: usize = 40;
/// Times may be off by this share of a bin: they may have been written with few digits.
const TIME_TOLERANCE: f64 = 1e-6;

/// Everything that is wrong with a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceError {
    /// The trace's name.
    pub name: String,
    /// What is wrong, in the order of the lines, at most 20.
    pub problems: Vec<TraceProblem>,
    /// How many more there were.
    pub more: usize,
}

/// One thing that is wrong with a line.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceProblem {
    /// The line, from 1; one past the last for what is missing at the end.
    pub line: usize,
    /// The column of the field's first character, from 1.
    pub column: usize,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The first line is another one.
    #[error("must be the header `{HEADER}`, is `{found}`")]
    Header {
        /// What stands there, shortened.
        found: String,
    },
    /// More or fewer than two fields.
    #[error("must have two fields, has {found}")]
    Fields {
        /// How many.
        found: usize,
    },
    /// Not a number.
    #[error("`{found}` is not a number")]
    NotANumber {
        /// What stands there, shortened.
        found: String,
    },
    /// Infinite, or `NaN`.
    #[error("`{found}` is not a finite number")]
    NotFinite {
        /// What stands there, shortened.
        found: String,
    },
    /// Below zero.
    #[error("cannot be negative, is {found}")]
    Negative {
        /// The number.
        found: f64,
    },
    /// More jobs than can be.
    #[error("is more than {ARRIVALS_MAX:e} jobs in one bin")]
    TooMany,
    /// The first bin does not begin at 0.
    #[error("must begin at 0 s, begins at {found}")]
    LateStart {
        /// When it begins, seconds.
        found: f64,
    },
    /// A time not after the one before.
    #[error("{found} s is not after {before} s")]
    Unsorted {
        /// This time.
        found: f64,
        /// The time of the line before.
        before: f64,
    },
    /// A bin of another width, or bins that are missing.
    #[error("expected {expected} s, found {found} s: bins are missing or of unequal width")]
    Gap {
        /// When the next bin should have begun.
        expected: f64,
        /// When it begins.
        found: f64,
    },
    /// A bin too narrow or too wide.
    #[error("bins of {found} s: must be {} to {} s wide", BIN_SECONDS.0, BIN_SECONDS.1)]
    BinWidth {
        /// Its width, seconds.
        found: f64,
    },
    /// Fewer than two bins: the width of a bin cannot be known.
    #[error("needs at least two bins, has {found}")]
    TooShort {
        /// How many.
        found: usize,
    },
    /// Too many bins.
    #[error("has more than {BINS_MAX} bins")]
    TooLong,
}

/// Reads line by line, and goes on after a bad one.
#[derive(Default)]
struct Reader {
    problems: Vec<TraceProblem>,
    more: usize,
    bin_seconds: Option<f64>,
    /// Time of the line before, where it could be read.
    before: Option<f64>,
    arrivals: Vec<f64>,
}

pub(super) fn trace(name: &str, text: &str) -> Result<Trace, TraceError> {
    let mut reader = Reader::default();
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let header = lines.next().map_or("", |(_, line)| line);
    if header != HEADER {
        let found = shortened(header);
        reader.add(1, 1, Fault::Header { found });
    }
    let mut last = 1;
    for (number, line) in lines {
        last = number;
        if reader.arrivals.len() >= BINS_MAX {
            reader.add(number, 1, Fault::TooLong);
            break;
        }
        reader.line(number, line);
    }
    if reader.problems.is_empty() && reader.arrivals.len() < 2 {
        let found = reader.arrivals.len();
        reader.add(last + 1, 1, Fault::TooShort { found });
    }
    match (reader.bin_seconds, reader.problems.is_empty()) {
        (Some(bin_seconds), true) => Ok(Trace {
            name: name.to_owned(),
            bin_seconds,
            arrivals: reader.arrivals,
        }),
        _ => Err(TraceError {
            name: name.to_owned(),
            problems: reader.problems,
            more: reader.more,
        }),
    }
}

// === impl Reader ===

impl Reader {
    fn add(&mut self, line: usize, column: usize, fault: Fault) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(TraceProblem {
                line,
                column,
                fault,
            });
        } else {
            self.more += 1;
        }
    }

    fn line(&mut self, number: usize, line: &str) {
        // A line that cannot be read still fills its bin, so that one fault is one problem.
        self.arrivals.push(0.0);
        let Some((time, jobs)) = line.split_once(',').filter(|(_, jobs)| !jobs.contains(','))
        else {
            let found = line.split(',').count();
            self.add(number, 1, Fault::Fields { found });
            self.before = None;
            return;
        };
        let time = self.number(number, 1, time);
        let column = line
            .find(',')
            .map_or(1, |at| line[..at].chars().count() + 2);
        let jobs = self.number(number, column, jobs);
        if let Some(time) = time {
            self.time(number, time);
        }
        self.before = time;
        match jobs {
            Some(jobs) if jobs > ARRIVALS_MAX => self.add(number, column, Fault::TooMany),
            Some(jobs) => {
                let last = self.arrivals.len() - 1;
                self.arrivals[last] = jobs;
            }
            None => {}
        }
    }

    fn number(&mut self, line: usize, column: usize, text: &str) -> Option<f64> {
        let fault = match text.parse::<f64>() {
            Err(_) => Fault::NotANumber {
                found: shortened(text),
            },
            Ok(number) if !number.is_finite() => Fault::NotFinite {
                found: shortened(text),
            },
            Ok(number) if number < 0.0 => Fault::Negative { found: number },
            // Not −0: a sign would come out again where it is printed.
            Ok(number) => return Some(number.abs()),
        };
        self.add(line, column, fault);
        None
    }

    fn time(&mut self, line: usize, found: f64) {
        if self.arrivals.len() == 1 && found > 0.0 {
            self.add(line, 1, Fault::LateStart { found });
        }
        let Some(before) = self.before else {
            return;
        };
        if found <= before {
            self.add(line, 1, Fault::Unsorted { found, before });
            return;
        }
        let Some(bin_seconds) = self.bin_seconds else {
            let width = found - before;
            self.bin_seconds = Some(width);
            if !(BIN_SECONDS.0..=BIN_SECONDS.1).contains(&width) {
                self.add(line, 1, Fault::BinWidth { found: width });
            }
            return;
        };
        let expected = before + bin_seconds;
        if (found - expected).abs() > bin_seconds * TIME_TOLERANCE {
            self.add(line, 1, Fault::Gap { expected, found });
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

// === impl TraceError ===

impl std::error::Error for TraceError {}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the trace {} cannot be read", self.name)?;
        for problem in &self.problems {
            write!(
                f,
                "\n  {}:{}: {}",
                problem.line, problem.column, problem.fault
            )?;
        }
        if self.more > 0 {
            write!(f, "\n  and {} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The problems of a trace as `line:column fault`.
    fn problems(text: &str) -> Vec<String> {
        let error = trace("made", text).unwrap_err();
        let shown = error.problems.iter();
        shown
            .map(|problem| format!("{}:{} {}", problem.line, problem.column, problem.fault))
            .collect()
    }

    #[test]
    fn a_good_trace_is_read() {
        for text in [
            "t_seconds,arrivals\n0,1\n60,2.5\n120,0\n",
            "t_seconds,arrivals\r\n0,1\r\n60,2.5\r\n120,0",
        ] {
            let trace = trace("made", text).unwrap();
            assert_eq!(trace.arrivals(), [1.0, 2.5, 0.0]);
            assert!((trace.bin_seconds() - 60.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_column() {
        let head = |rest: &str| format!("t_seconds,arrivals\n{rest}");
        let cases = [
            (
                String::new(),
                "1:1 must be the header `t_seconds,arrivals`, is ``",
            ),
            (
                "a,b\n0,1\n60,1\n".into(),
                "1:1 must be the header `t_seconds,arrivals`, is `a,b`",
            ),
            (head(""), "2:1 needs at least two bins, has 0"),
            (head("0,1\n"), "3:1 needs at least two bins, has 1"),
            (head("0,1\n60,1,1\n"), "3:1 must have two fields, has 3"),
            (head("0,1\n\n120,1\n"), "3:1 must have two fields, has 1"),
            (head("0,1\n60,x\n"), "3:4 `x` is not a number"),
            (head("0,1\n60, 7\n"), "3:4 ` 7` is not a number"),
            (head("0,1\n60,NaN\n"), "3:4 `NaN` is not a finite number"),
            (
                head("0,1\n60,1e999\n"),
                "3:4 `1e999` is not a finite number",
            ),
            (head("0,1\n60,-1\n"), "3:4 cannot be negative, is -1"),
            (
                head("0,1\n60,1e13\n"),
                "3:4 is more than 1e12 jobs in one bin",
            ),
            (head("60,1\n120,1\n"), "2:1 must begin at 0 s, begins at 60"),
            (head("0,1\n60,1\n30,1\n"), "4:1 30 s is not after 60 s"),
            (head("0,1\n0,1\n"), "3:1 0 s is not after 0 s"),
            (
                head("0,1\n60,1\n180,1\n240,1\n"),
                "4:1 expected 120 s, found 180 s: bins are missing or of unequal width",
            ),
            (
                head("0,1\n0.5,1\n"),
                "3:1 bins of 0.5 s: must be 1 to 86400 s wide",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(problems(&text), [problem], "{text:?}");
        }
    }

    #[test]
    fn every_bad_line_is_named_up_to_a_bound() {
        let bad: String = (0..50).map(|i| format!("{},x\n", i * 60)).collect();
        let error = trace("made", &format!("{HEADER}\n{bad}")).unwrap_err();
        assert_eq!((error.problems.len(), error.more), (PROBLEMS_MAX, 30));
        assert!(error.to_string().ends_with("and 30 more"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(t_seconds,arrivals\n)?([-0-9.,eNaif\r ]{0,12}\n){0,8}\\PC{0,9}") {
            if let Ok(trace) = trace("made", &text) {
                prop_assert!(trace.arrivals().iter().all(|jobs| jobs.is_finite() && *jobs >= 0.0));
                prop_assert!(trace.duration().is_finite());
            }
        }
    }
}
