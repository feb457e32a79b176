//! What servers said in public logs that they took, and what is answered here for the same model, GPUs and version.

#![allow(clippy::unwrap_used, clippy::panic)]

use chandlery_sdk::model::{Gguf, Model};
use chandlery_sdk::sizing::{Gpu, Need, Reading, Server, Vllm, Weights};
use serde_json::Value;

const GIB: f64 = (1_u64 << 30) as f64;

/// One report of a server of language models.
pub struct Report {
    /// Where it stands, and what was served by what.
    pub source: &'static str,
    pub model: &'static str,
    /// Changes to the record, where the checkpoint was another one then.
    pub then: &'static str,
    pub weights: Weights,
    pub server: Server,
    /// Memory of each GPU as CUDA counts it, in GiB.
    pub memory_gib: f64,
    pub gpus: u32,
    pub nodes: u32,
    pub context_tokens: u64,
    /// What it says: GiB of weights on each GPU, tokens of cache, and whether a request of `context_tokens` can be served.
    pub weights_gib: Option<f64>,
    pub tokens: Option<u64>,
    pub fits: Option<bool>,
}

/// What is answered.
pub struct Answer {
    pub weights_gib: f64,
    pub tokens: u64,
    pub fits: bool,
}

/// vLLM before 0.7.1: its sampler sorts and makes logarithms of all logits (38 bytes), and CUDA's context and NCCL's buffers are
/// inside its share: by the log of the pull request 10511, 1.79 GiB on one GPU and as much again on several.
const fn v0_5(percent: u64, tokens: u64, gpus: u64) -> Server {
    let kernels_mib = if gpus > 1 { 3666 } else { 1833 };
    vllm(percent, tokens, 256, 38, kernels_mib)
}

/// vLLM 0.7.1 to 0.8 with its first engine: the same, with these outside; its logs say 30 to 430 MiB "non-torch".
const fn v0_7(percent: u64, tokens: u64) -> Server {
    vllm(percent, tokens, 256, 38, 256)
}

/// vLLM 0.8 to 0.19 with its second engine: logits of 16 and 32 bits, sorted with their places in a buffer and out of it.
const fn v0_10(percent: u64, tokens: u64, sequences: u64) -> Server {
    vllm(percent, tokens, sequences, 30, 256)
}

const fn vllm(percent: u64, tokens: u64, sequences: u64, logit_bytes: u64, kernels_mib: u64) -> Server {
    Server::Vllm(Vllm {
        share: percent * 10,
        batched_tokens: Some(tokens),
        sequences: Some(sequences),
        logit_bytes,
        counts_graphs: false,
        kernels_mib,
    })
}

const fn report(source: &'static str, model: &'static str, server: Server, memory_gib: f64) -> Report {
    Report {
        source,
        model,
        then: "{}",
        weights: Weights::AsTheyAre,
        server,
        memory_gib,
        gpus: 1,
        nodes: 1,
        context_tokens: 8192,
        weights_gib: None,
        tokens: None,
        fits: None,
    }
}

const H100: f64 = 79.22;

/// Every report of such a server.
pub const REPORTS: &[Report] = &[
    Report {
        weights_gib: Some(14.96),
        tokens: Some(436_550),
        fits: Some(true),
        ..report("vllm PR 10511: 1 × H100", "meta-llama/Meta-Llama-3-8B", v0_5(90, 8192, 1), H100)
    },
    Report {
        gpus: 2,
        weights_gib: Some(7.48),
        tokens: Some(966_000),
        fits: Some(true),
        ..report("vllm PR 10511: 2 × H100", "meta-llama/Meta-Llama-3-8B", v0_5(90, 8192, 2), H100)
    },
    Report {
        // As it was published first: every KV head twice.
        then: r#"{ "num_key_value_heads": 16 }"#,
        gpus: 8,
        context_tokens: 131_072,
        weights_gib: Some(57.75),
        tokens: Some(79_392),
        fits: Some(false),
        ..report("vllm 6746: 8 × H100", "meta-llama/Llama-3.1-405B-Instruct-FP8", v0_5(90, 512, 8), H100)
    },
    Report {
        weights_gib: Some(67.72),
        tokens: Some(22_096),
        ..report(
            "vllm PR 12569: 1 × H100",
            "neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w8a8",
            v0_5(98, 2048, 1),
            H100,
        )
    },
    Report {
        gpus: 4,
        weights_gib: Some(14.25),
        tokens: Some(198_784),
        ..report("vllm 17327: 4 × A10", "Qwen/Qwen3-30B-A3B", v0_10(90, 2048, 256), 22.06)
    },
    Report {
        weights_gib: Some(5.20),
        context_tokens: 4096,
        fits: Some(false),
        ..report("vllm 13882: 1 × 8 GiB", "Qwen/Qwen2.5-7B-Instruct-AWQ", v0_7(70, 4096), 8.0)
    },
    Report {
        gpus: 2,
        context_tokens: 131_072,
        weights_gib: Some(13.95),
        tokens: Some(81_536),
        fits: Some(false),
        ..report(
            "vllm 13061: 2 × RTX 4090",
            "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
            v0_7(98, 2048),
            23.54,
        )
    },
    Report {
        gpus: 8,
        nodes: 2,
        context_tokens: 32_768,
        tokens: Some(952_238),
        fits: Some(true),
        // Started by Ray, and so with neither default of the API server.
        ..report("a vendor's docs: 2 × 8 × H100", "deepseek-ai/DeepSeek-R1", v0_10(90, 2048, 256), H100)
    },
    Report {
        gpus: 8,
        context_tokens: 262_144,
        tokens: Some(715_072),
        fits: Some(true),
        ..report("vllm recipes: 8 × H200", "moonshotai/Kimi-K2-Thinking", v0_10(90, 8192, 1024), 139.8)
    },
    Report {
        context_tokens: 131_072,
        weights_gib: Some(65.97),
        fits: Some(false),
        ..report("vllm 23278, 27508: 1 × H100", "openai/gpt-oss-120b", v0_10(90, 8192, 1024), H100)
    },
    Report {
        gpus: 2,
        context_tokens: 262_144,
        weights_gib: Some(14.28),
        tokens: Some(377_456),
        fits: Some(true),
        ..report(
            "vllm recipes 810: 2 × RTX 5090",
            "Qwen/Qwen3.8-27B-FP8",
            Server::Vllm(Vllm::v0_33(92)),
            31.4,
        )
    },
    Report {
        gpus: 4,
        context_tokens: 32_768,
        weights_gib: Some(34.43),
        fits: Some(false),
        ..report("vllm 16570: 4 × A100-40", "Qwen/Qwen2.5-VL-72B-Instruct", v0_7(95, 2048), 39.38)
    },
    Report {
        weights: Weights::Gguf(Gguf::Q4_K_M),
        weights_gib: Some(18.81),
        ..report("ollama 14774: Q4_K_M", "Qwen/Qwen3-32B", Server::LlamaCpp, 24.0)
    },
];

