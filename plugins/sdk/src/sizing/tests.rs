use super::*;
use crate::bindings::template::EngineKind;
use crate::model::{Gguf, Model};

fn target() -> Facts {
    let pool = |kind: &str, memory_mib, total, nodes| GpuPool {
        kind: kind.into(),
        memory_mib,
        total,
        free: 0,
        nodes,
    };
    Facts {
        name: "lab".into(),
        engine: EngineKind::Slurm,
        runtimes: Vec::new(),
        gpu_pools: vec![pool("h100", 81_559, 16, 2), pool("l4", 23_034, 4, 1)],
        architecture: "x86_64".into(),
    }
}

const ANY: Wish<'_> = Wish { gpu: None, gpus: None, nodes: 1 };

fn place(name: &str, weights: Weights, context_tokens: u64, wish: Wish<'_>) -> Result<Fit, Problem> {
    let model = Model::known(name).unwrap();
    need(name, &model, weights, context_tokens, Server::Vllm(Vllm::v0_33(90))).place(&target(), wish)
}

fn need<'a>(
    name: &'a str,
    model: &'a Model,
    weights: Weights,
    context_tokens: u64,
    server: Server,
) -> Need<'a> {
    let (kv_bits, data_parallel, expert_parallel) = (16, 1, false);
    Need {
        name,
        model,
        weights,
        kv_bits,
        context_tokens,
        server,
        data_parallel,
        expert_parallel,
        adapters: None,
    }
}

#[test]
fn the_smallest_that_is_enough_is_taken() {
    let two_nodes = Wish { nodes: 2, ..ANY };
    let table = [
        ("meta-llama/Llama-3.2-1B-Instruct", Weights::AsTheyAre, 8192, ANY, ("l4", 1)),
        ("meta-llama/Llama-3.1-8B-Instruct", Weights::AsTheyAre, 131_072, ANY, ("h100", 1)),
        ("meta-llama/Llama-3.3-70B-Instruct", Weights::AsTheyAre, 32_768, ANY, ("h100", 4)),
        ("meta-llama/Llama-3.3-70B-Instruct", Weights::Fp8, 32_768, ANY, ("h100", 2)),
        ("meta-llama/Llama-3.1-405B-Instruct", Weights::AsTheyAre, 8192, two_nodes, ("h100", 8)),
        ("openai/gpt-oss-120b", Weights::AsTheyAre, 131_072, ANY, ("h100", 2)),
        ("openai/gpt-oss-20b", Weights::AsTheyAre, 131_072, ANY, ("l4", 1)),
    ];
    for (name, weights, context, wish, (kind, gpus)) in table {
        let fit = place(name, weights, context, wish).unwrap_or_else(|problem| panic!("{}", problem.message));
        assert_eq!((fit.kind.as_str(), fit.gpus), (kind, gpus), "{name}: {}", fit.arithmetic);
    }
}

#[test]
fn nodes_of_one_kind_may_have_different_numbers_of_gpus() {
    let pool = |total, nodes| GpuPool { kind: "h100".into(), memory_mib: 81_559, total, free: 0, nodes };
    // Nodes with 8, 8 and 1.
    let target = Facts { gpu_pools: vec![pool(16, 2), pool(1, 1)], ..target() };
    let name = "meta-llama/Llama-3.1-8B-Instruct";
    let model = Model::known(name).unwrap();
    let need = need(name, &model, Weights::AsTheyAre, 8192, Server::Vllm(Vllm::v0_33(90)));
    for (gpus, nodes, is_there) in [(8, 1, true), (8, 2, true), (1, 3, true), (2, 3, false), (9, 1, false)] {
        let wish = Wish { gpu: None, gpus: Some(gpus), nodes };
        assert_eq!(need.place(&target, wish).is_ok(), is_there, "{gpus} on each of {nodes}");
    }
}

