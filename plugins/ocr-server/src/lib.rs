//! RapidOCR behind HTTP: `POST /ocr` with a picture, and the text comes back with its place and confidence.
//!
//! On a target that can make Python environments the server is installed from its packages, whose wheels carry the
//! models; elsewhere it runs from a container image.

use chandlery_sdk::prelude::*;

const PORT: &str = "http";

/// `rapidocr_api` after 0.1 reads with another package, which downloads its models.
const REQUIREMENTS: [&str; 2] = ["rapidocr_onnxruntime==1.4.4", "rapidocr_api==0.1.4"];

#[derive(Deserialize)]
struct Parameters {
    port: u16,
    replicas: u32,
    cpu_millis: u32,
    memory_mib: u32,
    log_level: String,
    image: Option<String>,
}

struct OcrServer;

impl Template for OcrServer {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Parameters { port, replicas, cpu_millis, memory_mib, log_level, image } = request.parameters;
        let runtime = runtime(&request.target, image)?;
        let threads = cpu_millis.div_ceil(1000);
        let server = Workload::service("server", runtime)
            .command(["uvicorn", "rapidocr_api.main:app", "--host", "$(BIND)", "--port", "$(PORT)"])
            .env("BIND", if request.target.engine == EngineKind::Local { "127.0.0.1" } else { "0.0.0.0" })
            .env("UVICORN_LOG_LEVEL", log_level)
            .env("OMP_NUM_THREADS", threads.to_string())
            .http_port(PORT, port, "PORT")
            .ready_when_http(PORT, "/", 120)
            .resources(cpu_millis, memory_mib)
            .replicas(replicas);
        Ok(Plan::of([server])
            .note("Read a picture: curl -F image_file=@picture.png http://ADDRESS/ocr")
            .note("The models are part of the package: nothing is downloaded when it starts."))
    }
}

fn runtime(target: &Facts, image: Option<String>) -> Result<Runtime, Vec<Problem>> {
    let can = |runtime| target.runtimes.contains(&runtime);
    match image {
        Some(image) if can(RuntimeKind::Container) => Ok(Runtime::Container(image)),
        Some(_) => Err(vec![Problem::with(
            "/image",
            format!("target '{}' runs no containers; leave the image out to use its Python", target.name),
        )]),
        None if can(RuntimeKind::Python) => Ok(Runtime::Python(REQUIREMENTS.map(String::from).to_vec())),
        None => Err(vec![Problem::with(
            "/image",
            format!(
                "target '{}' makes no Python environments; name an image that holds rapidocr_api",
                target.name
            ),
        )]),
    }
}

chandlery_sdk::export_template!(OcrServer);
