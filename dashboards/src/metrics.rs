//! Prometheus text (exposition format 0.0.4), written by hand: numbers are read when somebody asks, and each part of
//! the hub adds its own with a closure, so that no part depends on a metrics library.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Content type of the answer.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const SURE: &str = "writing to a string cannot fail";

/// A metrics page in the making.
#[derive(Default)]
pub struct Metrics {
    text: String,
    last: String,
}

impl Metrics {
    /// A number that only grows. `labels` are pairs of name and value; values come from enums, never from devices.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: u64) {
        self.sample("counter", name, help, labels, &value);
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample("gauge", name, help, labels, &value);
    }

    /// Measurements by size: `counts` are those up to each bound and not below, then those beyond the last.
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        bounds: &[f64],
        counts: &[u64],
        sum: f64,
    ) {
        self.head("histogram", name, help);
        let mut so_far = 0;
        for (at, count) in counts.iter().enumerate() {
            so_far += count;
            let bound = bounds.get(at).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            self.line(&format!("{name}_bucket"), &[labels, &[("le", &bound)]].concat(), &so_far);
        }
        self.line(&format!("{name}_sum"), labels, &sum);
        self.line(&format!("{name}_count"), labels, &so_far);
    }

    fn sample(&mut self, kind: &str, name: &str, help: &str, labels: &[(&str, &str)], value: &dyn Display) {
        self.head(kind, name, help);
        self.line(name, labels, value);
    }

    fn head(&mut self, kind: &str, name: &str, help: &str) {
        if self.last != name {
            name.clone_into(&mut self.last);
            writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}", help.replace('\n', " ")).expect(SURE);
        }
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &dyn Display) {
        self.text.push_str(name);
        for (n, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.text, "{}{label}=\"{value}\"", if n == 0 { '{' } else { ',' }).expect(SURE);
        }
        let close = if labels.is_empty() { "" } else { "}" };
        writeln!(self.text, "{close} {value}").expect(SURE);
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// Requests by the first digit of their status.
#[derive(Default)]
pub struct HttpCounters {
    by_class: [AtomicU64; 6],
}

impl HttpCounters {
    /// Counts an answer.
    pub fn count(&self, status: u16) {
        self.by_class[usize::from(status / 100).min(5)].fetch_add(1, Relaxed);
    }

    /// Adds them to a page.
    pub fn write(&self, to: &mut Metrics) {
        for (class, count) in self.by_class.iter().enumerate().skip(1) {
            let label = format!("{class}xx");
            let help = "Answers to HTTP requests by class of status.";
            to.counter("greenhub_http_responses_total", help, &[("status", &label)], count.load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_each_metric_once_and_escapes_labels() {
        let mut page = Metrics::default();
        page.counter("a_total", "Things.", &[("kind", "x\"y")], 3);
        page.counter("a_total", "Things.", &[("kind", "z")], 4);
        page.gauge("b", "Others.", &[], 1.5);
        let want = "# HELP a_total Things.\n# TYPE a_total counter\na_total{kind=\"x\\\"y\"} 3\na_total{kind=\"z\"} 4\n\
                    # HELP b Others.\n# TYPE b gauge\nb 1.5\n";
        assert_eq!(page.into_text(), want);
    }

    #[test]
    fn a_histogram_counts_what_lies_below_each_bound() {
        let mut page = Metrics::default();
        page.histogram("h", "Times.", &[("k", "x")], &[0.1, 1.0], &[2, 0, 3], 9.5);
        let want = "# HELP h Times.\n# TYPE h histogram\nh_bucket{k=\"x\",le=\"0.1\"} 2\nh_bucket{k=\"x\",le=\"1\"} 2\n\
                    h_bucket{k=\"x\",le=\"+Inf\"} 5\nh_sum{k=\"x\"} 9.5\nh_count{k=\"x\"} 5\n";
        assert_eq!(page.into_text(), want);
    }
}
