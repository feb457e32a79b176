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

#[allow(missing_docs, clippy::all)]
pub mod generated_policy {
    wit_bindgen::generate!({
        world: "policy",
        path: "../../wit/0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_policy_bindings",
        default_bindings_module: "chandlery_sdk::policy_wire_types",
        additional_derives: [PartialEq, Eq],
        with: {
            "chandlery:plugin/logging@0.1.0": super::generated::chandlery::plugin::logging,
            "chandlery:plugin/plan-types@0.1.0": super::generated::chandlery::plugin::plan_types,
            "chandlery:plugin/template-types@0.1.0": super::generated::chandlery::plugin::template_types,
        },
    });
}

#[allow(missing_docs, clippy::all)]
pub mod generated_integration {
    wit_bindgen::generate!({
        world: "integration",
        path: "../../wit/0.1.0",
        pub_export_macro: true,
        export_macro_name: "export_integration_bindings",
        default_bindings_module: "chandlery_sdk::integration_wire_types",
        with: {
            "chandlery:plugin/logging@0.1.0": super::generated::chandlery::plugin::logging,
            "chandlery:plugin/template-types@0.1.0": super::generated::chandlery::plugin::template_types,
        },
        generate_all,
    });
}

pub use generated::chandlery::plugin::logging::{Level, log};
pub use generated::{Guest, export_bindings};
pub use generated_integration::{Guest as IntegrationGuest, export_integration_bindings};
pub use generated_policy::{Guest as PolicyGuest, export_policy_bindings};

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

/// What a policy is told, and how it answers: see `wit/0.1.0/policy.wit`.
pub mod policy {
    pub use super::generated_policy::chandlery::plugin::policy_types::{Amended, Running, Verdict};
}

/// What an integration is told and may use: see `wit/0.1.0/integration.wit`.
pub mod integration {
    pub use super::generated_integration::chandlery::plugin::event_types::{Event, EventKind};
    pub use super::generated_integration::chandlery::plugin::{deployments, deployments_control, secrets};
    pub use super::generated_integration::wasi::keyvalue::store as keyvalue;
}

#[doc(hidden)]
pub mod wire {
    pub use super::generated::chandlery::plugin::plan_types::Plan;
    pub use super::generated::chandlery::plugin::template_types::{Problem, Request};
    pub use super::generated_policy::chandlery::plugin::policy_types::Context;
}
