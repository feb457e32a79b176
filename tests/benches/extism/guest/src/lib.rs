//! What `ocr-server` plans, as a plugin of extism: a JSON request in, a JSON plan out.

use extism_pdk::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    parameters: Parameters,
    target: Facts,
}

#[derive(Deserialize)]
struct Parameters {
    port: u16,
    replicas: u32,
    cpu_millis: u32,
    memory_mib: u32,
    log_level: String,
}

#[derive(Deserialize)]
struct Facts {
    engine: String,
    runtimes: Vec<String>,
}

#[derive(Serialize)]
struct Plan {
    workloads: Vec<Value>,
    notes: Vec<String>,
}

#[plugin_fn]
pub fn plan(text: String) -> FnResult<String> {
    let Request { parameters, target } = serde_json::from_str(&text)?;
    let Parameters { port, replicas, cpu_millis, memory_mib, log_level } = parameters;
    if !target.runtimes.iter().any(|runtime| runtime == "python") {
        return Err(Error::msg("the target makes no Python environments").into());
    }
    let bind = if target.engine == "local" { "127.0.0.1" } else { "0.0.0.0" };
    let server = json!({
        "name": "server", "kind": "service",
        "runtime": { "python": ["rapidocr_onnxruntime==1.4.4", "rapidocr_api==0.1.4"] },
        "command": ["uvicorn", "rapidocr_api.main:app", "--host", "$(BIND)", "--port", "$(PORT)"],
        "env": [
            { "name": "BIND", "value": { "text": bind } },
            { "name": "UVICORN_LOG_LEVEL", "value": { "text": log_level } },
            { "name": "OMP_NUM_THREADS", "value": { "text": cpu_millis.div_ceil(1000).to_string() } },
            { "name": "PORT", "value": { "port": "http" } },
        ],
        "resources": { "cpu-millis": cpu_millis, "memory-mib": memory_mib, "scratch-mib": 0 },
        "scale": { "replicas-min": replicas, "replicas-max": replicas, "nodes-per-replica": 1, "spot-ok": false },
        "ports": [{ "name": "http", "number": port, "protocol": "http" }],
        "readiness": { "check": { "http": { "port": "http", "path": "/" } }, "period-seconds": 1, "timeout-seconds": 120 },
        "volumes": [], "restart": "always", "grace-seconds": 10,
    });
    let notes = vec![
        "Read a picture: curl -F image_file=@picture.png http://ADDRESS/ocr".into(),
        "The models are part of the package: nothing is downloaded when it starts.".into(),
    ];
    Ok(serde_json::to_string(&Plan { workloads: vec![server], notes })?)
}