#[test]
fn a_replica_has_one_slice_of_a_gpu_on_each_node() {
    let kind = "h100-mig-1g.20gb";
    let pool = GpuPool { kind: kind.into(), memory_mib: 20_096, total: 4, free: 0, nodes: 1 };
    let target = Facts { gpu_pools: vec![pool], ..target() };
    let placed = |name, weights, gpus| {
        let model = Model::known(name).unwrap();
        let need = need(name, &model, weights, 8192, Server::Vllm(Vllm::v0_33(90)));
        need.place(&target, Wish { gpus, ..ANY }).map(|fit| fit.gpus)
    };
    let small = "meta-llama/Llama-3.2-1B-Instruct";
    assert_eq!(placed(small, Weights::AsTheyAre, None), Ok(1));
    let problem = placed(small, Weights::AsTheyAre, Some(2)).unwrap_err();
    assert!(problem.message.ends_with("one slice of a GPU on each node"), "{}", problem.message);
    // Eight whole GPUs of this memory would be enough.
    let problem = placed("meta-llama/Llama-3.3-70B-Instruct", Weights::Fp8, None).unwrap_err();
    assert!(problem.message.contains("does not fit 1 ×"), "{}", problem.message);
    assert!(!problem.message.contains("GPUs would be enough"), "{}", problem.message);
}

#[test]
fn what_does_not_fit_is_refused_with_the_terms_and_what_would() {
    let two = Wish { gpu: Some("h100"), gpus: Some(2), nodes: 1 };
    let name = "meta-llama/Llama-3.3-70B-Instruct";
    let problem = place(name, Weights::AsTheyAre, 32_768, two).unwrap_err();
    assert_eq!(problem.parameter.as_deref(), Some("/gpus"));
    for said in [
        "weights 67287 MiB (layers 65283, embeddings and head 2004)",
        "cache 5120 MiB for 32768",
        "4 GPUs would be enough",
    ] {
        assert!(problem.message.contains(said), "{said}: {}", problem.message);
    }
    let refused =
        |wish| place("meta-llama/Llama-3.1-405B-Instruct", Weights::AsTheyAre, 8192, wish).unwrap_err();
    assert!(refused(ANY).message.contains("a checkpoint of fewer bits, more nodes or GPUs with more memory"));
    assert!(
        refused(Wish { gpu: Some("b200"), ..ANY }).message.contains("it has 16 × h100 on 2 nodes, 4 × l4")
    );
    assert!(refused(Wish { nodes: 3, ..ANY }).message.contains("no 3 nodes with a GPU each"));
    let eight = Wish { gpus: Some(8), ..ANY };
    let problem = place("Qwen/Qwen2.5-7B-Instruct", Weights::AsTheyAre, 8192, eight).unwrap_err();
    assert!(problem.message.contains("28 attention heads"), "{}", problem.message);
}

#[test]
fn a_shorter_request_that_is_said_to_fit_does() {
    let one = Wish { gpu: Some("l4"), gpus: Some(1), nodes: 1 };
    let name = "meta-llama/Llama-3.1-8B-Instruct";
    let message = place(name, Weights::AsTheyAre, 131_072, one).unwrap_err().message;
    let said = message.split("a context_tokens of ").nth(1).and_then(|rest| rest.split(' ').next());
    let tokens: u64 = said.unwrap_or_else(|| panic!("{message}")).parse().unwrap();
    assert!(tokens > 256 && place(name, Weights::AsTheyAre, tokens, one).is_ok(), "{tokens}");
    assert!(place(name, Weights::AsTheyAre, tokens + 512, one).is_err(), "{tokens}");
}

#[test]
fn llama_cpp_takes_any_number_of_gpus() {
    let name = "Qwen/Qwen2.5-32B-Instruct";
    let model = Model::known(name).unwrap();
    let weights = Weights::Gguf(Gguf::Q8_0);
    let need = need(name, &model, weights, 65_536, Server::LlamaCpp);
    let fit = need.place(&target(), Wish { gpu: Some("l4"), ..ANY }).unwrap();
    assert_eq!(fit.gpus, 3, "{}", fit.arithmetic);
}

#[test]
fn sglang_takes_the_share_of_its_own_formula() {
    let model = Model::known("meta-llama/Llama-3.1-8B-Instruct").unwrap();
    let server = Server::Sglang { share: None };
    for (memory_mib, thousandths) in
        [(15_360, 741), (23_034, 690), (24_564, 710), (46_068, 846), (81_559, 832)]
    {
        let has = server.has(Gpu { kind: "", memory_mib }, 1, &model);
        let share = has / MIB * 1000 / (memory_mib - 512);
        assert!(share.abs_diff(thousandths) <= 2, "{memory_mib}: {share}");
    }
}

