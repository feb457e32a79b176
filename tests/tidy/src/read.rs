//! Reads manifests, and each crate from its root through its `mod` declarations.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use crate::workspace::{Blocking, Crate, Definition, File, Import, Item, Module, Reference, Text, Workspace};

impl Workspace {
    /// Reads the workspace whose manifest is in a folder.
    pub fn read(root: &Path) -> Result<Self, String> {
        let manifest = read_manifest(&root.join("Cargo.toml"))?;
        let mut workspace = Self::default();
        let members = manifest.get("workspace").and_then(|table| table.get("members")?.as_array());
        for folder in members.into_iter().flatten().filter_map(toml::Value::as_str) {
            let manifest = read_manifest(&root.join(folder).join("Cargo.toml"))?;
            let sources =
                ["src/lib.rs", "src/main.rs", "e2e/main.rs"].map(|path| root.join(folder).join(path));
            let source = sources
                .into_iter()
                .find(|path| path.exists())
                .ok_or_else(|| format!("{folder} has no sources"))?;
            workspace.add(root, folder, &manifest, &source)?;
        }
        Ok(workspace)
    }

    fn add(
        &mut self,
        root: &Path,
        folder: &str,
        manifest: &toml::Table,
        source: &Path,
    ) -> Result<(), String> {
        let dependencies = |kind: &str| -> Vec<String> {
            manifest
                .get(kind)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flat_map(|table| table.keys().cloned())
                .collect()
        };
        let name = manifest.get("package").and_then(|table| table.get("name")?.as_str()).unwrap_or(folder);
        let krate = self.crates.len();
        self.crates.push(Crate {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: [dependencies("dependencies"), dependencies("build-dependencies")].concat(),
            dev_dependencies: dependencies("dev-dependencies"),
            root: self.modules.len(),
        });
        file(self, root, source, Place { krate, parent: None, name: String::new(), test: false }).map(|_| ())
    }
}

fn read_manifest(path: &PathBuf) -> Result<toml::Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.parse().map_err(|error| format!("{}: {error}", path.display()))
}

/// Where a module stands.
struct Place {
    /// The index of its crate.
    krate: usize,
    parent: Option<usize>,
    name: String,
    test: bool,
}

/// Reads a file as a module, and gives the module's index.
fn file(workspace: &mut Workspace, root: &Path, path: &Path, place: Place) -> Result<usize, String> {
    let shown = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let syntax = syn::parse_file(&text).map_err(|error| format!("{shown}: {error}"))?;
    workspace.files.push(File { path: shown, module: workspace.modules.len() });
    let file = workspace.files.len() - 1;
    let named_after_its_folder =
        matches!(path.file_stem().and_then(|stem| stem.to_str()), Some("lib" | "main" | "mod"));
    let folder = if named_after_its_folder { path.with_file_name("") } else { path.with_extension("") };
    module(workspace, &Source { root, folder, file }, place, &syntax.items)
}

/// Where a module's own modules are looked for.
struct Source<'a> {
    root: &'a Path,
    folder: PathBuf,
    file: usize,
}

fn module(
    workspace: &mut Workspace,
    source: &Source,
    place: Place,
    items: &[syn::Item],
) -> Result<usize, String> {
    let index = workspace.modules.len();
    let (krate, test) = (place.krate, place.test);
    workspace.modules.push(Module {
        name: place.name,
        krate,
        parent: place.parent,
        file: source.file,
        test,
        items: std::collections::HashMap::new(),
        imports: Vec::new(),
        globs: Vec::new(),
        references: Vec::new(),
        texts: Vec::new(),
        in_async: Vec::new(),
    });
    let mut collector = Collector { index, module: Collected::default(), is_async: false };
    for item in items {
        let test = test || is_for_tests(item_attributes(item));
        if let syn::Item::Mod(declared) = item {
            let name = declared.ident.to_string();
            let place = Place { krate, parent: Some(index), name: name.clone(), test };
            let below = match &declared.content {
                Some((_, items)) => {
                    let source = Source { folder: source.folder.join(&name), ..*source };
                    module(workspace, &source, place, items)?
                }
                None => {
                    let paths =
                        [source.folder.join(format!("{name}.rs")), source.folder.join(&name).join("mod.rs")];
                    let Some(path) = paths.iter().find(|path| path.exists()) else {
                        return Err(format!(
                            "{}: module {name} is nowhere",
                            workspace.files[source.file].path
                        ));
                    };
                    file(workspace, source.root, path, place)?
                }
            };
            workspace.modules[index].items.insert(name, Item::Module(below));
            continue;
        }
        if test && !place.test {
            continue;
        }
        let definition = Definition { file: source.file, is_function: matches!(item, syn::Item::Fn(_)) };
        for name in defined(item) {
            workspace.modules[index].items.insert(name, Item::Defined(definition));
        }
        if let syn::Item::Macro(made) = item
            && let Some(name) = &made.ident
            && made.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"))
        {
            let root = workspace.crates[krate].root;
            workspace.modules[root].items.insert(name.to_string(), Item::Defined(definition));
        }
        collector.visit_item(item);
    }
    let Collected { imports, globs, references, texts, in_async } = collector.module;
    let module = &mut workspace.modules[index];
    (module.imports, module.globs, module.references) = (imports, globs, references);
    (module.texts, module.in_async) = (texts, in_async);
    Ok(index)
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let cfg = attribute.path().is_ident("cfg");
        cfg && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The names that an item defines. A macro's call defines what its tokens declare.
fn defined(item: &syn::Item) -> Vec<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        syn::Item::Macro(item) => match &item.ident {
            Some(name) => name,
            None => return declared(item.mac.tokens.clone()),
        },
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

fn declared(tokens: TokenStream) -> Vec<String> {
    let words: Vec<Option<String>> = tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(word) => Some(word.to_string()),
            _ => None,
        })
        .collect();
    let pairs = words.windows(2).filter_map(|pair| match pair {
        [Some(kind), Some(name)] => {
            let kinds = ["enum", "struct", "fn", "const", "static", "type", "trait"];
            kinds.contains(&kind.as_str()).then(|| name.clone())
        }
        _ => None,
    });
    pairs.collect()
}

