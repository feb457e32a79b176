//! Sizing beside what servers said in public logs: `make bench-sizing` prints the same table.

#[path = "reports/table.rs"]
mod table;

use table::{READS, REPORTS, error};

/// How far an answer may be off, in percent.
const ERROR_MAX: f64 = 10.0;

#[test]
fn answers_are_what_servers_said() {
    table::print();
    for report in REPORTS {
        let answer = report.answer();
        if let Some(said) = report.weights_gib {
            let off = error(answer.weights_gib, said);
            assert!(off.abs() <= ERROR_MAX, "{}: weights {:.2} of {said}", report.source, answer.weights_gib);
        }
        if let Some(said) = report.tokens {
            let off = error(answer.tokens as f64, said as f64);
            assert!(off.abs() <= ERROR_MAX, "{}: {} of {said} tokens", report.source, answer.tokens);
        }
        if let Some(said) = report.fits {
            assert_eq!(answer.fits, said, "{}", report.source);
        }
    }
    for read in READS {
        let (needs_mib, fits) = read.answer();
        assert_eq!(fits, read.fits, "{}: {needs_mib} MiB", read.source);
    }
}
