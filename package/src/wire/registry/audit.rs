//! The audit trail of a registry: what people did, each entry bound to the one before it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{Digest, Namespace, words};

words! {
    /// What somebody did.
    pub enum Act: "act" {
        /// Logged in with a password or a passkey.
        LoggedIn = "logged-in",
        /// Ended a session on the registry's pages.
        LoggedOut = "logged-out",
        /// Ended log-ins of its account elsewhere.
        SessionEnded = "session-ended",
        /// Chose for which organisation its session on the registry's pages acts, or for none.
        SessionSwitched = "session-switched",
        /// Changed its own password, knowing the one before.
        PasswordChanged = "password-changed",
        /// Issued a token by which an account's password can be set.
        PasswordResetIssued = "password-reset-issued",
        /// Set an account's password with such a token.
        PasswordReset = "password-reset",
        /// Asked for the deletion of its account.
        DeletionAsked = "deletion-asked",
        /// Took that back.
        DeletionTakenBack = "deletion-taken-back",
        /// Deleted an account whose owner had asked for it, or an organisation.
        AccountDeleted = "account-deleted",
        /// Set up a second factor of its account.
        SecondFactorSet = "second-factor-set",
        /// Removed a second factor of an account.
        SecondFactorRemoved = "second-factor-removed",
        /// Made new recovery codes of its account.
        RecoveryCodesMade = "recovery-codes-made",
        /// Added a passkey to its account.
        PasskeyAdded = "passkey-added",
        /// Gave a passkey of its account another name.
        PasskeyRenamed = "passkey-renamed",
        /// Removed passkeys of an account.
        PasskeyRemoved = "passkey-removed",
        /// Showed a passkey whose counter has not grown, and was refused.
        PasskeyDoubted = "passkey-doubted",
        /// Asked for another e-mail address of its account.
        EmailAsked = "email-asked",
        /// Verified an e-mail address by the token that was sent there.
        EmailVerified = "email-verified",
        /// Made a token of its account.
        TokenMade = "token-made",
        /// Revoked a token of its account.
        TokenRevoked = "token-revoked",
        /// Set the provider by which people of an organisation sign in.
        ProviderSet = "provider-set",
        /// Removed the provider of an organisation.
        ProviderRemoved = "provider-removed",
        /// Became known by who it is at an organisation's provider; or an account was made for who that is.
        IdentityLinked = "identity-linked",
        /// Signs in by an organisation's provider no more.
        IdentityUnlinked = "identity-unlinked",
        /// Signed a program in on a page.
        DeviceConfirmed = "device-confirmed",
        /// Took a namespace that nobody had.
        NamespaceTaken = "namespace-taken",
        /// Gave a namespace to another account.
        NamespaceTransferred = "namespace-transferred",
        /// Chose who sees what a namespace holds.
        VisibilityChanged = "visibility-changed",
        /// Invited an account to a namespace.
        MemberInvited = "member-invited",
        /// Gave a member another role.
        RoleChanged = "role-changed",
        /// Became a member by an invitation.
        InvitationAccepted = "invitation-accepted",
        /// Declined to become a member.
        InvitationDeclined = "invitation-declined",
        /// Ended a membership or an invitation.
        MemberRemoved = "member-removed",
        /// Made an organisation.
        OrganisationMade = "organisation-made",
        /// Gave an organisation another title.
        OrganisationRenamed = "organisation-renamed",
        /// Invited an account to an organisation.
        OrganisationMemberInvited = "organisation-member-invited",
        /// Made an account a member of an organisation, or became one.
        OrganisationMemberAdmitted = "organisation-member-admitted",
        /// Gave a member of an organisation another role.
        OrganisationRoleChanged = "organisation-role-changed",
        /// Declined to become a member of an organisation.
        OrganisationInvitationDeclined = "organisation-invitation-declined",
        /// Ended a membership of an organisation, or an invitation to it.
        OrganisationMemberRemoved = "organisation-member-removed",
        /// Added, changed or removed a person of an organisation's directory.
        DirectoryPersonChanged = "directory-person-changed",
        /// Added, changed or removed a group of an organisation's directory.
        DirectoryGroupChanged = "directory-group-changed",
        /// Chose the role that a group of a directory gives in its organisation.
        DirectoryGroupMapped = "directory-group-mapped",
        /// Opened an account for a person of an organisation's directory.
        AccountOpened = "account-opened",
        /// Ended an account that the organisation manages.
        AccountEnded = "account-ended",
        /// Let an account of the organisation log in again.
        AccountRestored = "account-restored",
        /// Proposed that an account operates the registry.
        OperatorProposed = "operator-proposed",
        /// Withdrew such a proposal.
        OperatorProposalWithdrawn = "operator-proposal-withdrawn",
        /// Made an account an operator.
        OperatorMade = "operator-made",
        /// Made an operator an account like others.
        OperatorRemoved = "operator-removed",
        /// Suspended an account, or gave another reason for that.
        AccountSuspended = "account-suspended",
        /// Reinstated an account that was suspended.
        AccountReinstated = "account-reinstated",
        /// Added a signing key to a namespace.
        KeyAdded = "key-added",
        /// Revoked a signing key of a namespace.
        KeyRevoked = "key-revoked",
        /// Asked the owners of a namespace to add a signing key.
        KeyRequested = "key-requested",
        /// Refused a signing key that a member asked for, or took the request back.
        KeyRequestRefused = "key-request-refused",
        /// Chose whether the tokens of an issuer are believed.
        IssuerAllowed = "issuer-allowed",
        /// Let a workload publish a plugin.
        PublisherTrusted = "publisher-trusted",
        /// Ended that a workload publishes a plugin.
        PublisherRemoved = "publisher-removed",
        /// Issued a token to a workload that its issuer vouched for.
        TokenExchanged = "token-exchanged",
        /// Said that a domain is an organisation's.
        DomainAdded = "domain-added",
        /// Proved that by the domain's DNS.
        DomainProved = "domain-proved",
        /// Took a domain from an organisation, since its DNS had not proved it for days.
        DomainLapsed = "domain-lapsed",
        /// Took back that a domain is an organisation's.
        DomainRemoved = "domain-removed",
        /// Chose whether it takes two members to publish in a namespace.
        TwoPeopleSet = "two-people-set",
        /// Asked for a release that another member approves.
        ReleaseStaged = "release-staged",
        /// Approved a release that another member asked for.
        ReleaseApproved = "release-approved",
        /// Refused a release that somebody asked for, or took it back.
        ReleaseRefused = "release-refused",
        /// Published a release of a plugin.
        ReleasePublished = "release-published",
        /// Yanked a release, or let it be chosen again.
        ReleaseYanked = "release-yanked",
        /// Withdrew a release for ever.
        ReleaseWithdrawn = "release-withdrawn",
        /// Quarantined a plugin or a release, or gave another reason for that.
        Quarantined = "quarantined",
        /// Lifted a quarantine.
        QuarantineLifted = "quarantine-lifted",
        /// Published an advisory about a plugin, or changed what it says.
        AdvisoryPublished = "advisory-published",
        /// Withdrew an advisory.
        AdvisoryWithdrawn = "advisory-withdrawn",
        /// Reported a plugin or a release.
        AbuseReported = "abuse-reported",
        /// Said what became of such a report.
        ReportResolved = "report-resolved",
        /// Advised to use something else than a release, or took that back.
        ReleaseDeprecated = "release-deprecated",
        /// Changed how the shop shows a plugin.
        ListingChanged = "listing-changed",
        /// Removed by hand what is stored and belongs to nothing.
        GarbageCollected = "garbage-collected",
        /// Certified a plugin, or ended that.
        PluginCertified = "plugin-certified",
        /// Asked operators to review a release.
        ReviewAsked = "review-asked",
        /// Decided a review of a release.
        ReviewDecided = "review-decided",
        /// Said where an account is billed, and where it is written to.
        BillingProfileSet = "billing-profile-set",
        /// Set the monthly budget of an account, or removed it.
        BudgetSet = "budget-set",
        /// Chose of what a partner is told by mail.
        NoticesChosen = "notices-chosen",
        /// Made a webhook of a partner.
        WebhookMade = "webhook-made",
        /// Gave a webhook another secret.
        WebhookRotated = "webhook-rotated",
        /// Let a webhook that was disabled be told again.
        WebhookEnabled = "webhook-enabled",
        /// Removed a webhook.
        WebhookRemoved = "webhook-removed",
        /// Said which team a deployment of an account is counted to.
        CostTeamSet = "cost-team-set",
        /// Changed, or tried, what an account has subscribed to.
        SubscriptionChanged = "subscription-changed",
        /// Agreed on a subscription with a customer.
        SubscriptionAgreed = "subscription-agreed",
        /// Recorded a transfer that pays an invoice or an order.
        PaymentRecorded = "payment-recorded",
        /// Gave back some of an invoice.
        Refunded = "refunded",
        /// Said what becomes of a refund that the processor of payments refuses.
        RequestSettled = "request-settled",
        /// Recorded that a customer's bank has taken a payment back.
        DisputeOpened = "dispute-opened",
        /// Recorded how the bank has decided.
        DisputeClosed = "dispute-closed",
        /// Wrote how a partner is to be paid.
        PayoutProfileWritten = "payout-profile-written",
        /// Approved how a partner is to be paid.
        PayoutProfileApproved = "payout-profile-approved",
        /// Proposed to pay a partner.
        PayoutProposed = "payout-proposed",
        /// Approved a payout that another proposed.
        PayoutApproved = "payout-approved",
        /// Cancelled a payout before it was approved.
        PayoutCancelled = "payout-cancelled",
        /// Sent a payout by its rail.
        PayoutSent = "payout-sent",
        /// Recorded that the bank has paid a payout.
        PayoutConfirmed = "payout-confirmed",
        /// Recorded that the bank has returned a payout.
        PayoutReturned = "payout-returned",
        /// Said that a partner leaves, or stays after all.
        PartnerLeaving = "partner-leaving",
        /// Agreed, or no longer, that a debt is taken from what is available in another currency.
        DebtOffsetAgreed = "debt-offset-agreed",
        /// Proposed to give up what a partner owes.
        DebtWriteOffProposed = "debt-write-off-proposed",
        /// Approved to give up what a partner owes.
        DebtWriteOffApproved = "debt-write-off-approved",
        /// Took back a proposal to give up what a partner owes.
        DebtWriteOffCancelled = "debt-write-off-cancelled",
        /// Let another policy share sales.
        PolicySet = "policy-set",
        /// Said with whom a publisher belongs together.
        VolumeGroupSet = "volume-group-set",
        /// Set what a plugin costs from then on.
        PriceSet = "price-set",
        /// Confirmed or refused a correction of use that may lower what is owed.
        UsageCorrectionDecided = "usage-correction-decided",
        /// Registered the key that a host signs its usage with.
        HostKeyAdded = "host-key-added",
        /// Agreed to a price and its terms, and ordered a plugin.
        OrderPlaced = "order-placed",
        /// Made a coupon for orders of a plugin.
        CouponMade = "coupon-made",
        /// Wrote what a consultant is and does.
        ConsultantIntroduced = "consultant-introduced",
        /// Offered a service, or changed what it costs.
        ServiceOffered = "service-offered",
        /// Ordered a service.
        ServiceOrdered = "service-ordered",
        /// Accepted a milestone of a service, which is invoiced by that.
        MilestoneAccepted = "milestone-accepted",
        /// Certified a consultant until a moment.
        ConsultantCertified = "consultant-certified",
        /// Set a sales tax of a country.
        TaxRuleSet = "tax-rule-set",
        /// Said who sells here from a day on.
        SellerSet = "seller-set",
        /// Set an exchange rate from a day on.
        ExchangeRateSet = "exchange-rate-set",
        /// Set the account that bank files pay from.
        BankAccountSet = "bank-account-set",
        /// Brought a statement of the bank.
        StatementReconciled = "statement-reconciled",
        /// Settled what a line of the bank's statement pays or returns.
        StatementLineSettled = "statement-line-settled",
        /// Said what lines of the bank's statement are for.
        BankLineAllotted = "bank-line-allotted",
        /// Said where a transfer goes that goes back to a customer.
        SendBackAddressed = "send-back-addressed",
        /// Made a bank file of transfers that go back to customers.
        SendBackFiled = "send-back-filed",
        /// Recorded what was spent from the bank.
        ExpenseRecorded = "expense-recorded",
        /// Recorded that the bank has exchanged a currency for another.
        ExchangeRecorded = "exchange-recorded",
        /// Set what a figure of a month is meant to be, or took that back.
        FigureTargetSet = "figure-target-set",
        /// Closed the books of a month.
        MonthClosed = "month-closed",
        /// Asked for something that others approve before it is done.
        ApprovalAsked = "approval-asked",
        /// Approved what another asked for.
        ApprovalGiven = "approval-given",
        /// Gave the last approval of what is done by it.
        ApprovalDone = "approval-done",
        /// Gave the last approval of what could not be done any more.
        ApprovalFailed = "approval-failed",
        /// Refused what somebody asked for, or took it back.
        ApprovalRefused = "approval-refused",
        /// Set how many approve what.
        ApprovalRuleSet = "approval-rule-set",
    }
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Counts from 1, without a gap.
    pub number: i64,
    /// When it was done, in microseconds.
    pub at: Timestamp,
    /// The account that did it; none: whoever holds the registry's machine.
    pub actor: Option<Namespace>,
    /// What the actor was known by, such as `password` or `token 0123456789ab`.
    pub credential: String,
    /// The address that it came from, where it came by the network.
    pub address: Option<String>,
    /// What was done.
    pub act: Act,
    /// What it was done to: an account, a namespace, a release, a number.
    pub subject: String,
    /// What was true before; none: there is nothing to tell.
    pub before: Option<Value>,
    /// What was true from then on; none: there is nothing to tell.
    pub after: Option<Value>,
    /// The hash of the entry before it; empty for the first.
    pub previous: String,
    /// What binds it to all entries before it: see [`AuditEntry::expected_hash`].
    pub hash: String,
}