#[derive(Default)]
struct Collected {
    imports: Vec<Import>,
    globs: Vec<Vec<String>>,
    references: Vec<Reference>,
    texts: Vec<Text>,
    in_async: Vec<Blocking>,
}

/// Collects what the items of one module write.
struct Collector {
    index: usize,
    module: Collected,
    is_async: bool,
}

impl Collector {
    fn refer(&mut self, path: Vec<String>, line: usize, reexport: bool) {
        self.module.references.push(Reference { module: self.index, path, line, reexport });
    }

    fn import(&mut self, tree: &syn::UseTree, mut path: Vec<String>, reexport: bool) {
        let (last, name) = match tree {
            syn::UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                return self.import(&tree.tree, path, reexport);
            }
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, path.clone(), reexport));
            }
            syn::UseTree::Glob(_) => {
                self.module.globs.push(path);
                return;
            }
            syn::UseTree::Name(tree) => (&tree.ident, None),
            syn::UseTree::Rename(tree) => (&tree.ident, Some(tree.rename.to_string())),
        };
        let (line, last) = (last.span().start().line, last.to_string());
        if last != "self" {
            path.push(last);
        }
        let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
        self.refer(path.clone(), line, reexport);
        self.module.imports.push(Import { name, path });
    }

    /// The paths and the texts in tokens that only a macro understands.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(first) => {
                    let (line, mut path) = (first.span().start().line, vec![first.to_string()]);
                    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..] =
                        &tokens[at + 1..]
                        && (one.as_char(), two.as_char()) == (':', ':')
                    {
                        path.push(next.to_string());
                        at += 3;
                    }
                    self.refer(path, line, false);
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let syn::Lit::Str(text) = syn::Lit::new(literal.clone()) {
                        self.text(&text, false);
                    }
                }
                TokenTree::Punct(_) => {}
            }
            at += 1;
        }
    }

    fn text(&mut self, text: &syn::LitStr, table: bool) {
        self.module.texts.push(Text { text: text.value(), line: text.span().start().line, table });
    }

    fn within(&mut self, is_async: bool, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.is_async, is_async);
        visit(self);
        self.is_async = before;
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn line(path: &syn::Path) -> usize {
    path.segments.first().map_or(0, |segment| segment.ident.span().start().line)
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        // A macro's definition means nothing yet, and a module inside a function is too rare to be looked at.
        let is_definition = matches!(item, syn::Item::Macro(made) if made.ident.is_some());
        if !is_definition && !matches!(item, syn::Item::Mod(_)) && !is_for_tests(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, Vec::new(), !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(item.sig.asyncness.is_some(), |this| visit::visit_item_fn(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.within(item.sig.asyncness.is_some(), |this| visit::visit_impl_item_fn(this, item));
        }
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.within(true, |this| visit::visit_expr_async(this, block));
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        // It may well be run on a thread for what blocks.
        self.within(false, |this| visit::visit_expr_closure(this, closure));
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(function) = &*call.func {
            let path = segments(&function.path);
            let inserts = path.last().is_some_and(|name| name == "insert_rows");
            for argument in call.args.iter().filter(|_| inserts) {
                if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = argument {
                    self.text(text, true);
                }
            }
            if self.is_async {
                let line = line(&function.path);
                self.module.in_async.push(Blocking { module: self.index, path, line });
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.refer(segments(path), line(path), false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.tokens(mac.tokens.clone());
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.text(text, false);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => {
                // `#[serde(with = "crate::text")]` names a path, too.
                let before = self.module.texts.len();
                self.tokens(list.tokens.clone());
                for text in self.module.texts.split_off(before) {
                    if let Ok(path) = syn::parse_str::<syn::Path>(&text.text) {
                        self.refer(segments(&path), text.line, false);
                    }
                }
            }
            syn::Meta::NameValue(_) | syn::Meta::Path(_) => {}
        }
    }
}
