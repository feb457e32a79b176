//! Everything a Rust author needs to write a Chandlery plugin.
//!
//! A template is one type with one function:
//!
//! ```ignore
//! use chandlery_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Parameters { port: u16 }
//!
//! struct Hello;
//!
//! impl Template for Hello {
//!     type Parameters = Parameters;
//!
//!     fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
//!         let server = Workload::service("web", Runtime::Host)
//!             .command(["python3", "-m", "http.server", "$(PORT)"])
//!             .http_port("http", request.parameters.port, "PORT");
//!         Ok(Plan::of([server]))
//!     }
//! }
//!
//! chandlery_sdk::export_template!(Hello);
//! ```
//!
//! The parameters' schema, the plugin's name and its version stand in `chandlery.toml` beside `Cargo.toml`; the host
//! validates parameters against that schema and fills in its defaults before [`Template::plan`] is called.

mod added;
mod bindings;
mod build;
mod command;
mod gpu;
mod http;
mod integration;
pub mod llm;
pub mod model;
mod policy;
pub mod sizing;
mod template;

pub use added::{Added, Own, added_to, name_of, stands_for};
pub use bindings::{Level, log};
pub use command::Command;
pub use gpu::{Platform, chip_of, kinds_that_run};
pub use integration::Integration;
pub use policy::{Context, Policy};
pub use serde_json::{Value, json};
pub use template::{Request, Template};

#[doc(hidden)]
pub use bindings::{
    Guest, IntegrationGuest, PolicyGuest, export_bindings, export_integration_bindings,
    export_policy_bindings, wire,
};
#[doc(hidden)]
pub use bindings::{
    generated as wire_types, generated_integration as integration_wire_types,
    generated_policy as policy_wire_types,
};
#[doc(hidden)]
pub use {integration::react, policy::verdict, template::answer};

/// What most templates use.
pub mod prelude {
    pub use crate::bindings::plan::*;
    pub use crate::bindings::template::*;
    pub use crate::{Command, Request, Template};
    pub use serde::Deserialize;
}

/// What most policies use.
pub mod policies {
    pub use crate::bindings::plan::*;
    pub use crate::bindings::policy::*;
    pub use crate::bindings::template::*;
    pub use crate::{Context, Policy};
    pub use serde::Deserialize;
}

/// What most integrations use.
pub mod integrations {
    pub use crate::bindings::integration::{
        Event, EventKind, deployments, deployments_control, keyvalue, secrets,
    };
    pub use crate::bindings::template::Problem;
    pub use crate::http::{Request, Response};
    pub use crate::integration::{Integration, hmac_sha256, kept, required, secret, setting, setting_json};
    pub use crate::{Value, json};
}

/// Makes `$template`, a type that implements [`Template`], the plugin that this crate builds.
#[macro_export]
macro_rules! export_template {
    ($template:ty) => {
        struct ChandleryExport;

        impl $crate::Guest for ChandleryExport {
            fn plan(
                request: $crate::wire::Request,
            ) -> ::core::result::Result<$crate::wire::Plan, ::std::vec::Vec<$crate::wire::Problem>> {
                $crate::answer::<$template>(request)
            }
        }

        $crate::export_bindings!(ChandleryExport with_types_in $crate::wire_types);
    };
}

/// Makes `$policy`, a type that implements [`Policy`], the plugin that this crate builds.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        struct ChandleryExport;

        impl $crate::PolicyGuest for ChandleryExport {
            fn review(
                plan: $crate::wire::Plan,
                context: $crate::wire::Context,
            ) -> $crate::policies::Verdict {
                $crate::verdict::<$policy>(plan, context)
            }
        }

        $crate::export_policy_bindings!(ChandleryExport with_types_in $crate::policy_wire_types);
    };
}

/// Makes `$integration`, a type that implements [`Integration`], the plugin that this crate builds.
#[macro_export]
macro_rules! export_integration {
    ($integration:ty) => {
        struct ChandleryExport;

        impl $crate::IntegrationGuest for ChandleryExport {
            fn on_event(
                event: $crate::integrations::Event,
            ) -> ::core::result::Result<(), $crate::wire::Problem> {
                $crate::react::<$integration>(event)
            }
        }

        $crate::export_integration_bindings!(ChandleryExport with_types_in $crate::integration_wire_types);
    };
}
