use serde_json::json;

use super::*;
use crate::bindings::plan::EnvValue;
use crate::sizing::Vllm;

const OWN: Own = Own { flags: &[("--host", "")], env: &[], uncounted: &[] };

fn target(kinds: &[(&str, u32)], runtimes: &[RuntimeKind]) -> Facts {
    let pools = kinds.iter().map(|(kind, memory_mib)| GpuPool {
        kind: (*kind).into(),
        memory_mib: *memory_mib,
        total: 8,
        free: 8,
        nodes: 1,
    });
    Facts {
        name: "lab".into(),
        engine: EngineKind::Kubernetes,
        runtimes: runtimes.to_vec(),
        gpu_pools: pools.collect(),
        architecture: "x86_64".into(),
    }
}

/// The parameters with their defaults but for these.
fn llm(changes: Value) -> Llm {
    let mut parameters = json!({
        "model": "Qwen/Qwen3-8B", "weights": "auto", "kv_cache": "auto", "nodes": 1, "data_parallel": 1, "expert_parallel": false,
        "replicas": 1, "port": 8000, "gated": false, "trust_remote_code": false, "api_key": false, "start_minutes": 30,
        "lora": [], "lora_rank": 16,
        "extra_args": [], "env": {},
    });
    parameters.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(parameters).unwrap()
}

fn program(rocm: Option<&str>) -> Program<'_> {
    Program {
        name: "Server 1",
        cuda: "server:1",
        rocm,
        wheel: "server==1",
        server: Server::Vllm(Vllm::v0_33(90)),
        health: "/health",
        key_variable: "KEY",
    }
}

fn problem(llm: &Llm, target: &Facts, rocm: Option<&str>) -> Problem {
    llm.place(target, program(rocm)).map(|_| ()).unwrap_err().remove(0)
}

#[test]
fn each_kind_of_gpu_gets_an_image_that_runs_on_it_or_none() {
    let container = [RuntimeKind::Container];
    let image = |llm: &Llm, target: &Facts, rocm| {
        llm.place(target, program(rocm)).map(|placed| placed.workload.runtime)
    };
    let (h100, v100, mi300x) = (("h100", 81_559), ("v100", 32_768), ("mi300x", 196_592));
    let usual = llm(json!({}));
    let rocm = Some("server-rocm:1");
    assert_eq!(image(&usual, &target(&[h100], &container), rocm), Ok(Runtime::Container("server:1".into())));
    assert_eq!(
        image(&usual, &target(&[mi300x], &container), rocm),
        Ok(Runtime::Container("server-rocm:1".into()))
    );
    assert_eq!(
        image(&usual, &target(&[v100, h100], &container), rocm),
        Ok(Runtime::Container("server:1".into()))
    );
    let part = llm(json!({ "gpu": "h100-shared", "memory_percent": 40 }));
    let shared = target(&[("h100-shared", 81_559), h100], &container);
    assert_eq!(usual.place(&shared, program(rocm)).map(|placed| placed.fit.kind), Ok("h100".into()));
    assert_eq!(part.place(&shared, program(rocm)).map(|placed| placed.fit.kind), Ok("h100-shared".into()));
    let named = llm(json!({ "image": "own:1", "gpu": "v100" }));
    assert_eq!(
        image(&named, &target(&[v100, h100], &container), rocm),
        Ok(Runtime::Container("own:1".into()))
    );

    for (asked, kinds, runtimes, rocm, said) in [
        (llm(json!({})), vec![v100], &container, rocm, "Turing and later, and not for this kind: v100"),
        (llm(json!({ "gpu": "v100" })), vec![v100, h100], &container, rocm, "not for this kind: v100"),
        (llm(json!({})), vec![mi300x], &container, None, "has no image for AMD's GPUs"),
        (
            llm(json!({})),
            vec![("h100-shared", 81_559)],
            &container,
            rocm,
            "your part of it as memory_percent",
        ),
        (llm(json!({})), vec![mi300x], &[RuntimeKind::Python], rocm, "on PyPI for NVIDIA's GPUs alone"),
    ] {
        let problem = problem(&asked, &target(&kinds, runtimes), rocm);
        assert_eq!(problem.parameter.as_deref(), Some("/gpu"));
        assert!(problem.message.contains(said), "{}", problem.message);
    }
}

#[test]
fn parameters_that_do_not_agree_are_refused_by_name() {
    let target = target(&[("h100", 81_559)], &[RuntimeKind::Container]);
    for (changes, parameter, said) in [
        (json!({ "model": "Qwen/Qwen2.5-7B-Instruct-AWQ", "weights": "fp8" }), "/weights", "already, by awq"),
        (json!({ "expert_parallel": true }), "/expert_parallel", "has no experts"),
        (json!({ "data_parallel": 2, "nodes": 2 }), "/data_parallel", "share one node"),
        (
            json!({ "data_parallel": 2, "gpus": 3 }),
            "/data_parallel",
            "3 GPUs cannot be shared evenly by 2 copies",
        ),
        (json!({ "lora": ["a=x/y", "a=x/z"] }), "/lora", "'a' is the name of another adapter"),
        (json!({ "lora": ["chat=x/y"], "served_name": "chat" }), "/lora", "or of the model"),
        (json!({ "context_tokens": 1_000_000 }), "/context_tokens", "reads at most 40960 tokens"),
    ] {
        let problem = problem(&llm(changes), &target, None);
        assert_eq!(problem.parameter.as_deref(), Some(parameter));
        assert!(problem.message.contains(said), "{}", problem.message);
    }
}

#[test]
fn a_plan_says_what_it_runs_and_asks_for() {
    let target = target(&[("h100", 81_559)], &[RuntimeKind::Container]);
    let asked = llm(json!({
        "trust_remote_code": true, "api_key": true, "revision": "abc", "served_name": "chat", "tool_call_parser": "hermes",
        "reasoning_parser": "qwen3", "data_parallel": 2, "extra_args": ["--enforce-eager"], "env": { "NCCL_DEBUG": "INFO" },
    }));
    let placed = asked.place(&target, program(None)).unwrap();
    let plan = placed.plan(asked.flags(Command::new("serve")), &asked, &OWN).unwrap();
    assert_eq!(
        plan.workloads[0].command.join(" "),
        "serve --revision abc --served-model-name chat --tool-call-parser hermes --reasoning-parser qwen3 --trust-remote-code \
         --enforce-eager"
    );
    let key = plan.workloads[0].env.iter().find(|variable| variable.name == "KEY").unwrap();
    assert_eq!(key.value, EnvValue::Secret("llm-api-key".into()));
    assert_eq!(plan.workloads[0].resources.gpu.as_ref().unwrap().count_per_replica, 2);
    let notes = plan.notes.join("\n");
    for said in [
        "Warning: trust_remote_code runs code that the repository Qwen/Qwen3-8B brings, as it is at the revision abc.",
        "The KV cache of each copy has room",
        "where KEY is your secret llm-api-key",
        "Added by whoever deploys: --enforce-eager, NCCL_DEBUG",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    let asked = llm(json!({ "extra_args": ["--host", "0.0.0.0"] }));
    let refused =
        asked.place(&target, program(None)).unwrap().plan(Command::new("serve"), &asked, &OWN).unwrap_err();
    assert_eq!(refused[0].parameter.as_deref(), Some("/extra_args/0"));
}
