//! Who asks a registry, and what they may do: accounts and their tokens, sessions, namespaces with their members, and organisations.

mod acting;
mod actor;
mod attempts;
pub mod audit;
pub mod bearer;
mod caller;
mod challenge;
mod credential;
mod deletions;
mod demands;
mod devices;
mod dns;
mod email;
mod enforced;
mod exchanged;
mod factors;
mod forgetting;
mod grant;
mod identify;
mod log_ins;
mod looks;
mod made;
mod managed;
pub mod members;
mod namespaces;
mod new_password;
mod notices;
pub mod operators;
pub mod organisations;
pub mod origins;
pub mod passkeys;
mod passwords;
mod people;
mod powers;
mod principal;
mod recovery;
mod registrations;
mod relying_party;
mod rights;
mod roles;
mod routes;
pub mod scim;
mod second_factor;
mod session;
mod sessions;
pub mod sign_on;
mod standing;
mod state;
mod strength;
mod suspended;
pub mod suspensions;
mod tokens;
mod totp;
mod uses;

pub use actor::{Actor, Address};
pub use caller::Caller;
pub use chandlery_edge::Error;
pub use chandlery_package::wire::{Role, Scope};
pub use credential::{Bearer, Credential};
pub use deletions::{
    ask_deletion, delete_account, due_deletions, must_be_owner, nobodys_password, take_deletion_back,
};
pub use demands::Demand;
pub use devices::{Waiting, begin_device, confirm_device, waiting_device};
pub use dns::Dns;
pub use email::{change_email, profile, verify_email};
pub use enforced::{end_lapsed, end_lapsed_sign_ons};
pub use exchanged::{end_exchanged, issue_exchanged};
pub use factors::{
    answer_challenge, code_owed, confirm_factor, has_factor, must_show_anew, remove_factor,
    remove_lost_factor, renew_recovery_codes, set_up_factor,
};
pub use forgetting::forget_ended;
pub use grant::{Access, Grant};
pub use identify::Counted;
pub use log_ins::{PAGES, log_in, uses_programs};
pub use looks::looks;
pub use made::make_token;
pub use members::{hand_over, join};
pub use namespaces::{Visibility, add_bytes, is_public, set_visibility, take_namespace};
pub use new_password::{change as change_password, issue_reset};
pub use notices::{refused, retry, sent, tell, tell_members, tell_operators};
pub use people::{find_account, make_first_operator, must_be_an_account, register};
pub use principal::{Account, Principal};
pub use registrations::open_account;
pub use roles::{must_be_a_namespace, namespaces_of, own_role, publishers_of, role, role_within};
pub use routes::routes;
pub use second_factor::state as factor_state;
pub use session::{SESSION_HOURS, SessionCookie};
pub use sessions::{act_for, acting_for, end_others, end_session, list_sessions};
pub use state::Accounts;
pub use suspended::{hold, is_suspended};
pub use tokens::{
    Place as TokenPlace, check_token, end_all_tokens, issue_token, list as list_tokens, log_out,
    revoke_by_id as end_token,
};
