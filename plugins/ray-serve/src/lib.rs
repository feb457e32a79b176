//! Ray Serve: an application on a Ray cluster of its own. The first node is the head; the others join it.

use chandlery_sdk::llm::HTTP;
use chandlery_sdk::prelude::*;
use chandlery_sdk::{Platform, kinds_that_run};

const VERSION: &str = "2.60.0";
/// What the image is built for, which is CUDA 12 and has no PyTorch of its own.
const PROGRAM: &str = "Ray's image";
const PLATFORMS: [Platform; 2] = [Platform::Cuda, Platform::CudaBeforeTuring];
const METRICS: &str = "metrics";
const METRICS_PORT: u16 = 9464;
/// Begins the cluster at its head, and the application in it: by its address, since another cluster of the node may have begun after
/// it. Agents listen wherever there is room. Its arguments are each node's cores, GPUs and bytes of
/// the object store; what the user names comes in the environment, so that no value is read as a part of the script.
const SCRIPT: &str = "set -- --num-cpus \"$1\" --num-gpus \"$2\" --object-store-memory \"$3\" --disable-usage-stats \
    --dashboard-agent-listen-port 0; \
    if [ \"$CHANDLERY_NODE_RANK\" != 0 ]; then exec ray start --block \"$@\" --address \"$CHANDLERY_LEADER_ADDRESS:$PEERS_PORT\"; fi; \
    ray start --head --port \"$PEERS_PORT\" --ray-client-server-port \"$PEERS_CLIENT_PORT\" --metrics-export-port \"$METRICS_PORT\" \
    --include-dashboard false \"$@\" && export RAY_ADDRESS=\"$CHANDLERY_LEADER_ADDRESS:$PEERS_PORT\" && \
    serve start --http-host \"$BIND\" --http-port \"$PORT\" && \
    exec serve run --blocking ${WORKING_DIR:+\"--working-dir=$WORKING_DIR\"} \"$APPLICATION\"";

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
        let command = Command::from(["bash", "-c", SCRIPT, "ray"])
            .positional("/cpu_millis", cpus)?
            .positional("/gpus", parameters.gpus)?
            .positional("/memory_mib", object_store)?;
        let mut server = Workload::service("ray", runtime)
            .command(command)
            .resources(parameters.cpu_millis, parameters.memory_mib)
            .nodes(parameters.nodes)
            .env("APPLICATION", &parameters.application)
            .env("WORKING_DIR", parameters.working_dir.unwrap_or_default())
            .env("BIND", target.bind())
            .http_port(HTTP, parameters.port, "PORT")
            .http_port(METRICS, METRICS_PORT, "METRICS_PORT")
            .peers_port("peers", 6379, "PEERS_PORT")
            .peers_port("peers-client", 10001, "PEERS_CLIENT_PORT")
            .ready_when_http(HTTP, &parameters.health_path, parameters.start_minutes * 60)
            .grace(60);
        if parameters.gpus > 0 {
            let is_usual = matches!(server.runtime, Runtime::Container(_)) && parameters.image.is_none();
            let kinds = match is_usual {
                true => kinds_that_run(PROGRAM, &PLATFORMS, parameters.gpu.as_deref(), &target)?,
                false => parameters.gpu.into_iter().collect(),
            };
            server = server.gpus(kinds, parameters.gpus * parameters.nodes);
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
