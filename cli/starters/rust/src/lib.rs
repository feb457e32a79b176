//! Serves a folder over HTTP, with the target's own Python or from a container image.

use chandlery_sdk::prelude::*;

/// As `chandlery.toml` describes them.
#[derive(Deserialize)]
struct Parameters {
    port: u16,
    replicas: u32,
    image: Option<String>,
}

struct Plugin;

impl Template for Plugin {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Parameters { port, replicas, image } = request.parameters;
        let server = Workload::service("web", runtime(&request.target, image)?)
            // One word each. A parameter's value goes in with Command::option or Command::positional, never by format!, so that it
            // cannot become a flag.
            .command(["python3", "-m", "http.server", "$(PORT)"])
            .http_port("http", port, "PORT")
            .ready_when_http("http", "/", 30)
            .resources(500, 128)
            .replicas(replicas);
        Ok(Plan::of([server]).note("Look at it: curl http://ADDRESS/"))
    }
}

fn runtime(target: &Facts, image: Option<String>) -> Result<Runtime, Vec<Problem>> {
    let can = |runtime| target.runtimes.contains(&runtime);
    match image {
        Some(image) if can(RuntimeKind::Container) => Ok(Runtime::Container(image)),
        _ if can(RuntimeKind::Host) => Ok(Runtime::Host),
        _ => Err(vec![Problem::with("/image", format!("target '{}' runs containers: name an image", target.name))]),
    }
}

chandlery_sdk::export_template!(Plugin);
