//! Holds plans to an organisation's rules: which images may run and where they come from, what commands may say, and what each team
//! may use.

use std::collections::BTreeMap;

use chandlery_sdk::policies::*;
use chandlery_sdk::{added_to, chip_of, name_of, stands_for};

/// Every other team, or every other kind of GPU.
const OTHERS: &str = "*";
/// Where an image comes from that names no registry.
const USUAL_REGISTRY: &str = "docker.io";
/// Of a budget, in percent, from which on a warning is given.
const WARN_FROM: u64 = 80;

#[derive(Deserialize)]
struct Settings {
    images: Images,
    registries: Vec<String>,
    forbidden_flags: Vec<String>,
    additions: Vec<String>,
    gpus: BTreeMap<String, u64>,
    gpu_prices: BTreeMap<String, u64>,
    spend: BTreeMap<String, u64>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Images {
    Digest,
    Tag,
    Any,
}

struct Guardrails;

impl Policy for Guardrails {
    type Settings = Settings;

    fn review(plan: Plan, context: Context<Settings>) -> Verdict {
        let images = plan.workloads.iter().filter_map(|workload| match &workload.runtime {
            Runtime::Container(image) => Some((workload, image)),
            Runtime::Python(_) | Runtime::Host => None,
        });
        let mut problems: Vec<_> = images
            .flat_map(|(workload, image)| {
                let reasons = [is_fixed(image, &context.settings), is_known(image, &context.settings)];
                reasons
                    .into_iter()
                    .flatten()
                    .map(|reason| Problem::of(format!("{}: {reason}", workload.name)))
            })
            .collect();
        problems.extend(forbidden_flags(&plan, &context.settings).chain(additions(&plan, &context.settings)));
        let mut warnings = Vec::new();
        for budget in budgets(&plan, &context) {
            match budget.after > budget.limit {
                true => problems.push(Problem::of(budget.in_words())),
                false if budget.after * 100 > budget.limit * WARN_FROM => warnings.push(budget.in_words()),
                false => {}
            }
        }
        match problems.is_empty() {
            true => Verdict::Allow(warnings),
            false => Verdict::Deny(problems),
        }
    }
}

/// What is wrong with how the image is named.
fn is_fixed(image: &str, settings: &Settings) -> Option<String> {
    let has_digest = image.contains("@sha256:");
    match (&settings.images, tag(image)) {
        (Images::Any, _) => None,
        _ if has_digest => None,
        (Images::Digest, _) => Some(format!(
            "the image {image} may change under its name; name it by its digest, as in image@sha256:…"
        )),
        (Images::Tag, None | Some("latest")) => {
            Some(format!("the image {image} has no tag but `latest`; name a version of it"))
        }
        (Images::Tag, Some(_)) => None,
    }
}

fn tag(image: &str) -> Option<&str> {
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split('@').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag)
}

/// What is wrong with where the image comes from.
fn is_known(image: &str, settings: &Settings) -> Option<String> {
    let full = match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => image.to_owned(),
        _ => format!("{USUAL_REGISTRY}/{image}"),
    };
    let from = |registry: &String| {
        full.strip_prefix(registry.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
    };
    let known = settings.registries.is_empty() || settings.registries.iter().any(from);
    (!known).then(|| {
        format!(
            "the image {image} does not come from a registry that is allowed: {}",
            settings.registries.join(", ")
        )
    })
}

/// Flags that no command may have: in whatever spelling, cut short as far as programs may take it for them, and in a script, too.
fn forbidden_flags<'a>(plan: &'a Plan, settings: &'a Settings) -> impl Iterator<Item = Problem> + 'a {
    let forbidden = move |word: &str| {
        let name = name_of(word);
        let is_meant =
            |flag: &&String| name.len() > 2 && name_of(flag).starts_with(&name) || name_of(flag) == name;
        settings.forbidden_flags.iter().find(is_meant)
    };
    plan.workloads.iter().flat_map(move |workload| {
        let words = workload.command.iter().flat_map(|word| word.split([' ', '"', '\'', ';', '\n']));
        let found = words.filter(|word| word.starts_with('-')).filter_map(forbidden);
        found.map(move |flag| Problem::of(format!("{}: the flag {flag} is not allowed here", workload.name)))
    })
}

