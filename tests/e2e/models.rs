//! Records of models: a host keeps what a model's config.json says, and templates are told it by the model's name.

use serde_json::{Value, json};

use crate::world::{World, plugin};

const MODEL: &str = "acme/own-GGUF";

fn config(layers: u64) -> Value {
    json!({
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
        "intermediate_size": 4864, "num_hidden_layers": layers, "num_attention_heads": 14,
        "num_key_value_heads": 2, "vocab_size": 151_936, "max_position_embeddings": 32_768,
        "tie_word_embeddings": true,
    })
}

#[test]
fn a_model_is_sized_by_the_record_that_the_host_keeps_of_it() {
    let world = World::start();
    world.vendor().publish(&plugin("llama-cpp"));
    let customer = world.customer();
    customer.ok(&["install", "chandlery:llama-cpp", "--deny", "secret:hf-token"]);
    let model = format!("model={MODEL}");
    let plan = ["plan", "llama-cpp", "--set", &model, "--set", "gpus=0"];
    let (problem, _) = customer.refused(&plan);
    assert_eq!(problem.r#type, "no-plan", "{problem:?}");
    assert!(problem.detail.contains("no record is known here"), "{problem:?}");

    let file = customer.home.join("config.json");
    let file = file.to_str().unwrap();
    std::fs::write(file, config(24).to_string()).unwrap();
    let added = customer.ok(&["models", "add", MODEL, file]);
    let listed = customer.ok(&["models", "list"]);
    assert_eq!(listed["items"], json!([added]));
    let shown = customer.ok(&["models", "show", MODEL]);
    assert_eq!((&shown["config"], &shown["digest"]), (&config(24), &added["digest"]));

    // What it was planned by is a parameter, whatever becomes of the record.
    let planned = customer.ok(&plan);
    assert_eq!(planned["parameters"]["model_config"], config(24));
    let memory =
        |planned: &Value| planned["plan"]["workloads"][0]["resources"]["memory-mib"].as_u64().unwrap();
    std::fs::write(file, config(48).to_string()).unwrap();
    assert_ne!(customer.ok(&["models", "add", MODEL, file])["digest"], added["digest"]);
    let larger = customer.ok(&plan);
    assert!(memory(&larger) > memory(&planned), "{larger}");

    // What somebody sets comes first, and without a record it is refused again.
    std::fs::write(file, config(24).to_string()).unwrap();
    let given = format!("model_config=@{file}");
    let smaller = customer.ok(&[&plan[..], &["--set", &given]].concat());
    assert_eq!(memory(&smaller), memory(&planned));
    customer.ok(&["models", "remove", MODEL]);
    assert_eq!(customer.refused(&plan).0.r#type, "no-plan");
    assert_eq!(customer.refused(&["models", "show", MODEL]).0.r#type, "no-model");
    std::fs::write(file, "[]").unwrap();
    assert!(customer.refused_text(&["models", "add", MODEL, file]).contains("is no JSON object"));
}
