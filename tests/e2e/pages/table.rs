//! The table of all pages: who looks at each, and what it answers.

/// Who looks at a page: the first four at the registry's, the others at the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Visitor,
    Customer,
    Partner,
    Operator,
    /// Whoever is not signed in at the host.
    Guest,
    /// An admin of the host.
    Admin,
}
use Who::{Admin, Customer, Guest, Operator, Partner, Visitor};

/// Which server serves a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    Registry,
    Host,
}

impl Who {
    pub fn site(self) -> Site {
        match self {
            Visitor | Customer | Partner | Operator => Site::Registry,
            Guest | Admin => Site::Host,
        }
    }
}

/// A page as somebody looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub who: Who,
    /// The route, or the path of what is no route.
    pub route: &'static str,
    /// What follows the path.
    pub query: &'static str,
    pub status: u16,
}

const fn page(who: Who, route: &'static str) -> Page {
    asked(who, route, "", 200)
}

const fn asked(who: Who, route: &'static str, query: &'static str, status: u16) -> Page {
    Page { who, route, query, status }
}

/// Every page, in an order in which those of one visitor stand together. What is in braces is filled by the market.
pub const PAGES: &[Page] = &[
    // The shop.
    page(Visitor, "/"),
    page(Visitor, "/search"),
    asked(Visitor, "/search", "?q=ocr", 200),
    asked(Visitor, "/search", "?q=nothing-is-called-so", 200),
    asked(Visitor, "/search", "?kind=none", 400),
    page(Visitor, "/plugins/{namespace}/{name}"),
    asked(Visitor, "/plugins/{namespace}/{name}", "?gpus=1xl4&engine=local", 200),
    page(Visitor, "/plugins/{namespace}/{name}/compare"),
    page(Visitor, "/compare"),
    asked(Visitor, "/compare", "?one=acme:ocr-server&other=chandlery:vllm", 200),
    page(Visitor, "/plugins/{namespace}/{name}/releases/{version}"),
    asked(Visitor, "/plugins/{namespace}/{name}/report", "", 303),
    page(Visitor, "/publishers/{namespace}"),
    page(Visitor, "/pricing"),
    page(Visitor, "/consultants"),
    page(Visitor, "/terms"),
    page(Visitor, "/styleguide"),
    page(Visitor, "/register"),
    page(Visitor, "/login"),
    asked(Visitor, "/login/sso", "?email=ann@nowhere.example", 404),
    asked(Visitor, "/login/sso/callback/{organisation}", "", 422),
    page(Visitor, "/account/email/verification"),
    page(Visitor, "/docs"),
    asked(Visitor, "/docs/search", "?q=signature", 200),
    asked(Visitor, "/docs/search", "?q=nothing-is-written-of-this", 200),
    page(Visitor, "/docs/{*document}"),
    page(Visitor, "/api/v1/docs"),
    asked(Visitor, "/nowhere", "", 404),
    asked(Visitor, "/account", "", 303),
    // A customer.
    page(Customer, "/"),
    page(Customer, "/welcome"),
    page(Customer, "/plugins/{namespace}/{name}/report"),
    page(Customer, "/dashboard"),
    page(Customer, "/account"),
    page(Customer, "/account/email"),
    page(Customer, "/account/password"),
    page(Customer, "/account/second-factor"),
    page(Customer, "/account/passkeys"),
    page(Customer, "/account/sessions"),
    page(Customer, "/account/sign-on"),
    page(Customer, "/account/organisations"),
    page(Customer, "/account/tokens"),
    page(Customer, "/device"),
    page(Customer, "/device/{code}"),
    page(Customer, "/subscription"),
    asked(Customer, "/subscription/trial", "?tier=team", 200),
    page(Customer, "/subscription/keep"),
    page(Customer, "/subscription/cancel"),
    asked(Customer, "/checkout/subscription", "?tier=team&billed=yearly", 200),
    page(Customer, "/checkout/plugins/{namespace}/{name}"),
    page(Customer, "/checkout/services/{namespace}/{name}"),
    page(Customer, "/checkout/return/{reference}"),
    page(Customer, "/orders"),
    page(Customer, "/orders/{reference}"),
    page(Customer, "/orders/{reference}/end"),
    page(Customer, "/service-orders/{reference}"),
    page(Customer, "/invoices"),
    page(Customer, "/invoices/{number}"),
    page(Customer, "/api/v1/invoices/{number}/page"),
    page(Customer, "/credit-notes"),
    page(Customer, "/api/v1/credit-notes/{number}/page"),
    page(Customer, "/spend"),
    page(Customer, "/hosts"),
    page(Customer, "/billing"),
    page(Customer, "/organisations"),
    page(Customer, "/organisations/{organisation}"),
    asked(Customer, "/figures", "", 403),
    // A partner.
    asked(Partner, "/dashboard", "", 303),
    page(Partner, "/dashboard/{partner}"),
    asked(Partner, "/dashboard/{partner}", "?range=year", 200),
    asked(Partner, "/dashboard/{partner}/sales", "?range=year", 200),
    page(Partner, "/dashboard/{partner}/sales/{number}"),
    asked(Partner, "/dashboard/{partner}/customers", "?range=year", 200),
    asked(Partner, "/dashboard/{partner}/plugins", "?range=year", 200),
    asked(Partner, "/dashboard/{partner}/use", "?range=year", 200),
    page(Partner, "/dashboard/{partner}/payouts"),
    page(Partner, "/dashboard/{partner}/payouts/{id}"),
    page(Partner, "/dashboard/{partner}/statements"),
    asked(Partner, "/dashboard/{partner}/statements/{month}", "?currency=USD", 200),
    page(Partner, "/dashboard/{partner}/bank"),
    page(Partner, "/dashboard/{partner}/notices"),
    page(Partner, "/dashboard/{partner}/disputes"),
    page(Partner, "/dashboard/{partner}/transactions"),
    asked(Partner, "/dashboard/{partner}", "?range=never", 400),
    page(Partner, "/publish"),
    page(Partner, "/publish/{draft}"),
    page(Partner, "/publish/namespaces/{namespace}"),
    page(Partner, "/publish/plugins/{namespace}/{name}"),
    page(Partner, "/publish/plugins/{namespace}/{name}/listing"),
    page(Partner, "/publish/plugins/{namespace}/{name}/price"),
    // An operator.
    page(Operator, "/operator/moderation"),
    page(Operator, "/operator/moderation/reports/{id}"),
    page(Operator, "/operator/moderation/quarantines"),
    page(Operator, "/operator/moderation/accounts"),
    page(Operator, "/operator/moderation/names"),
    page(Operator, "/operator/audit"),
    page(Operator, "/operator/health"),
    page(Operator, "/operator/reviews"),
    page(Operator, "/operator/reviews/{namespace}/{name}/{version}"),
    page(Operator, "/operator"),
    page(Operator, "/operator/approvals"),
    page(Operator, "/operator/approvals/{id}"),
    page(Operator, "/operator/payouts"),
    page(Operator, "/operator/payouts/all"),
    page(Operator, "/operator/payouts/runs/{run}"),
    asked(Operator, "/operator/payouts/runs/{run}/step", "?step=approve", 200),
    page(Operator, "/operator/payouts/profiles"),
    page(Operator, "/operator/payouts/profiles/{partner}/{version}"),
    page(Operator, "/operator/payouts/{id}"),
    asked(Operator, "/operator/payouts/{id}/step", "?step=return", 200),
    page(Operator, "/operator/bank"),
    asked(Operator, "/operator/bank/line", "?id=RENT", 200),
    asked(
        Operator,
        "/operator/bank/allotment",
        "?line=RENT&kind-1=credit&about-1=globex&amount-1=20.00%20USD",
        200,
    ),
    page(Operator, "/operator/send-backs"),
    page(Operator, "/operator/send-backs/file"),
    page(Operator, "/operator/send-backs/{reference}"),
    asked(
        Operator,
        "/operator/send-backs/{reference}/payee",
        "?holder=Initech&iban=GB29NWBK60161331926819",
        200,
    ),
    page(Operator, "/operator/disputes"),
    asked(Operator, "/operator/disputes/dispute", "?id=D-1", 200),
    asked(Operator, "/operator/disputes/decision", "?id=D-1&outcome=lost", 200),
    page(Operator, "/operator/customers"),
    asked(Operator, "/operator/customers", "?q=nobody-is-called-so", 200),
    page(Operator, "/operator/customers/{account}"),
    page(Operator, "/operator/close"),
    page(Operator, "/operator/close/{month}"),
    page(Operator, "/operator/close/{month}/trial"),
    page(Operator, "/operator/policies"),
    page(Operator, "/operator/policies/next"),
    asked(Operator, "/operator/policies/next", "?try=true&since=2099-01-01&rate-1=20%25", 200),
    page(Operator, "/figures"),
    page(Operator, "/figures/{month}"),
    page(Operator, "/figures/cohorts"),
    // The host.
    page(Guest, "/login"),
    asked(Guest, "/login/sso", "", 404),
    asked(Guest, "/login/sso/callback", "", 400),
    asked(Guest, "/set-up", "", 404),
    asked(Guest, "/set-up", "?token={invitation}", 200),
    page(Guest, "/api/v1/docs"),
    asked(Guest, "/deployments", "", 303),
    asked(Admin, "/", "", 303),
    page(Admin, "/deployments"),
    asked(Admin, "/deployments", "?health=failed", 200),
    page(Admin, "/deployments/{name}"),
    page(Admin, "/deployments/{name}/logs"),
    page(Admin, "/deployments/{name}/rollout"),
    page(Admin, "/deployments/{name}/upgrade"),
    page(Admin, "/deployments/{name}/rollback"),
    asked(Admin, "/deployments/{name}/rollback", "?revision=1", 200),
    page(Admin, "/deployments/{name}/scale"),
    page(Admin, "/deployments/{name}/restart"),
    page(Admin, "/deployments/{name}/pause"),
    page(Admin, "/deployments/{name}/resume"),
    page(Admin, "/deployments/{name}/repair"),
    page(Admin, "/deployments/{name}/remove"),
    page(Admin, "/deploy"),
    asked(Admin, "/deploy", "?plugin=errand", 200),
    page(Admin, "/targets"),
    page(Admin, "/plugins"),
    page(Admin, "/plugins/install"),
    asked(Admin, "/plugins/install", "?plugin=acme:errand", 200),
    page(Admin, "/integrations"),
    page(Admin, "/secrets"),
    page(Admin, "/activity"),
    page(Admin, "/users"),
    page(Admin, "/device"),
    page(Admin, "/account"),
    asked(Admin, "/nowhere", "", 404),
];

/// What is asked for that no route of pages has: documents of the API, and what is nowhere.
pub const BESIDE: [&str; 4] =
    ["/api/v1/docs", "/api/v1/invoices/{number}/page", "/api/v1/credit-notes/{number}/page", "/nowhere"];

/// What routes begin with that programs ask for, and what the last part of one ends with.
const FOR_PROGRAMS: [&str; 11] = [
    "/api/",
    "/v2",
    "/scim/",
    "/log/",
    "/.well-known/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/token",
    "/proof/",
    "/images/",
];
const FILES: [&str; 7] = [".css", ".csv", ".js", ".json", ".svg", ".txt", ".xml"];

/// Whether a route that is read answers people.
pub fn is_page(method: &str, route: &str) -> bool {
    method == "GET"
        && !FOR_PROGRAMS.iter().any(|start| route.starts_with(start))
        && !FILES.iter().any(|end| route.ends_with(end))
}
