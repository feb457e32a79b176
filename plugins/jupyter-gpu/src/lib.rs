//! JupyterLab with GPUs, behind a token that the host holds, with a folder that is kept.

use chandlery_sdk::llm::HTTP;
use chandlery_sdk::prelude::*;
use chandlery_sdk::{Platform, kinds_that_run};

const IMAGE: &str = "quay.io/jupyter/pytorch-notebook:cuda12-2026-11-16";
/// What the image is built for: PyTorch for CUDA 12.
const PROGRAM: &str = "the image of notebooks";
const PLATFORMS: [Platform; 2] = [Platform::Cuda, Platform::CudaBeforeTuring];
const JUPYTERLAB: &str = "jupyterlab==4.6.6";

#[derive(Deserialize)]
struct Parameters {
    gpu: Option<String>,
    gpus: u32,
    port: u16,
    cpu_millis: u32,
    memory_mib: u32,
    work_mib: u32,
    requirements: Vec<String>,
    image: Option<String>,
}

struct JupyterGpu;

impl Template for JupyterGpu {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, .. } = request;
        let mut requirements = vec![JUPYTERLAB];
        requirements.extend(parameters.requirements.iter().map(String::as_str));
        let runtime =
            target.container_or_python(parameters.image.as_deref().unwrap_or(IMAGE), &requirements)?;
        if matches!(runtime, Runtime::Container(_)) && !parameters.requirements.is_empty() {
            let message = "an image has what its notebooks need: leave them out, and name such an image";
            return Err(vec![Problem::with("/requirements", message)]);
        }
        let command = [
            "jupyter",
            "lab",
            "--no-browser",
            "--ip=$(BIND)",
            "--port=$(PORT)",
            "--ServerApp.port_retries=0",
            "--ServerApp.root_dir=$(WORK)",
        ];
        let mut lab = Workload::service("lab", runtime)
            .command(command)
            .resources(parameters.cpu_millis, parameters.memory_mib)
            .env("BIND", target.bind())
            .secret_env("JUPYTER_TOKEN", "jupyter-token")
            .model_cache("work", "/home/jovyan/work", parameters.work_mib, "WORK")
            .http_port(HTTP, parameters.port, "PORT")
            // It answers with its version to anybody.
            .ready_when_http(HTTP, "/api", 600);
        if parameters.gpus > 0 {
            let is_usual = matches!(lab.runtime, Runtime::Container(_)) && parameters.image.is_none();
            let kinds = match is_usual {
                true => kinds_that_run(PROGRAM, &PLATFORMS, parameters.gpu.as_deref(), &target)?,
                false => parameters.gpu.into_iter().collect(),
            };
            lab = lab.gpus(kinds, parameters.gpus);
        }
        Ok(Plan::of([lab])
            .note("Open http://ADDRESS/ and give your secret jupyter-token.")
            .note("Notebooks are kept until the deployment is removed."))
    }
}

chandlery_sdk::export_template!(JupyterGpu);
