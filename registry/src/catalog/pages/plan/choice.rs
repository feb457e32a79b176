//! What a visitor chose to plan for, which all stands in the address.

use chandlery_package::Money;
use chandlery_package::plan::EngineKind;

use crate::catalog::error::Error;
use crate::catalog::planning::{Gpus, all_gpus};

/// How many fields an address may have.
const FIELDS_MAX: usize = 500;

/// What a visitor chose: a target, its price, and parameters.
pub(in super::super) struct Choice {
    /// The GPUs of the target.
    pub(super) gpus: &'static Gpus,
    /// What runs there.
    pub(super) engine: EngineKind,
    /// What a GPU hour costs, as it was typed.
    pub(super) price: String,
    /// All fields, parameters among them.
    pub(super) form: Vec<(String, String)>,
    made: bool,
    fragment: bool,
}

impl Choice {
    /// Reads the query of an address.
    pub(in super::super) fn read(query: Option<&str>) -> Result<Self, Error> {
        let fields = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned();
        let form: Vec<(String, String)> = fields.take(FIELDS_MAX).collect();
        let value = |name: &str| {
            let last = form.iter().rev().find(|(of, _)| of == name);
            last.map(|(_, text)| text.trim()).filter(|text| !text.is_empty())
        };
        let usual =
            all_gpus().first().ok_or_else(|| Error::damaged("there are no targets to choose from"))?;
        let gpus = match value("gpus") {
            None => usual,
            Some(word) => all_gpus().iter().find(|gpus| gpus.word == word).ok_or_else(|| {
                let known: Vec<&str> = all_gpus().iter().map(|gpus| gpus.word.as_str()).collect();
                Error::invalid(format!("'{word}' is no choice of GPUs: write {}", known.join(", ")))
            })?,
        };
        let engine = match value("engine") {
            None => EngineKind::Kubernetes,
            Some(word) => word.parse::<EngineKind>().map_err(|error| Error::invalid(error.to_string()))?,
        };
        let price = value("price").unwrap_or_default().to_owned();
        let chooses = |name: &str| ["gpus", "engine", "price"].contains(&name) || name.starts_with("set.");
        let made = form.iter().any(|(name, _)| chooses(name));
        let fragment = value("fragment") == Some("plan");
        Ok(Self { gpus, engine, price, form, made, fragment })
    }

    /// Whether anything was chosen, so that there is something to plan.
    pub(in super::super) fn is_made(&self) -> bool {
        self.made
    }

    /// Whether the plan alone is asked for, as the page's script does.
    pub(in super::super) fn is_fragment(&self) -> bool {
        self.fragment
    }

    /// What a GPU hour costs, if that was typed, or what is wrong with it.
    pub(super) fn price(&self) -> Result<Option<Money>, String> {
        match self.price.as_str() {
            "" => Ok(None),
            text => match text.parse::<Money>() {
                Ok(price) if price.minor() >= 0 => Ok(Some(price)),
                Ok(_) => Err(format!("'{text}' is below zero")),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_was_chosen() {
        let read = |query: &str| Choice::read(Some(query)).unwrap();
        let choice = read("gpus=1xl4&engine=slurm&price=2.50+USD&set.model=a%2Fb&fragment=plan&after=1.0.0");
        assert_eq!((choice.gpus.word.as_str(), choice.engine), ("1xl4", EngineKind::Slurm));
        assert_eq!(choice.price(), Ok(Some("2.50 USD".parse().unwrap())));
        assert!(choice.is_made() && choice.is_fragment());
        assert!(choice.form.contains(&("set.model".into(), "a/b".into())));
        let usual = Choice::read(None).unwrap();
        assert_eq!((usual.gpus.word.as_str(), usual.engine), ("2xh100", EngineKind::Kubernetes));
        assert!(!usual.is_made() && !usual.is_fragment() && !read("after=1.0.0").is_made());
        assert!(read("gpus=&engine=&price=").is_made(), "an empty form is a choice, too");
        for (query, says) in
            [("gpus=9xh900", "'9xh900' is no choice"), ("engine=cron", "'cron' is no kind of engine")]
        {
            let refused = Choice::read(Some(query)).err().unwrap().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        for price in ["2.50", "x USD", "-1.00 USD", "1.00 XYZ"] {
            assert!(read(&format!("price={price}")).price().is_err(), "{price}");
        }
        let many = "set.x=1&".repeat(10 * FIELDS_MAX);
        assert_eq!(read(&many).form.len(), FIELDS_MAX);
    }
}
