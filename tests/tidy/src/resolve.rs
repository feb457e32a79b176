//! What a path means: through imports, re-exports, globs and other crates, to the file that defines it.

use crate::workspace::{Definition, Item, Workspace};

/// What a path leads to.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// Something that is no module.
    Item(Definition),
    /// A module itself.
    Module(usize),
    /// Something of a crate that is not of this workspace, with its whole path.
    Outside(Vec<String>),
}

/// Follows a path that a module writes; nothing where it begins with a name that only the compiler could place: a type's parameter,
/// a variable, the prelude.
pub(crate) fn resolve(workspace: &Workspace, module: usize, path: &[String]) -> Option<Target> {
    Resolver { workspace, asked: Vec::new() }.path(module, path)
}

struct Resolver<'a> {
    workspace: &'a Workspace,
    /// The names that are being looked up, so that one that leads to itself ends.
    asked: Vec<(usize, String)>,
}

impl Resolver<'_> {
    fn path(&mut self, module: usize, path: &[String]) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(self.workspace.crates[self.workspace.modules[module].krate].root),
            "self" => Target::Module(module),
            "super" => Target::Module(self.workspace.modules[module].parent?),
            name => self.name(module, name).or_else(|| self.extern_crate(name))?,
        };
        while let Some((next, after)) = rest.split_first() {
            target = match target {
                Target::Item(_) => return Some(target),
                Target::Outside(mut path) => {
                    path.extend(rest.iter().cloned());
                    return Some(Target::Outside(path));
                }
                Target::Module(here) if next == "super" => {
                    Target::Module(self.workspace.modules[here].parent?)
                }
                Target::Module(here) if next == "self" => Target::Module(here),
                Target::Module(here) => self.name(here, next)?,
            };
            rest = after;
        }
        Some(target)
    }

    fn name(&mut self, module: usize, name: &str) -> Option<Target> {
        let here = &self.workspace.modules[module];
        match here.items.get(name) {
            Some(Item::Module(index)) => return Some(Target::Module(*index)),
            Some(Item::Defined(definition)) => return Some(Target::Item(*definition)),
            None => {}
        }
        let question = (module, name.to_owned());
        if self.asked.contains(&question) {
            return None;
        }
        self.asked.push(question);
        let named = here.imports.iter().filter(|import| import.name == name);
        let named = named.map(|import| &import.path).find_map(|path| self.path(module, path));
        let found = named.or_else(|| {
            here.globs.iter().find_map(|glob| match self.path(module, glob)? {
                Target::Module(from) => self.name(from, name),
                _ => None,
            })
        });
        self.asked.pop();
        found
    }

    fn extern_crate(&self, name: &str) -> Option<Target> {
        let ours = self.workspace.crates.iter().find(|krate| krate.name.replace('-', "_") == name);
        match ours {
            Some(krate) => Some(Target::Module(krate.root)),
            // A crate's name is in lower case; a type, or a parameter for one, is not.
            None => name.starts_with(char::is_lowercase).then(|| Target::Outside(vec![name.to_owned()])),
        }
    }
}