impl Report {
    pub fn answer(&self) -> Answer {
        let model = self.read();
        let need = Need {
            name: self.model,
            model: &model,
            weights: self.weights,
            kv_bits: 16,
            context_tokens: self.context_tokens,
            server: self.server,
            data_parallel: 1,
            expert_parallel: false,
            adapters: None,
        };
        let gpu = Gpu { kind: "", memory_mib: (self.memory_gib * 1024.0) as u64 };
        let share = need.share(gpu, self.gpus, self.nodes);
        Answer { weights_gib: share.weights() as f64 / GIB, tokens: share.tokens(), fits: share.fits() }
    }

    fn read(&self) -> Model {
        let mut config = Model::record(self.model).unwrap_or_else(|| panic!("no record of {}", self.model));
        let then: Value = serde_json::from_str(self.then).unwrap();
        for (name, value) in then.as_object().unwrap() {
            config[name] = value.clone();
        }
        Model::read(&config).unwrap()
    }
}

/// One report of Text Embeddings Inference.
pub struct Read {
    pub source: &'static str,
    pub model: &'static str,
    pub has_flash_attention: bool,
    /// Memory that was free, in MiB.
    pub memory_mib: u64,
    pub fits: bool,
}

/// Every report of an embedder, with batches of 16,384 tokens as is usual.
pub const READS: &[Read] = &[
    Read {
        source: "TEI 760: T4, image turing-1.8.3",
        model: "Qwen/Qwen3-Embedding-0.6B",
        has_flash_attention: false,
        memory_mib: 15_360,
        fits: false,
    },
    Read {
        source: "TEI 760: T4, image cuda-1.8.3",
        model: "Qwen/Qwen3-Embedding-0.6B",
        has_flash_attention: true,
        memory_mib: 15_360,
        fits: true,
    },
    Read {
        source: "TEI 670: T4 with 10 GB free, image turing-1.7",
        model: "BAAI/bge-m3",
        has_flash_attention: false,
        memory_mib: 10_240,
        fits: false,
    },
];

impl Read {
    /// What it comes to, in MiB, and whether that fits.
    pub fn answer(&self) -> (u64, bool) {
        let model = Model::known(self.model).unwrap_or_else(|| panic!("no record of {}", self.model));
        let has_flash_attention = self.has_flash_attention;
        let reading = Reading { model: &model, batch_tokens: 16_384, weight_bytes: 2, has_flash_attention };
        (reading.needs_mib(), reading.fits(self.memory_mib))
    }
}

/// By how many percent an answer is off.
pub fn error(answer: f64, said: f64) -> f64 {
    (answer / said - 1.0) * 100.0
}

/// All rows, with the answers and their errors beside what was said.
pub fn print() {
    println!(
        "| report | model | weights, GiB | answer | error | tokens | answer | error | served | answer |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let served = |fits: bool| if fits { "yes" } else { "no" };
    for report in REPORTS {
        let answer = report.answer();
        let weights = report.weights_gib.map_or("| | ".into(), |said| {
            format!("{said:.2} | {:.2} | {:+.1} %", answer.weights_gib, error(answer.weights_gib, said))
        });
        let tokens = report.tokens.map_or("| | ".into(), |said| {
            format!("{said} | {} | {:+.1} %", answer.tokens, error(answer.tokens as f64, said as f64))
        });
        let fits =
            report.fits.map_or("| ".into(), |said| format!("{} | {}", served(said), served(answer.fits)));
        println!("| {} | {} | {weights} | {tokens} | {fits} |", report.source, report.model);
    }
    for read in READS {
        let ((needs, fits), said) = (read.answer(), served(read.fits));
        let answer = served(fits);
        println!(
            "| {} | {} | | | | {needs} MiB of {} | | | {said} | {answer} |",
            read.source, read.model, read.memory_mib
        );
    }
}
