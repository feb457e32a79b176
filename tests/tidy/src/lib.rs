//! Reads the sources of a workspace: its crates, their modules, what each file refers to through every re-export, and which
//! tables its SQL writes. What follows from that is judged in `tests/house`.

mod graph;
mod read;
mod resolve;
mod sql;
mod workspace;

pub use graph::{Circle, Graph};
pub use sql::{Write, writes};
pub use workspace::{Blocking, Crate, Definition, File, Import, Item, Module, Reference, Text, Workspace};

use resolve::Target;

/// A reference from one file to what another one defines.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The index of the file that refers.
    pub from: usize,
    /// The index of the file that defines.
    pub to: usize,
    /// Where in the file that refers, counted from one.
    pub line: usize,
    /// The path as it is written.
    pub path: String,
}

impl Workspace {
    /// Every reference outside tests from a file to something that another file defines, in whichever crate.
    ///
    /// Two kinds do not count. A file that re-exports what is below it (`pub use child::Item`) only says where it is. And a module
    /// may name the types, traits and constants of the modules around it: they are the words that a chapter's parts have in
    /// common, and the chapter puts its parts together. A function of the module around it, though, it may call only where that
    /// one does not call it; and of the crate's root, which knows every room, it may name nothing at all in that case.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for reference in
            self.modules.iter().filter(|module| !module.test).flat_map(|module| &module.references)
        {
            let Some(Target::Item(definition)) = resolve::resolve(self, reference.module, &reference.path)
            else {
                continue;
            };
            let to = definition.file;
            let from = self.modules[reference.module].file;
            let is_reexport = reference.reexport && self.is_below(to, reference.module);
            let around = self.files[to].module;
            let is_root = self.modules[around].parent.is_none();
            let is_common_word = !definition.is_function && !is_root && self.is_below(from, around);
            if from == to || is_reexport || is_common_word {
                continue;
            }
            edges.push(Edge { from, to, line: reference.line, path: reference.path.join("::") });
        }
        edges
    }

    /// The references of a crate to what no crate of this workspace defines, each with its file, line and whole path.
    pub fn outside(&self, krate: usize) -> Vec<(usize, usize, String)> {
        let modules = self.modules.iter().filter(|module| module.krate == krate && !module.test);
        let references = modules.flat_map(|module| &module.references);
        let outside = references.filter_map(|reference| {
            match resolve::resolve(self, reference.module, &reference.path) {
                Some(Target::Outside(path)) => {
                    Some((self.modules[reference.module].file, reference.line, path.join("::")))
                }
                _ => None,
            }
        });
        outside.collect()
    }

    /// Whether an async function blocks its thread there, and by what.
    pub fn blocks(&self, blocking: &Blocking) -> Option<String> {
        match resolve::resolve(self, blocking.module, &blocking.path)? {
            Target::Outside(path) => {
                let path = path.join("::");
                let blocks =
                    ["std::fs::", "std::thread::sleep", "std::net::TcpStream", "std::net::TcpListener"]
                        .iter()
                        .any(|start| path.starts_with(start));
                blocks.then_some(path)
            }
            _ => None,
        }
    }

    /// The name of the room that a file is in: its crate and, in that, the module at the top.
    pub fn room(&self, file: usize) -> String {
        let mut module = self.files[file].module;
        let mut top = String::from("the root");
        while let Some(parent) = self.modules[module].parent {
            top.clone_from(&self.modules[module].name);
            module = parent;
        }
        format!("{}::{top}", self.crates[self.modules[module].krate].name)
    }

    fn is_below(&self, file: usize, module: usize) -> bool {
        let mut at = Some(self.files[file].module);
        while let Some(here) = at {
            if here == module {
                return true;
            }
            at = self.modules[here].parent;
        }
        false
    }
}
