//! What the template says to llama-server itself.

use chandlery_sdk::Own;

pub const OWN: Own = Own {
    flags: &[
        ("--model", "model"),
        ("--model-url", "model"),
        ("--hf-repo", "model"),
        ("--hf-file", "quantisation"),
        ("--hf-token", "gated"),
        ("--alias", "served_name"),
        ("--ctx-size", "context_tokens"),
        ("--parallel", "parallel"),
        ("--n-gpu-layers", "gpus"),
        ("--gpu-layers", "gpus"),
        ("--metrics", ""),
        ("--host", ""),
        ("--port", "port"),
        ("--ssl-key-file", ""),
        ("--ssl-cert-file", ""),
    ],
    env: &[("HF_TOKEN", "gated"), ("LLAMA_ARG_*", "extra_args"), ("LLAMA_CACHE", "")],
    uncounted: &[
        "--model-draft",
        "--hf-repo-draft",
        "--lora",
        "--lora-scaled",
        "--mmproj",
        "--mmproj-url",
        "--cache-type-k",
        "--cache-type-v",
        "--batch-size",
        "--ubatch-size",
        "--cpu-moe",
        "--n-cpu-moe",
        "--no-kv-offload",
    ],
};
