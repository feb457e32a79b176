//! What the engines of targets are called, where a visitor chooses one.

use chandlery_package::plan::EngineKind;

/// The engines by their words, with what people call them.
pub(super) const ENGINES: [(&str, &str); 3] =
    [("kubernetes", "Kubernetes"), ("slurm", "Slurm"), ("local", "A machine of its own")];

/// What people call an engine.
pub(super) fn engine_title(engine: EngineKind) -> &'static str {
    ENGINES.into_iter().find(|(word, _)| *word == engine.as_str()).map_or(engine.as_str(), |(_, title)| title)
}