impl AuditEntry {
    /// The hexadecimal SHA-256 of `previous`, followed by the JSON array, without blanks, of the fields from `number` to `after`.
    pub fn expected_hash(&self) -> String {
        let Self { number, at, actor, credential, address, act, subject, before, after, previous, .. } = self;
        let said = json!([number, at, actor, credential, address, act, subject, before, after]);
        Digest::of(format!("{previous}{said}")).hex()
    }
}

/// Checks entries one after the other: that none is missing, changed, or put between two others.
#[derive(Debug, Clone, Default)]
pub struct AuditChain {
    last: Option<(i64, String)>,
}

/// Where a trail is not the one that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// The entries do not begin with the first, or one is missing or there twice.
    #[error("entry {found} comes where entry {expected} belongs")]
    Number {
        /// The number that belongs there.
        expected: i64,
        /// The number that is there.
        found: i64,
    },
    /// It was bound to another entry.
    #[error("entry {0} was recorded after another entry than the one that is before it now")]
    Previous(i64),
    /// It says something else than when it was recorded.
    #[error("entry {0} is not what was recorded: its hash is of something else")]
    Changed(i64),
}

impl AuditChain {
    /// Takes on the next entry, beginning with the first.
    pub fn follow(&mut self, entry: &AuditEntry) -> Result<(), BrokenChain> {
        let (number, hash) = self.last.as_ref().map_or((0, ""), |(number, hash)| (*number, hash.as_str()));
        if entry.number != number + 1 {
            return Err(BrokenChain::Number { expected: number + 1, found: entry.number });
        }
        if entry.previous != hash {
            return Err(BrokenChain::Previous(entry.number));
        }
        if entry.hash != entry.expected_hash() {
            return Err(BrokenChain::Changed(entry.number));
        }
        self.last = Some((entry.number, entry.hash.clone()));
        Ok(())
    }

