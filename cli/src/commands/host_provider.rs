//! How users sign in to a host that is run: the options of `chandlery host run` that say so.

use std::path::Path;

use chandlery_host::users::SignIn;
use clap::Args;

use crate::failure::Result;

/// How users sign in.
#[derive(Args)]
pub struct SignInOptions {
    /// Where browsers reach the host, such as https://host.example.com
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl SignInOptions {
    /// The file with a secret of whoever runs the host.
    pub fn secret_file(&self) -> Option<&Path> {
        None
    }

    /// As the host takes it.
    pub fn to_host(&self) -> Result<SignIn> {
        Ok(SignIn { url: self.url.clone(), ..SignIn::default() })
    }
}
