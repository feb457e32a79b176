//! What is put into new plugins is part of the binary: when it changes, the binary is built again.

fn main() {
    for folder in ["starters", "../wit", "../plugins/sdk", "../Cargo.toml"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