    /// The number and the hash of the last entry; none: there was none. Whoever keeps them sees later whether entries were cut off.
    pub fn head(&self) -> Option<(i64, &str)> {
        self.last.as_ref().map(|(number, hash)| (*number, hash.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Vec<AuditEntry> {
        let (mut entries, mut previous) = (Vec::new(), String::new());
        for number in 1..=4 {
            let mut entry = AuditEntry {
                number,
                at: "2026-11-28T09:00:00.123456Z".parse().unwrap(),
                actor: Some("operator".parse().unwrap()),
                credential: "password".into(),
                address: Some("192.0.2.7".into()),
                act: Act::RoleChanged,
                subject: "acme/ann".into(),
                before: Some(json!({ "role": "viewer", "number": number })),
                after: None,
                previous,
                hash: String::new(),
            };
            entry.hash = entry.expected_hash();
            previous = entry.hash.clone();
            entries.push(entry);
        }
        entries
    }

    fn follow(entries: &[AuditEntry]) -> Result<Option<(i64, String)>, BrokenChain> {
        let mut chain = AuditChain::default();
        entries.iter().try_for_each(|entry| chain.follow(entry))?;
        Ok(chain.head().map(|(number, hash)| (number, hash.to_owned())))
    }

    #[test]
    fn a_trail_that_was_sent_is_the_one_that_was_recorded() {
        let sent: Vec<AuditEntry> = chain()
            .iter()
            .map(|entry| serde_json::from_str(&serde_json::to_string(entry).unwrap()).unwrap())
            .collect();
        assert_eq!(sent, chain());
        assert_eq!(follow(&sent).unwrap(), Some((4, chain()[3].hash.clone())));
        assert_eq!(follow(&[]).unwrap(), None);
    }

    #[test]
    fn every_cut_and_change_is_seen() {
        type Change = fn(&mut Vec<AuditEntry>);
        let cases: [(&str, Change, BrokenChain); 8] = [
            ("the first is gone", |all| drop(all.remove(0)), BrokenChain::Number { expected: 1, found: 2 }),
            ("one is gone", |all| drop(all.remove(2)), BrokenChain::Number { expected: 3, found: 4 }),
            (
                "one is there twice",
                |all| all.insert(1, all[1].clone()),
                BrokenChain::Number { expected: 3, found: 2 },
            ),
            ("another act", |all| all[1].act = Act::MemberRemoved, BrokenChain::Changed(2)),
            ("another actor", |all| all[1].actor = None, BrokenChain::Changed(2)),
            (
                "another state",
                |all| all[1].before = Some(json!({ "role": "owner" })),
                BrokenChain::Changed(2),
            ),
            (
                "what was before becomes what was after",
                |all| all[1].after = all[1].before.take(),
                BrokenChain::Changed(2),
            ),
            (
                "one is written anew with a hash of its own",
                |all| {
                    all[1].subject = "acme/bob".into();
                    all[1].hash = all[1].expected_hash();
                },
                BrokenChain::Previous(3),
            ),
        ];
        for (what, change, broken) in cases {
            let mut entries = chain();
            change(&mut entries);
            assert_eq!(follow(&entries), Err(broken), "{what}");
        }
    }
}
