//! What is searched for, and in which order it is shown.

use chandlery_package::wire::{Category, ReleaseRecord};
use chandlery_package::{Kind, Manifest, Money, Namespace, Offer, Permission, Price, words};
use serde::Deserialize;

words! {
    /// In which order what was found comes.
    #[derive(Default)]
    pub enum SearchOrder: "order of results" {
        /// What fits best first, then what was pulled most.
        #[default]
        Best = "best",
        /// The latest release first.
        New = "new",
        /// What was pulled most first.
        Pulls = "pulls",
        /// What most accounts run first.
        Deployed = "deployed",
        /// By namespace and name.
        Name = "name",
    }

    /// What a plugin does not ask to do.
    pub enum Harmless: "bound of permissions" {
        /// Anything: it asks for no permission.
        Nothing = "nothing",
        /// To send requests.
        NoRequests = "no-requests",
        /// To use a secret.
        NoSecrets = "no-secrets",
        /// To change what is deployed.
        NoActs = "no-acts",
    }

    /// How a plugin is paid for.
    pub enum Payment: "way to pay" {
        /// It costs nothing.
        Free = "free",
        /// Once, for ever.
        Once = "once",
        /// By the month.
        Monthly = "monthly",
        /// By what is used.
        Metered = "metered",
    }
}

/// What is searched for.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Words that a plugin's name, title, description or keywords have or begin with; all of them.
    #[serde(default)]
    pub q: String,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// That can use this kind of GPU.
    pub gpu: Option<String>,
    /// That costs no more than this once, such as `10.00 USD`; free ones always fit.
    pub price_max: Option<String>,
    /// That is paid for so.
    #[param(inline)]
    pub price: Option<Payment>,
    /// For this, as its publisher says.
    #[param(inline)]
    pub category: Option<Category>,
    /// Under this licence, as its manifest writes it, such as `Apache-2.0`.
    pub licence: Option<String>,
    /// That does not ask for this.
    #[param(inline)]
    pub asks: Option<Harmless>,
    /// Of this namespace.
    pub publisher: Option<Namespace>,
    /// That the operator has certified.
    #[serde(default)]
    pub certified: bool,
    /// In this order; none: what fits best first.
    #[param(inline)]
    pub order: Option<SearchOrder>,
}

/// What a plugin is found by that its manifest alone says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// In lower case.
    pub(super) gpus: Vec<String>,
    pub(super) licence: Option<String>,
    permissions: Vec<Permission>,
}

impl From<Option<&Manifest>> for Said {
    fn from(manifest: Option<&Manifest>) -> Self {
        let Some(manifest) = manifest else { return Self::default() };
        Self {
            gpus: manifest.gpus.iter().map(|gpu| gpu.to_lowercase()).collect(),
            licence: Some(manifest.license.clone()),
            permissions: manifest.permissions.iter().cloned().collect(),
        }
    }
}

impl Harmless {
    fn holds(self, permissions: &[Permission]) -> bool {
        let is_asked = |permission: &Permission| match self {
            Self::Nothing => true,
            Self::NoRequests => matches!(permission, Permission::Http(_) | Permission::PrivateNetwork),
            Self::NoSecrets => matches!(permission, Permission::Secret(_)),
            Self::NoActs => matches!(permission, Permission::ActOnDeployments),
        };
        !permissions.iter().any(is_asked)
    }
}

impl Query {
    /// Whether a release is among what is searched for, apart from the words.
    pub(super) fn fits(&self, record: &ReleaseRecord, said: &Said, price_max: Option<Money>) -> bool {
        let offer = record.price.as_ref();
        self.kind.is_none_or(|kind| record.kind == kind)
            && self.category.is_none_or(|category| record.category == Some(category))
            && self.publisher.as_ref().is_none_or(|publisher| record.release.plugin.namespace == *publisher)
            && self.price.is_none_or(|payment| paid(offer) == payment)
            && price_max.is_none_or(|max| is_within(offer, max))
            && (!self.certified || record.certified)
            && self.gpu.as_ref().is_none_or(|gpu| said.gpus.contains(&gpu.to_lowercase()))
            && self.licence.as_ref().is_none_or(|licence| said.licence.as_ref() == Some(licence))
            && self.asks.is_none_or(|bound| bound.holds(&said.permissions))
    }
}

fn paid(offer: Option<&Offer>) -> Payment {
    match offer.map(|offer| &offer.price) {
        None => Payment::Free,
        Some(Price::Once { .. }) => Payment::Once,
        Some(Price::Monthly { .. }) => Payment::Monthly,
        Some(Price::Metered { .. }) => Payment::Metered,
    }
}

/// Whether a plugin costs at most so much: once, by the month, or for the first unit that costs something.
fn is_within(offer: Option<&Offer>, max: Money) -> bool {
    let Some(offer) = offer else { return true };
    if offer.price.currency() != max.currency() {
        return false;
    }
    match &offer.price {
        Price::Once { amount } | Price::Monthly { amount, .. } => amount.minor() <= max.minor(),
        Price::Metered { unit, free, .. } => {
            let one = free.saturating_add(1).saturating_mul(unit.size());
            offer.price.charge(one).is_ok_and(|charge| charge.minor() <= max.minor())
        }
    }
}
