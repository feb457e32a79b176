//! What the command line itself refuses, by kind: the words that only it says, and those of others where it finds the same first.

use chandlery_package::problem::Kind;

macro_rules! kinds {
    ($($name:ident: $word:literal, $title:literal, $when:literal;)*) => {
        $(
            #[doc = $when]
            pub const $name: Kind =
                Kind { word: $word, status: 0, title: $title, when: $when, remedy: None };
        )*
        /// All of them.
        #[cfg(test)]
        pub const KINDS: &[&Kind] = &[$(&$name),*];
    };
}
kinds! {
    AUDIT_BROKEN: "audit-broken", "The audit trail was changed",
        "`audit check` has found that an entry is missing or is not what was recorded";
    AUDIT_FAILED: "audit-failed", "The registry is not as it says",
        "`log audit` has found something in the registry that its log does not say";
    AWAY: "away", "Cannot be reached",
        "the registry or the host does not answer at its address";
    BUILD_FAILED: "build-failed", "The build failed",
        "the compiler refuses the plugin; its own words follow";
    CASES_FAILED: "cases-failed", "The plugin answers otherwise",
        "a plan is not the one that its case expects";
    OTHER_CHANGES: "changed-meanwhile", "Changed meanwhile",
        "`apply --approve` is given the digest of other changes than there would be, or another release was installed meanwhile";
    FAILED: "failed", "Failed",
        "something on this machine failed; the text says what";
    REFUSED: "failed", "Refused",
        "a server refuses a request without saying why in a form that can be read";
    FOLDER_EXISTS: "folder-exists", "The folder exists",
        "`new` would write into a folder that is not empty";
    MAY_NOT_PUBLISH: "forbidden", "Not allowed",
        "`check` finds that the account may not publish in the namespace";
    INTERRUPTED: "interrupted", "Interrupted",
        "Ctrl-C ended a command while a host went on with what it was asked for";
    NOT_A_RATE: "invalid", "Not a rate",
        "an exchange rate on the command line cannot be read";
    INVALID_CASE: "invalid-case", "A case cannot be read",
        "a file in the plugin's `cases` folder is not a case";
    BUILT_COMPONENT_REFUSED: "invalid-component", "The component was refused",
        "the plugin that was built breaks a rule that every release keeps";
    NOT_DEPLOYABLE: "invalid-deployments", "The deployments were refused",
        "something in files of deployments cannot be read, planned or deployed; each line has its place";
    INVALID_PLUGIN_MANIFEST: "invalid-manifest", "The manifest was refused",
        "chandlery.toml cannot be read, or breaks a rule";
    NOT_A_POLICY: "invalid-policy", "Not a policy",
        "a policy in a file cannot be read";
    NOT_A_PRICE: "invalid-price", "Not a price",
        "an offer in a file cannot be read";
    NOT_RULES: "invalid-rules", "Not install rules",
        "the install rules of a host in a file cannot be read";
    KEY_EXISTS: "key-exists", "The key exists",
        "a signing key of this name is there already";
    NO_CARGO: "no-cargo", "No Rust here",
        "`cargo` cannot be started";
    NO_CASES: "no-cases", "Nothing to test",
        "the plugin has no cases";
    NO_COMPILER: "no-compiler", "A compiler is missing",
        "the program that builds plugins in this language cannot be started";
    NO_CONTRACT: "no-contract", "No contract",
        "the plugin's folder lacks the contract's `wit` files";
    NO_ID_TOKEN: "no-id-token", "No token of an issuer",
        "`publish --oidc` runs where no issuer gives it a token";
    NO_KEY: "no-key", "No signing key",
        "no signing key of this name can be read";
    NO_LANGUAGE: "no-language", "Not a plugin's folder",
        "the folder holds no source in a language that plugins are built from";
    NO_MANIFEST: "no-manifest", "No manifest",
        "the folder has no chandlery.toml that can be read";
    NO_PORT: "no-port", "Cannot listen",
        "the address to serve at is in use or not allowed";
    NO_SUCH_FACTS: "no-target", "No such target",
        "`--target` of an author's command names neither a known kind of target nor a file of facts";
    NO_WASM_TARGET: "no-target", "No compiler for WebAssembly",
        "Rust is installed without its target for WebAssembly";
    NO_VALUE: "no-value", "No value",
        "`secrets set` got no value on standard input";
    NOT_A_PLUGIN: "not-a-plugin", "Not a plugin",
        "what was built exports none of the contract's worlds";
    NOT_APPROVED: "not-approved", "Not approved",
        "`apply` would change something, and nobody has agreed to it";
    NOTHING_TO_CLOSE: "not-found", "Nothing to close",
        "`books close` was asked without a month, and none is over and open";
    NOTHING_WAITS: "not-found", "Nothing waits",
        "`releases approve` names a release that does not wait for approval";
    NOT_INSTALLED: "not-installed", "Not installed",
        "the plugin that a command names is not installed on this host";
    NOT_ROLLED_OUT: "not-ready", "The rollout failed",
        "the deployment was not ready in time, or was rolled back";
    NOT_REMOVED: "not-removed", "Not gone yet",
        "the deployment was still being removed when the command stopped waiting";
    OTHER_PLAN: "other-plan", "Another plan",
        "a plan that was made again is not the one that was recorded";
    PUSH_FAILED: "push-failed", "The push failed",
        "the registry does not take the artifact or its signature";
    SECOND_FACTOR_NEEDED: "second-factor-needed", "A second factor is needed",
        "the account has a second factor, and `login` is given no `--code` and runs at no terminal";
    NOT_LOGGED_IN: "unauthenticated", "Log in first",
        "the command needs an account, and none is logged in at this registry";
    NO_HOST_TOKEN: "unauthenticated", "No token for the host",
        "nobody has logged in at the host, and its token can be read neither from its file nor from CHANDLERY_HOST_TOKEN";
    UNBALANCED: "unbalanced", "The books do not balance",
        "`books check` has found a fault";
    BUILT_FOR_ANOTHER_CONTRACT: "unknown-contract", "Made for another chandlery",
        "the plugin that was built is for a contract that this chandlery does not know";
    NOT_A_KEY_OF_THE_NAMESPACE: "untrusted-signature", "Not a key of the namespace",
        "`check` or `publish` finds that the signing key is no key of the namespace";
    USAGE_DIFFERS: "usage-differs", "What was charged is not what was used",
        "`usage audit` has found that records, their root, a host's signature or an invoice do not agree";
    NOT_A_NUMBER: "usage", "Not a number",
        "a number on the command line cannot be read";
    NOT_A_PUBLISHER: "usage", "Not a publisher",
        "`trust add` names a workload that could be anybody's, or a claim that cannot be compared";
    NOT_A_SCOPE: "usage", "Not a scope",
        "what a token may do cannot be read on the command line";
    NOT_A_TARGET_PRICE: "usage", "Not a price",
        "a price on the command line cannot be read";
    WHICH_WORKLOAD: "usage", "Which workload?",
        "the deployment has several workloads, and the command names none";
    WAITS: "waits", "Waits for approval",
        "what was asked for is done when others have approved it";
    VERSION_IS_PUBLISHED: "version-exists", "The version exists",
        "`check` finds that this version is published already";
}
