//! The contract's types, generated from `wit/`, under the names that authors use.

#[allow(missing_docs, clippy::all)]
pub mod generated {
    wit_bindgen::generate!({
        world: "template",
        path: "../../wit/0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "chandlery_sdk::wire_types",
        additional_derives: [PartialEq, Eq],
    });
}

pub use generated::chandlery::plugin::logging::{Level, log};
pub use generated::{Guest, export_bindings};

/// The plan model: see `wit/0.1.0/plan.wit` for units and meaning.
pub mod plan {
    pub use super::generated::chandlery::plugin::plan_types::*;
}

/// What a template is told, and how it answers: see `wit/0.1.0/template.wit`.
pub mod template {
    pub use super::generated::chandlery::plugin::template_types::{
        EngineKind, Facts, GpuPool, Problem, RuntimeKind,
    };
}

#[doc(hidden)]
pub mod wire {
    pub use super::generated::chandlery::plugin::plan_types::Plan;
    pub use super::generated::chandlery::plugin::template_types::{Problem, Request};
}
