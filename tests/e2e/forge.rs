//! Components that no compiler of plugins would make, from WebAssembly's text format.

use chandlery_package::component::embed;
use chandlery_package::{Component, Manifest};
use wasm_encoder::{
    CodeSection, ComponentSection as _, ExportKind, ExportSection, Function, FunctionSection,
    InstanceSection, Instruction, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, TypeSection,
    ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::world::workspace;

/// What a template's `plan` takes and gives, in WebAssembly's own types.
const PLAN: &str =
    "(export \"plan\") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)";

fn manifest(name: &str) -> Manifest {
    let text = format!(
        "name = \"mallory:{name}\"\nversion = \"1.0.0\"\nkind = \"template\"\ncontract = \"0.1.0\"\ntitle = \"Forged\"\n\
         description = \"Forged.\"\nlicense = \"Apache-2.0\"\n"
    );
    Manifest::from_toml(&text).unwrap()
}

fn template_of(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace().join("wit/0.1.0")).unwrap();
    let world = resolve.select_world(&[package], Some("template")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

fn named(name: &str, component: &[u8]) -> Vec<u8> {
    let bytes = embed(component, &manifest(name)).unwrap();
    Component::parse(&bytes).unwrap();
    bytes
}

/// A template that says this of itself, and has no plan.
pub fn described(manifest: &Manifest) -> Vec<u8> {
    embed(&bare("", "unreachable"), manifest).unwrap()
}

/// A template with these declarations and this body of `plan`.
pub fn template(name: &str, declarations: &str, body: &str) -> Vec<u8> {
    named(name, &bare(declarations, body))
}

fn bare(declarations: &str, body: &str) -> Vec<u8> {
    let text = format!(
        "(module (memory (export \"memory\") 1) {declarations}
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) i32.const 1024)
           (func {PLAN} {body}))"
    );
    template_of(wat::parse_str(text).unwrap())
}

/// A template that is made of this many instances of an empty module besides.
pub fn of_instances(name: &str, count: u32) -> Vec<u8> {
    let mut bytes = bare("", "unreachable");
    ModuleSection(&Module::new()).append_to_component(&mut bytes);
    let index = wat_modules(&bytes) - 1;
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate(index, std::iter::empty::<(&str, ModuleArg)>());
    }
    instances.append_to_component(&mut bytes);
    named(name, &bytes)
}

/// How many core modules a component defines itself.
fn wat_modules(component: &[u8]) -> u32 {
    let mut depth = 0;
    let mut modules = 0;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => {
                modules += u32::from(depth == 0);
                depth += 1;
            }
            wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    modules
}

/// A template that is small and valid, and takes a compiler long: one function in which this many values are all needed
/// until its end.
pub fn compiler_bomb(name: &str, values: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 13], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("plan", ExportKind::Func, 0);
    exports.export("cabi_realloc", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut plan = Function::new([(values, ValType::I32)]);
    for local in 13..13 + values {
        // Each depends on another in a way that no optimiser sees through, in a block of its own.
        plan.instruction(&Instruction::LocalGet(local % 13));
        plan.instruction(&Instruction::I32Load(wasm_encoder::MemArg {
            offset: 0,
            align: 0,
            target: wasm_encoder::MemArgTarget::Memory(0),
            ordering: None,
        }));
        plan.instruction(&Instruction::LocalTee(local));
        plan.instruction(&Instruction::If(wasm_encoder::BlockType::Empty));
        plan.instruction(&Instruction::LocalGet(local));
        plan.instruction(&Instruction::LocalSet(local % 13));
        plan.instruction(&Instruction::End);
    }
    plan.instruction(&Instruction::I32Const(0));
    for local in 13..13 + values {
        plan.instruction(&Instruction::LocalGet(local));
        plan.instruction(&Instruction::I32Add);
    }
    plan.instruction(&Instruction::End);
    let mut realloc = Function::new([]);
    realloc.instruction(&Instruction::I32Const(1024)).instruction(&Instruction::End);
    let mut codes = CodeSection::new();
    codes.function(&plan).function(&realloc);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&codes);
    named(name, &template_of(module.finish()))
}
