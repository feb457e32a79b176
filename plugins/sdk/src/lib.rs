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

mod bindings;
mod build;
mod template;

pub use bindings::{Level, log};
pub use template::{Request, Template, answer};

#[doc(hidden)]
pub use bindings::{Guest, export_bindings, wire};

/// What most templates use.
pub mod prelude {
    pub use crate::bindings::plan::*;
    pub use crate::bindings::template::*;
    pub use crate::{Request, Template};
    pub use serde::Deserialize;
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

#[doc(hidden)]
pub use bindings::generated as wire_types;
