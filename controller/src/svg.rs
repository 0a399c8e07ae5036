//! Small drawings as SVG: panels of lines over one axis, for people who compare two of them.
//!
//! Written by hand rather than by a plotting crate: it is three panels that share an axis, and the same numbers must
//! give the same bytes.

use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const PANEL_HEIGHT: f64 = 170.0;
const TOP: f64 = 56.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 16.0;
/// Between two panels, for the label of the lower one.
const GAP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// Dark enough on white and light enough on black to be told apart, also without red or green.
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00",
];

/// Panels, one below the other, over one axis.
pub(crate) struct Drawing {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) panels: Vec<Panel>,
}

/// The axis below all panels.
pub(crate) struct Axis {
    pub(crate) label: String,
    /// What one unit of the axis is in the points' numbers: 3,600 for hours of seconds.
    pub(crate) unit: f64,
}

/// Lines over one scale, from 0 up.
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) lines: Vec<Line>,
}

/// A line through points in order of x. What is no finite number is left out.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// From numbers to places on the paper.
struct Frame {
    x: (f64, f64),
    y_max: f64,
    top: f64,
}

// === impl Axis ===

impl Axis {
    /// Time in the largest unit of which `seconds` holds three.
    pub(crate) fn of_time(seconds: f64) -> Self {
        let units = [("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)];
        let fitting = units.into_iter().find(|(_, unit)| seconds >= 3.0 * unit);
        let (label, unit) = fitting.unwrap_or(("seconds", 1.0));
        Self {
            label: label.to_owned(),
            unit,
        }
    }
}

// === impl Drawing ===

impl Drawing {
    /// The drawing as a file's text.
    pub(crate) fn svg(&self) -> String {
        let panels = f64::from(u32::try_from(self.panels.len()).unwrap_or(u32::MAX));
        let height = TOP + panels * (PANEL_HEIGHT + GAP) - GAP + BOTTOM;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
            escaped(&self.title)
        );
        let x = self.x_range();
        let mut top = TOP;
        for panel in &self.panels {
            panel.draw(&mut svg, x, self.x.unit, top);
            top += PANEL_HEIGHT + GAP;
        }
        let (middle, below) = ((LEFT + WIDTH - RIGHT) / 2.0, height - 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>\n</svg>",
            escaped(&self.x.label)
        );
        svg
    }

    fn x_range(&self) -> (f64, f64) {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let all = lines.flat_map(finite).map(|(x, _)| x);
        let (least, most) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| {
            (least.min(x), most.max(x))
        });
        if least < most {
            (least, most)
        } else if least.is_finite() {
            (least, least + self.x.unit)
        } else {
            (0.0, self.x.unit)
        }
    }
}

// === impl Panel ===

impl Panel {
    fn draw(&self, svg: &mut String, x: (f64, f64), x_unit: f64, top: f64) {
        let points = self.lines.iter().flat_map(finite);
        let y_max = points.map(|(_, y)| y).fold(0.0, f64::max);
        let frame = Frame {
            x,
            // Some room above the highest line.
            y_max: if y_max > 0.0 { y_max * 1.04 } else { 1.0 },
            top,
        };
        frame.grid(svg, x_unit);
        let mut at = LEFT;
        let above = top - 8.0;
        let _ = writeln!(
            svg,
            "<text x=\"{at}\" y=\"{above}\" fill=\"#444\">{}</text>",
            escaped(&self.label)
        );
        at += 7.0 * width(&self.label) + 16.0;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            if self.lines.len() > 1 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{at:.0}\" y=\"{above}\" fill=\"{colour}\">{}</text>",
                    escaped(&line.name)
                );
                at += 7.0 * width(&line.name) + 16.0;
            }
            frame.line(svg, line, colour);
        }
    }
}

// === impl Frame ===

impl Frame {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (from, to) = self.x;
        (
            LEFT + (x - from) / (to - from) * (WIDTH - RIGHT - LEFT),
            self.top + PANEL_HEIGHT * (1.0 - y / self.y_max),
        )
    }

    fn grid(&self, svg: &mut String, x_unit: f64) {
        let (right, bottom) = (WIDTH - RIGHT, self.top + PANEL_HEIGHT);
        for y in ticks((0.0, self.y_max), 4.0) {
            let (_, at) = self.place((self.x.0, y));
            let (text_x, text_y) = (LEFT - 6.0, at + 4.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>\
                 <text x=\"{text_x}\" y=\"{text_y:.1}\" text-anchor=\"end\">{}</text>",
                short(y)
            );
        }
        for x in ticks((self.x.0 / x_unit, self.x.1 / x_unit), 8.0) {
            let (at, _) = self.place((x * x_unit, 0.0));
            let text_y = bottom + 14.0;
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {}V{bottom}\" stroke=\"#eee\"/>\
                 <text x=\"{at:.1}\" y=\"{text_y}\" text-anchor=\"middle\" fill=\"#666\" font-size=\"10\">{}</text>",
                self.top,
                short(x)
            );
        }
    }

    fn line(&self, svg: &mut String, line: &Line, colour: &str) {
        let mut path = String::new();
        for (i, point) in finite(line).enumerate() {
            let (x, y) = self.place(point);
            let verb = if i == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{verb}{x:.1} {y:.1}");
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        );
    }
}

fn finite(line: &Line) -> impl Iterator<Item = (f64, f64)> {
    let points = line.points.iter().copied();
    points.filter(|(x, y)| x.is_finite() && y.is_finite())
}

/// Round numbers in a range, about `count` of them.
fn ticks((from, to): (f64, f64), count: f64) -> Vec<f64> {
    let rough = (to - from) / count;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    let mut ticks = Vec::new();
    let mut at = (from / step).ceil() * step;
    // Bounded, whatever the numbers are.
    while at <= to && ticks.len() < 50 {
        ticks.push(at);
        at += step;
    }
    ticks
}

/// `1.5M`, `20k`, `3`, `0.25`.
fn short(number: f64) -> String {
    let (number, suffix) = match number.abs() {
        n if n >= 1e6 => (number / 1e6, "M"),
        n if n >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    format!("{text}{suffix}")
}

fn width(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML takes no control characters at all.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(points: Vec<(f64, f64)>) -> Drawing {
        Drawing {
            title: "a <trace> & \u{1}".to_owned(),
            x: Axis::of_time(7_200.0),
            panels: vec![Panel {
                label: "jobs".to_owned(),
                lines: vec![Line {
                    name: "backlog".to_owned(),
                    points,
                }],
            }],
        }
    }

    #[test]
    fn a_drawing_is_the_same_text_every_time() {
        let svg = drawing(vec![(0.0, 0.0), (3_600.0, 50.0), (7_200.0, 25.0)]).svg();
        insta::assert_snapshot!(svg);
    }

    #[test]
    fn any_numbers_give_a_drawing() {
        for points in [
            vec![],
            vec![(0.0, 0.0)],
            vec![(5.0, f64::NAN), (f64::INFINITY, 1.0)],
            vec![(0.0, 1e300), (1e-9, 1e-300)],
        ] {
            let svg = drawing(points).svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (0.25, "0.25"),
            (9_000.0, "9000"),
            (20_000.0, "20k"),
            (1.5e6, "1.5M"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
    }
}