/// What whoever deploys has added to a template's own command and environment, and may not.
fn additions<'a>(plan: &'a Plan, settings: &'a Settings) -> impl Iterator<Item = Problem> + 'a {
    let may = move |name: &str| settings.additions.iter().any(|allowed| stands_for(allowed, name));
    added_to(plan).into_iter().filter(move |name| !may(name)).map(move |name| {
        let allowed = match settings.additions.as_slice() {
            [] => "nothing".into(),
            allowed => allowed.join(", "),
        };
        Problem::of(format!("{name} may not be added to what a template says; allowed is {allowed}"))
    })
}

/// What a team would have, and may have.
struct Budget {
    team: String,
    what: &'static str,
    before: u64,
    after: u64,
    limit: u64,
}

impl Budget {
    fn in_words(&self) -> String {
        let Self { team, what, before, after, limit } = self;
        let (plan, before, after, limit) =
            (self.say(after - before), self.say(*before), self.say(*after), self.say(*limit));
        format!("{team} would have {after} {what} of {limit}: {before} are deployed, this plan adds {plan}")
    }

    fn say(&self, amount: u64) -> String {
        match self.what {
            SPEND => format!("${}.{:02}", amount / 100, amount % 100),
            _ => amount.to_string(),
        }
    }
}

const GPUS: &str = "GPUs";
const SPEND: &str = "an hour on GPUs";

/// The budgets that bound this plan, as it would use them.
fn budgets(plan: &Plan, context: &Context<Settings>) -> Vec<Budget> {
    let Settings { gpus, gpu_prices, spend, .. } = &context.settings;
    let team = context.team.as_deref();
    let others = || context.others.iter().filter(|running| running.team.as_deref() == team);
    let budget = |what, limits: &BTreeMap<String, u64>, cost: &dyn Fn(&Plan) -> u64| {
        let limit = *limits.get(team.unwrap_or(OTHERS)).or_else(|| limits.get(OTHERS))?;
        let before: u64 = others().map(|running| cost(&running.plan)).sum();
        let added = cost(plan);
        let team = team.map_or("whoever names no team".into(), |team| format!("team '{team}'"));
        // What costs nothing is nobody's budget.
        (added > 0).then_some(Budget { team, what, before, after: before + added, limit })
    };
    let count = |plan: &Plan| each_gpu(plan, |_| 1);
    let price = |plan: &Plan| each_gpu(plan, |gpu| price(gpu, gpu_prices));
    [budget(GPUS, gpus, &count), budget(SPEND, spend, &price)].into_iter().flatten().collect()
}

/// The sum over all GPUs that a plan may come to have.
fn each_gpu(plan: &Plan, one: impl Fn(&Gpu) -> u64) -> u64 {
    let of = |workload: &Workload| {
        let gpu = workload.resources.gpu.as_ref()?;
        Some(u64::from(gpu.count_per_replica) * u64::from(workload.scale.replicas_max) * one(gpu))
    };
    plan.workloads.iter().filter_map(of).sum()
}

/// The dearest of the kinds that it may get. A slice without a price of its own costs what its GPU does.
fn price(gpu: &Gpu, prices: &BTreeMap<String, u64>) -> u64 {
    let of = |kind: &String| {
        let names = [kind.as_str(), chip_of(kind), OTHERS];
        names.into_iter().find_map(|name| prices.get(name).copied()).unwrap_or(0)
    };
    match gpu.kinds.is_empty() {
        true => prices.values().copied().max().unwrap_or(0),
        false => gpu.kinds.iter().map(of).max().unwrap_or(0),
    }
}

chandlery_sdk::export_policy!(Guardrails);
