//! What a source file names: paths, identifiers, string literals. Comments and tests do not count.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, UseTree,
    visit::{self, Visit},
};

/// One file.
pub struct Source {
    /// From the workspace's root.
    pub path: String,
    pub text: String,
    /// Every path, with `self` and `super` written out: `crate::domain::Order`, `sqlx::query`.
    pub names: BTreeSet<String>,
    pub identifiers: BTreeSet<String>,
    pub literals: Vec<String>,
}

impl Source {
    /// # Panics
    /// When it is not Rust.
    pub fn parse(path: &str, text: &str) -> Self {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut reader = Reader {
            module: module_of(path),
            found: Self {
                path: path.to_owned(),
                text: text.to_owned(),
                names: BTreeSet::new(),
                identifiers: BTreeSet::new(),
                literals: Vec::new(),
            },
        };
        reader.visit_file(&file);
        reader.found
    }

    /// The path's last part, without `.rs`; of a `mod.rs`, the folder's.
    pub fn stem(&self) -> &str {
        let stem = self.path.trim_end_matches(".rs").trim_end_matches("/mod");
        stem.rsplit('/').next().unwrap_or(stem)
    }
}

pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files under a folder of the workspace, without those that hold tests alone. None if there is no such folder.
pub fn sources(folder: &str) -> Vec<Source> {
    files(folder, "rs")
        .into_iter()
        .filter(|(path, _)| !path.ends_with("_tests.rs") && !path.ends_with("/tests.rs"))
        .map(|(path, text)| Source::parse(&path, &text))
        .collect()
}

/// Path and text of each file with this extension.
pub fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path);
            }
        }
    }
    let root = workspace();
    let mut found = Vec::new();
    walk(&root.join(folder), extension, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable file");
            let path = path.strip_prefix(&root).expect("a file of the workspace");
            (path.to_str().expect("a plain name").to_owned(), text)
        })
        .collect()
}

/// `a/src/b/c.rs` is the module `crate::b::c`.
fn module_of(path: &str) -> Vec<String> {
    let inside = path.split_once("src/").map_or(path, |(_, inside)| inside);
    let mut module = vec!["crate".to_owned()];
    module.extend(inside.trim_end_matches(".rs").split('/').map(str::to_owned));
    let last = module.last().map(String::as_str);
    if matches!(last, Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

struct Reader {
    module: Vec<String>,
    found: Source,
}

impl Reader {
    fn name(&mut self, segments: &[String]) {
        let mut full = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            match segment.as_str() {
                "self" if index == 0 => full.clone_from(&self.module),
                "super" => {
                    if index == 0 {
                        full.clone_from(&self.module);
                    }
                    full.pop();
                }
                _ => full.push(segment.clone()),
            }
        }
        self.found.names.insert(full.join("::"));
    }

    fn uses(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.uses(&with(path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.name(&with(name.ident.to_string())),
            UseTree::Rename(rename) => self.name(&with(rename.ident.to_string())),
            UseTree::Glob(_) => self.name(&with("*".to_owned())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.uses(before, tree)),
        }
    }

    /// What a macro is called with is not parsed by anybody but the macro: so its tokens.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_path(&mut path);
                    }
                    self.found.identifiers.insert(ident.to_string());
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end_path(&mut path);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(literal) => {
                    self.end_path(&mut path);
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.found.literals.push(text.value());
                    }
                }
                TokenTree::Punct(_) => {
                    self.end_path(&mut path);
                    colons = 0;
                }
            }
        }
        self.end_path(&mut path);
    }

    fn end_path(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.name(path);
            path.clear();
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.uses(&[], &item.tree);
        visit::visit_item_use(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.name(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        self.visit_path(attribute.path());
        match &attribute.meta {
            syn::Meta::List(list) => self.tokens(list.tokens.clone()),
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
            syn::Meta::Path(_) => {}
        }
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.found.identifiers.insert(ident.to_string());
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.found.literals.push(literal.value());
    }
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    attribute.path().is_ident("cfg") && list.tokens.to_string() == "test"
}

#[test]
fn names_are_found_wherever_they_hide() {
    let source = Source::parse(
        "a-svc/src/domain/order.rs",
        r#"
        //! In a comment: tonic::Status.
        use super::{basket::Basket as B, id};
        use crate::{api::*, domain};
        use sqlx::PgPool;
        #[derive(Debug, axum::FromRef)]
        struct A(Vec<tokio::sync::Mutex<u8>>);
        fn f() {
            let now = chrono::Utc::now();
            info!("text {}", proto::events::order::CREATED);
            sqlx::query!("select 1 from t", now);
        }
        #[cfg(test)]
        mod tests { use crate::infrastructure::X; }
        "#,
    );
    for name in [
        "crate::domain::basket::Basket",
        "crate::domain::id",
        "crate::api::*",
        "crate::domain",
        "sqlx::PgPool",
        "axum::FromRef",
        "tokio::sync::Mutex",
        "chrono::Utc::now",
        "proto::events::order::CREATED",
        "sqlx::query",
    ] {
        assert!(source.names.contains(name), "{name} in {:#?}", source.names);
    }
    assert!(
        !source
            .names
            .iter()
            .any(|name| name.contains("tonic") || name.contains("infrastructure"))
    );
    assert_eq!(source.literals, ["text {}", "select 1 from t"]);
}
