//! The hosts that sign their usage, and what is wrong with what they say.

use chandlery_package::wire::{ChainState, HostChain, Page};

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Shows the account's hosts; to operators, those of all.
pub async fn list(context: &Context) -> Result {
    let page: Page<HostChain> = context.registry_list("/api/v1/usage-hosts").await?;
    if context.settings.json {
        show::json(page.items);
        return Ok(());
    }
    let row = |chain: &HostChain| {
        vec![
            chain.account.to_string(),
            chain.host.clone(),
            chain.sequence.to_string(),
            chain.heard_at.strftime("%Y-%m-%d %H:%M").to_string(),
            chain.state.to_string(),
        ]
    };
    show::table(&["account", "host", ">records", "last heard (UTC)", "reports"], page.items.iter().map(row));
    for chain in &page.items {
        if chain.state == ChainState::Silent {
            show::warning(format!("{} of '{}' has stopped reporting", chain.host, chain.account));
        }
        for incident in &chain.incidents {
            show::warning(format!(
                "{} of '{}': {} at record {}, {} times, last on {}",
                chain.host,
                chain.account,
                incident.kind,
                incident.sequence,
                incident.times,
                incident.last_at.strftime("%Y-%m-%d %H:%M")
            ));
        }
    }
    Ok(())
}
