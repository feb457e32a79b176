use serde_json::json;

use super::*;

/// Weights of each model, as `transformers` 5.24 builds it of its config, without what its checkpoint ties; and those of its model card,
/// where that builds parts which the checkpoint lacks.
const WEIGHTS: &[(&str, u64)] = &[
    ("BAAI/bge-base-en-v1.5", 109_482_240),
    ("BAAI/bge-large-en-v1.5", 335_141_888),
    ("BAAI/bge-m3", 567_754_752),
    ("deepseek-ai/DeepSeek-R1", 671_026_404_352),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", 14_770_033_664),
    ("deepseek-ai/DeepSeek-V3", 671_026_404_352),
    ("deepseek-ai/DeepSeek-V3.2", 671_877_929_216),
    ("deepseek-ai/DeepSeek-V4-Flash", 284_332_230_231),
    ("google/gemma-2-27b-it", 27_227_128_320),
    ("google/gemma-2-9b-it", 9_241_705_984),
    ("google/gemma-3-27b-it", 27_432_406_640),
    ("google/gemma-4-26B-A4B", 25_805_933_872),
    ("intfloat/multilingual-e5-large", 559_890_432),
    ("meta-llama/Llama-3.1-405B-Instruct", 405_853_388_800),
    ("meta-llama/Llama-3.1-405B-Instruct-FP8", 405_853_388_800),
    ("meta-llama/Llama-3.1-70B-Instruct", 70_553_706_496),
    ("meta-llama/Llama-3.1-8B-Instruct", 8_030_261_248),
    ("meta-llama/Llama-3.2-1B-Instruct", 1_235_814_400),
    ("meta-llama/Llama-3.2-3B-Instruct", 3_212_749_824),
    ("meta-llama/Llama-3.3-70B-Instruct", 70_553_706_496),
    ("meta-llama/Meta-Llama-3-8B", 8_030_261_248),
    ("MiniMaxAI/MiniMax-M2.5", 228_689_748_992),
    ("mistralai/Mistral-7B-Instruct-v0.3", 7_248_023_552),
    ("mistralai/Mistral-Small-24B-Instruct-2501", 23_572_403_200),
    ("mistralai/Mixtral-8x7B-v0.1", 46_702_792_704),
    ("moonshotai/Kimi-K2.5", 1_026_879_353_328),
    ("neuralmagic/Meta-Llama-3.1-70B-Instruct-quantized.w8a8", 70_553_706_496),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31_577_937_344),
    ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", 120_668_687_360),
    ("nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", 549_308_968_960),
    ("openai/gpt-oss-120b", 116_829_156_672),
    ("openai/gpt-oss-20b", 20_914_757_184),
    ("openai/whisper-large-v3", 1_543_490_560),
    ("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768),
    ("Qwen/Qwen2.5-14B-Instruct", 14_770_033_664),
    ("Qwen/Qwen2.5-32B-Instruct", 32_763_876_352),
    ("Qwen/Qwen2.5-72B-Instruct", 72_706_203_648),
    ("Qwen/Qwen2.5-7B-Instruct", 7_615_616_512),
    ("Qwen/Qwen2.5-7B-Instruct-AWQ", 7_615_616_512),
    ("Qwen/Qwen2.5-VL-72B-Instruct", 73_410_777_344),
    ("Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656),
    ("Qwen/Qwen3-0.6B", 596_049_920),
    ("Qwen/Qwen3-235B-A22B", 235_093_634_560),
    ("Qwen/Qwen3-30B-A3B", 30_532_122_624),
    ("Qwen/Qwen3-32B", 32_762_123_264),
    ("Qwen/Qwen3-8B", 8_190_735_360),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct", 480_154_875_392),
    ("Qwen/Qwen3-Embedding-0.6B", 595_776_512),
    ("Qwen/Qwen3-VL-235B-A22B-Instruct", 235_670_022_896),
    ("Qwen/Qwen3-VL-30B-A3B-Instruct", 31_070_754_032),
    ("Qwen/Qwen3-VL-8B-Instruct", 8_767_123_696),
    ("Qwen/Qwen3.5-27B", 27_356_728_560),
    ("Qwen/Qwen3.5-35B-A3B", 35_107_181_936),
    ("Qwen/Qwen3.5-397B-A17B", 396_802_360_816),
    ("Qwen/Qwen3.8-27B-FP8", 27_356_728_560),
    ("XiaomiMiMo/MiMo-V2-Flash", 308_778_768_832),
    ("zai-org/GLM-5", 743_911_199_232),
    ("zai-org/GLM-5.2", 743_377_000_704),
];

#[test]
fn weights_are_those_of_the_checkpoints_to_the_last_one() {
    for (name, expected) in WEIGHTS {
        let found = Model::known(name).unwrap_or_else(|| panic!("{name}")).weights();
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn every_record_can_be_read() {
    for name in known::names() {
        let config = Model::record(&name).unwrap();
        let model = Model::read(&config).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(model.weights() > 100_000_000 && !model.layers.is_empty(), "{name}");
    }
}

/// Bytes that one token more takes of all layers on one GPU, at 16 bits, and what there is whatever the length.
#[test]
fn caches_are_what_the_layers_keep() {
    let table = [
        // 2 × 32 layers × 8 heads × 128 × 2 bytes.
        ("meta-llama/Llama-3.1-8B-Instruct", 131_072),
        // 61 layers × (512 + 64) × 2 bytes: as a vendor's log has it.
        ("deepseek-ai/DeepSeek-R1", 70_272),
        ("moonshotai/Kimi-K2-Thinking", 70_272),
        // Only every second layer sees everything.
        ("openai/gpt-oss-120b", 2 * 18 * 8 * 64 * 2),
        // Only every fourth, and the others a state.
        ("Qwen/Qwen3.5-27B", 2 * 16 * 4 * 256 * 2),
        ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 2 * 6 * 2 * 128 * 2),
        ("BAAI/bge-m3", 0),
    ];
    for (name, expected) in table {
        let model = Model::known(name).unwrap();
        let keeping = Keeping { gpus: 1, bits: 16, batched_tokens: 0 };
        let all = |tokens| model.layers.iter().map(|layer| layer.cache.bytes(tokens, keeping)).sum::<u64>();
        assert_eq!(all(100_001) - all(100_000), expected, "{name}");
    }
}

#[test]
fn modules_are_kept_as_the_config_says() {
    let config = |quantisation: Value| {
        let mut config = Model::record("Qwen/Qwen3-30B-A3B").unwrap();
        config["quantization_config"] = quantisation;
        Model::read(&config).unwrap()
    };
    let bits = |model: &Model, name: &str| {
        let module = model.modules.iter().find(|module| module.name == name).unwrap();
        module.bits.map(|Bits(bits)| bits)
    };
    let (attention, expert) = ("layers.3.self_attn.q_proj", "layers.3.mlp.experts.up_proj");
    let group = |bits: u64, kind: &str, size: u64| json!({ "weights": { "num_bits": bits, "type": kind, "group_size": size } });
    let table = [
        (json!({ "quant_method": "fp8", "weight_block_size": [128, 128] }), Some(8002), Some(8002)),
        (
            json!({ "quant_method": "fp8", "modules_to_not_convert": ["model.layers.3.self_attn"] }),
            None,
            Some(8002),
        ),
        (json!({ "quant_method": "awq", "bits": 4, "group_size": 128 }), Some(4156), Some(4156)),
        (
            json!({ "quant_method": "gptq", "bits": 4, "group_size": 128, "sym": true }),
            Some(4125),
            Some(4125),
        ),
        (
            json!({ "quant_method": "gptq", "bits": 8, "group_size": -1, "dynamic": { "-:.*self_attn.*": {} } }),
            None,
            Some(8000),
        ),
        (json!({ "quant_method": "bitsandbytes", "load_in_4bit": true }), Some(4500), Some(4500)),
        (json!({ "quant_method": "mxfp4" }), None, Some(4250)),
        (json!({ "quant_method": "modelopt", "quant_algo": "NVFP4" }), Some(4500), Some(4500)),
        (
            json!({ "quant_method": "modelopt", "quant_algo": "MIXED_PRECISION",
                "quantized_layers": { "model.layers.3.self_attn.q_proj": { "quant_algo": "FP8" },
                    "model.layers.3.mlp.experts": { "quant_algo": "NVFP4" } } }),
            Some(8002),
            Some(4500),
        ),
        (
            json!({ "quant_method": "compressed-tensors", "ignore": ["lm_head", "re:.*self_attn.*"],
                "config_groups": { "group_0": { "targets": ["Linear"], "weights": group(4, "int", 32)["weights"] } } }),
            None,
            Some(4500),
        ),
    ];
    for (said, on_attention, on_expert) in table {
        let model = config(said.clone());
        assert_eq!((bits(&model, attention), bits(&model, expert)), (on_attention, on_expert), "{said}");
        for name in ["embed_tokens", "lm_head", "layers.3.mlp.router"] {
            assert_eq!(bits(&model, name), None, "{name}: {said}");
        }
    }
}

#[test]
fn what_is_no_config_is_refused_in_words() {
    let good = Model::record("Qwen/Qwen3-8B").unwrap();
    let with = |name: &str, value: Value| {
        let mut config = good.clone();
        config[name] = value;
        Model::read(&config).map(|_| ()).map_err(|why| why.to_string())
    };
    let table = [
        ("hidden_size", json!(null), "no 'hidden_size'"),
        ("hidden_size", json!(-1), "'hidden_size' is no whole number"),
        ("hidden_size", json!(1.5), "'hidden_size' is no whole number"),
        ("vocab_size", json!(u64::MAX), "'vocab_size' is no whole number"),
        ("num_hidden_layers", json!(1_000_000), "'num_hidden_layers' is no whole number"),
        ("num_experts", json!(4_000_000), "more than"),
        ("layer_types", json!(["of_tomorrow"]), "'of_tomorrow' are not known"),
        ("quantization_config", json!({ "quant_method": "of-tomorrow" }), "'of-tomorrow' is not known"),
    ];
    for (name, value, says) in table {
        let refused = with(name, value.clone()).unwrap_err();
        assert!(refused.contains(says), "{name} = {value}: {refused}");
    }
    for value in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(Model::read(&value).is_err(), "{value}");
    }
}

/// The largest of everything: sums stay sums.
#[test]
fn nothing_overflows() {
    let config = json!({
        "hidden_size": 1 << 22, "num_hidden_layers": 1000, "num_attention_heads": 1 << 22, "vocab_size": 1 << 22,
        "intermediate_size": 1 << 22, "head_dim": 1 << 22, "num_experts": 1 << 22, "moe_intermediate_size": 1 << 22,
        "num_experts_per_tok": 1 << 22, "shared_expert_intermediate_size": 1 << 22,
    });
    assert_eq!(Model::read(&config), Err(Unreadable::TooLarge));
}
