//! Ray Serve: an application on a Ray cluster of its own. The first node is the head; the others join it.

use chandlery_sdk::llm::HTTP;
use chandlery_sdk::prelude::*;

const VERSION: &str = "2.60.0";
const METRICS: &str = "metrics";
const METRICS_PORT: u16 = 9464;
/// Where the cluster's nodes find its head.
const HEAD_PORT: u16 = 6379;

#[derive(Deserialize)]
struct Parameters {
    application: String,
    working_dir: Option<String>,
    requirements: Vec<String>,
    health_path: String,
    gpu: Option<String>,
    gpus: u32,
    nodes: u32,
    port: u16,
    cpu_millis: u32,
    memory_mib: u32,
    start_minutes: u32,
    image: Option<String>,
}

struct RayServe;

impl Template for RayServe {
    type Parameters = Parameters;

    fn plan(request: Request<Parameters>) -> Result<Plan, Vec<Problem>> {
        let Request { parameters, target, .. } = request;
        let usual = format!("rayproject/ray:{VERSION}-{}", if parameters.gpus > 0 { "gpu" } else { "cpu" });
        let ray = format!("ray[serve]=={VERSION}");
        let mut requirements = vec![ray.as_str()];
        requirements.extend(parameters.requirements.iter().map(String::as_str));
        let runtime =
            target.container_or_python(parameters.image.as_deref().unwrap_or(&usual), &requirements)?;
        if matches!(runtime, Runtime::Container(_)) && !parameters.requirements.is_empty() {
            let message = "an image has what its application needs: leave them out, and name such an image";
            return Err(vec![Problem::with("/requirements", message)]);
        }
        let object_store = u64::from(parameters.memory_mib) * 3 / 10 * (1 << 20);
        let cpus = parameters.cpu_millis.div_ceil(1000);
        let working_dir =
            if parameters.working_dir.is_some() { " --working-dir \"$WORKING_DIR\"" } else { "" };
        let node = format!(
            "--num-cpus {cpus} --num-gpus {} --object-store-memory {object_store} --disable-usage-stats",
            parameters.gpus
        );
        let script = format!(
            "if [ \"$CHANDLERY_NODE_RANK\" != 0 ]; then exec ray start --block {node} \
             --address \"$CHANDLERY_LEADER_ADDRESS:{HEAD_PORT}\"; fi; \
             ray start --head --port {HEAD_PORT} --metrics-export-port \"$METRICS_PORT\" --include-dashboard false {node} && \
             serve start --http-host \"$BIND\" --http-port \"$PORT\" && \
             exec serve run --blocking{working_dir} \"$APPLICATION\""
        );
        let mut server = Workload::service("ray", runtime)
            .command(["bash", "-c", &script])
            .resources(parameters.cpu_millis, parameters.memory_mib)
            .nodes(parameters.nodes)
            .env("APPLICATION", &parameters.application)
            .env("BIND", target.bind())
            .http_port(HTTP, parameters.port, "PORT")
            .http_port(METRICS, METRICS_PORT, "METRICS_PORT")
            .ready_when_http(HTTP, &parameters.health_path, parameters.start_minutes * 60)
            .grace(60);
        if let Some(folder) = parameters.working_dir {
            server = server.env("WORKING_DIR", folder);
        }
        if parameters.gpus > 0 {
            server = server.gpus(parameters.gpu, parameters.gpus * parameters.nodes);
        }
        Ok(Plan::of([server])
            .note(format!(
                "A cluster of {} × {cpus} cores and {} GPUs; {} MiB of each node are Ray's object store.",
                parameters.nodes,
                parameters.gpus,
                object_store >> 20
            ))
            .note("Metrics for Prometheus: the port metrics, path /metrics."))
    }
}

chandlery_sdk::export_template!(RayServe);
