//! What was read: crates, modules, files.

use std::collections::HashMap;

/// A workspace as its sources describe it.
#[derive(Debug, Default)]
pub struct Workspace {
    /// Its crates, in the order of its manifest.
    pub crates: Vec<Crate>,
    /// The modules of all crates; a module is named by its index.
    pub modules: Vec<Module>,
    /// The files of all modules; a file is named by its index.
    pub files: Vec<File>,
}

/// A crate, which has one tree of modules.
#[derive(Debug)]
pub struct Crate {
    /// The package's name, with hyphens.
    pub name: String,
    /// Its folder, from the root of the workspace.
    pub folder: String,
    /// The packages that it is built on.
    pub dependencies: Vec<String>,
    /// The packages that its tests are built on.
    pub dev_dependencies: Vec<String>,
    /// The module at its root.
    pub root: usize,
}

/// A module in a file of its own or inside one.
#[derive(Debug)]
pub struct Module {
    /// Its name; the root has none.
    pub name: String,
    /// The index of its crate.
    pub krate: usize,
    /// The module around it.
    pub parent: Option<usize>,
    /// The file that it is written in.
    pub file: usize,
    /// Whether it is compiled for tests only.
    pub test: bool,
    /// What it defines, by name.
    pub items: HashMap<String, Item>,
    /// What it imports by name.
    pub imports: Vec<Import>,
    /// The modules that it imports everything of.
    pub globs: Vec<Vec<String>>,
    /// Every path that it writes, outside tests.
    pub references: Vec<Reference>,
    /// The texts in its code, outside tests.
    pub texts: Vec<Text>,
    /// The calls in its async functions of something by its path.
    pub in_async: Vec<Blocking>,
}

/// What a name of a module stands for.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// A module below it, in a file of its own or inside this one.
    Module(usize),
    /// A type, a function, a constant, a macro: whatever is no module.
    Defined(Definition),
}

/// Where something is defined that is no module.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The index of the file.
    pub file: usize,
    /// Whether it is a function.
    pub is_function: bool,
}

/// A name that a module imports.
#[derive(Debug)]
pub struct Import {
    /// The name that it has from then on.
    pub name: String,
    /// The path that it is imported by.
    pub path: Vec<String>,
}

/// A path that is written somewhere.
#[derive(Debug)]
pub struct Reference {
    /// The module that writes it.
    pub module: usize,
    /// Its segments, from the first one written.
    pub path: Vec<String>,
    /// Its line, counted from one.
    pub line: usize,
    /// Whether it is imported to be exported again.
    pub reexport: bool,
}

/// A call in an async function.
#[derive(Debug)]
pub struct Blocking {
    /// The module that writes it.
    pub module: usize,
    /// The segments of what is called.
    pub path: Vec<String>,
    /// Its line, counted from one.
    pub line: usize,
}

/// A text in the code.
#[derive(Debug)]
pub struct Text {
    /// What it says.
    pub text: String,
    /// Its first line, counted from one.
    pub line: usize,
    /// Whether it is the name of a table whose rows are inserted by a function of the store.
    pub table: bool,
}

/// A file of a module.
#[derive(Debug)]
pub struct File {
    /// Its path, from the root of the workspace.
    pub path: String,
    /// The module that it is.
    pub module: usize,
}
