//! Prints sizing beside what servers said in public logs: `make bench-sizing`.

#[path = "../tests/reports/table.rs"]
mod table;

fn main() {
    table::print();
}