#[test]
fn copies_of_a_model_share_its_experts_alone() {
    let name = "Qwen/Qwen3-30B-A3B";
    let model = Model::known(name).unwrap();
    // Few requests at once, so that their logits are not what takes most.
    let server = Server::Vllm(Vllm { sequences: Some(8), ..Vllm::v0_33(90) });
    let gpu = Gpu { kind: "h100", memory_mib: 81_047 };
    let one = need(name, &model, Weights::AsTheyAre, 8192, server);
    let tensor = one.share(gpu, 4, 1);
    let copies = Need { data_parallel: 4, ..one }.share(gpu, 4, 1);
    assert_eq!(copies.experts, tensor.experts, "a quarter of the experts either way");
    assert_eq!((copies.layers, copies.context), (one.share(gpu, 1, 1).layers, one.share(gpu, 1, 1).context));
    assert!(copies.beside.activations > tensor.beside.activations);
    let whole = Need { data_parallel: 4, expert_parallel: true, ..one }.share(gpu, 4, 1);
    assert_eq!(whole.experts, copies.experts, "128 experts over 4 GPUs");
    let server = Server::Sglang { share: None };
    let apart = Need { data_parallel: 4, server, ..one }.share(gpu, 4, 1);
    assert_eq!(apart.experts, one.share(gpu, 1, 1).experts);

    let two = Need { data_parallel: 2, ..one };
    assert_eq!(
        two.place(&target(), Wish { gpus: Some(3), ..ANY }).unwrap_err().parameter.as_deref(),
        Some("/gpus")
    );
    assert!(two.place(&target(), ANY).unwrap().gpus.is_multiple_of(2));
}

#[test]
fn adapters_are_counted_and_said() {
    let name = "meta-llama/Llama-3.1-8B-Instruct";
    let model = Model::known(name).unwrap();
    let bare = need(name, &model, Weights::AsTheyAre, 8192, Server::Vllm(Vllm::v0_33(90)));
    let with = |slots, rank| Need { adapters: Some(Adapters { slots, rank }), ..bare };
    let one = Wish { gpu: Some("l4"), gpus: Some(1), nodes: 1 };
    let fit = with(4, 16).place(&target(), one).unwrap();
    // 41,943,040 of all layers and 4,235,264 of the vocabulary's two ends, of 16 bits each, four times.
    assert_eq!(fit.share.adapters, (41_943_040 + 4_235_264) * 2 * 4);
    assert!(fit.arithmetic.contains("adapters 353"), "{}", fit.arithmetic);
    assert!(fit.share.tokens() < bare.place(&target(), one).unwrap().share.tokens());
    assert!(with(16, 512).place(&target(), one).is_err());
}

#[test]
fn gpus_that_heads_cannot_be_spread_over_are_refused_with_those_that_can() {
    let seven = Wish { gpu: Some("h100"), gpus: Some(7), nodes: 1 };
    let problem = place("meta-llama/Llama-3.3-70B-Instruct", Weights::AsTheyAre, 8192, seven).unwrap_err();
    assert_eq!(problem.parameter.as_deref(), Some("/gpus"));
    assert!(problem.message.contains("64 attention heads"), "{}", problem.message);
    assert!(problem.message.ends_with("over 1, 2, 4, 8, 16, 32, 64 they can"), "{}", problem.message);
}

/// Files of Llama-3.1-70B that were made by `llama-quantize`, in hundredths of a GB.
#[test]
fn files_of_each_mixture_are_as_large_as_published_ones() {
    let name = "meta-llama/Llama-3.1-70B-Instruct";
    let model = Model::known(name).unwrap();
    for (mixture, published) in [
        (Gguf::Q3_K_S, 3091),
        (Gguf::Q3_K_M, 3427),
        (Gguf::Q3_K_L, 3714),
        (Gguf::IQ4_XS, 3790),
        (Gguf::Q4_0, 4012),
        (Gguf::Q4_K_S, 4035),
        (Gguf::Q4_K_M, 4252),
        (Gguf::Q5_K_S, 4866),
        (Gguf::Q5_K_M, 4995),
        (Gguf::Q6_K, 5789),
        (Gguf::Q8_0, 7498),
    ] {
        let need = need(name, &model, Weights::Gguf(mixture), 8192, Server::LlamaCpp);
        let hundredths = need.weights_mib() * MIB / 10_000_000;
        assert!(
            hundredths.abs_diff(published) * 100 <= published,
            "{mixture:?}: {hundredths}, not {published}"
        );
    }
}
