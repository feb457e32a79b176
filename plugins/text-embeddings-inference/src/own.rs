//! What the template says to text-embeddings-router itself, which reads each of its flags from the environment, too.

use chandlery_sdk::Own;

pub const OWN: Own = Own {
    flags: &[
        ("--model-id", "model"),
        ("--revision", "revision"),
        ("--served-model-name", "served_name"),
        ("--max-batch-tokens", "max_batch_tokens"),
        ("--hf-token", "gated"),
        ("--hf-api-token", "gated"),
        ("--huggingface-hub-cache", ""),
        ("--device-id", ""),
        ("--hostname", ""),
        ("--port", "port"),
    ],
    env: &[
        ("MODEL_ID", "model"),
        ("REVISION", "revision"),
        ("SERVED_MODEL_NAME", "served_name"),
        ("MAX_BATCH_TOKENS", "max_batch_tokens"),
        ("HF_TOKEN", "gated"),
        ("HF_API_TOKEN", "gated"),
        ("HUGGINGFACE_HUB_CACHE", ""),
        ("DEVICE_ID", ""),
        ("HOSTNAME", ""),
    ],
    uncounted: &["--dtype"],
};
