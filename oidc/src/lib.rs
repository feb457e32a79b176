//! Signing in by OpenID Connect, as a relying party of any provider: the authorization code flow with PKCE.
//!
//! [`begin`] says where a person is sent; what it returns beside the URL is kept until the person comes back with a code, which
//! [`complete`] exchanges for who that is. The caller compares the state, and lets a code count once.

mod asker;
mod claims;
mod error;
mod metadata;
#[cfg(test)]
mod tests;

pub use claims::Person;
pub use error::Error;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenFields, IdTokenVerifier,
    Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
    UserInfoError,
};

use crate::asker::{Asker, Away};
use crate::claims::{InfoClaims, Others, Said};
use crate::error::short;

/// What is asked for beside `openid`, which goes without saying.
const SCOPES: [&str; 2] = ["email", "profile"];
/// What some providers tell a person's groups by, such as Dex: it is asked for where a provider names it and groups are asked for.
const GROUPS_SCOPE: &str = "groups";
/// By what an ID token may be signed: by a private key, of which the provider shows the public half.
const SIGNED_BY: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Others,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type RelyingParty = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What a provider knows the server as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The provider's issuer, exactly as its tokens name it: an `https` URL or, on this machine alone, an `http` one.
    pub issuer: String,
    /// What the provider calls the server.
    pub client_id: String,
    /// What the server proves to the provider that it is by; none: it is a public client.
    pub client_secret: Option<String>,
    /// Where people come back to, as it was registered with the provider.
    pub redirect_uri: String,
    /// The claim that names a person's groups; none: they are not asked for.
    pub groups_claim: Option<String>,
}

/// A sign-in that has begun. All but the URL is kept until the person comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Where the person is sent.
    pub url: String,
    /// What the person comes back with, or did not begin here.
    pub state: String,
    /// What the ID token must name.
    pub nonce: String,
    /// What proves to the provider that the code is exchanged by whoever began.
    pub verifier: String,
}

/// Begins a sign-in: asks the provider where, within the last ten minutes at most.
pub async fn begin(client: &Client) -> Result<Begun, Error> {
    let metadata = metadata::find(&client.issuer).await?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let scopes = scopes(client, &metadata);
    let (url, state, nonce) = relying_party(client, metadata)?
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(scopes)
        .set_pkce_challenge(challenge)
        .url();
    Ok(Begun {
        url: url.to_string(),
        state: state.secret().clone(),
        nonce: nonce.secret().clone(),
        verifier: verifier.secret().clone(),
    })
}

/// What is asked for: no scope that a provider might refuse.
fn scopes(client: &Client, metadata: &CoreProviderMetadata) -> Vec<Scope> {
    let named = metadata.scopes_supported().map(Vec::as_slice).unwrap_or_default();
    let tells_groups = named.iter().any(|scope| scope.as_str() == GROUPS_SCOPE);
    let groups = client.groups_claim.as_ref().filter(|_| tells_groups).map(|_| GROUPS_SCOPE);
    SCOPES.into_iter().chain(groups).map(|scope| Scope::new(scope.to_owned())).collect()
}

/// Completes a sign-in: exchanges the code, and checks the ID token's signature, issuer, audience, end and nonce.
///
/// Where the token has no verified address or none of the groups that were asked for, the provider's userinfo endpoint is asked, too.
pub async fn complete(client: &Client, code: &str, nonce: &str, verifier: &str) -> Result<Person, Error> {
    let asker = Asker::new(&client.issuer)?;
    let metadata = metadata::find(&client.issuer).await?;
    let party = relying_party(client, metadata.clone())?;
    let tokens = party
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .map_err(|error| Error::Invalid(error.to_string()))?
        .set_pkce_verifier(PkceCodeVerifier::new(verifier.to_owned()))
        .request_async(&asker)
        .await
        .map_err(not_exchanged)?;
    let token = tokens.id_token().ok_or_else(|| Error::Invalid("it sends no ID token".into()))?;
    let nonce = Nonce::new(nonce.to_owned());
    let mut verified = token.claims(&judge(client, &metadata), &nonce);
    if names_unknown_key(verified.as_ref().err()) {
        // The provider may have changed its keys.
        let metadata = metadata::renew(&client.issuer).await?;
        verified = token.claims(&judge(client, &metadata), &nonce);
    }
    let claims = verified.map_err(|error| not_verified(&error))?;
    let groups_claim = client.groups_claim.as_deref();
    let mut said = Said::in_token(claims, groups_claim);
    let is_whole = said.email.is_some() && (groups_claim.is_none() || said.groups.is_some());
    if !is_whole && party.user_info_url().is_some() {
        let info: InfoClaims = party
            .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
            .map_err(|error| Error::Invalid(error.to_string()))?
            .request_async(&asker)
            .await
            .map_err(not_told)?;
        said = said.or(Said::at_endpoint(&info, groups_claim));
    }
    said.of(&client.issuer, claims.subject().as_str())
}

fn relying_party(client: &Client, metadata: CoreProviderMetadata) -> Result<RelyingParty, Error> {
    let redirect = RedirectUrl::new(client.redirect_uri.clone()).map_err(|error| {
        Error::Invalid(format!("nobody can come back to '{}': {error}", client.redirect_uri))
    })?;
    let takes = |method: &CoreClientAuthMethod| {
        metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| methods.contains(method))
    };
    let in_body =
        takes(&CoreClientAuthMethod::ClientSecretPost) && !takes(&CoreClientAuthMethod::ClientSecretBasic);
    let secret = client.client_secret.clone().map(ClientSecret::new);
    let party =
        RelyingParty::from_provider_metadata(metadata, ClientId::new(client.client_id.clone()), secret)
            .set_redirect_uri(redirect);
    Ok(if in_body { party.set_auth_type(AuthType::RequestBody) } else { party })
}

/// What an ID token is judged by.
fn judge(client: &Client, metadata: &CoreProviderMetadata) -> IdTokenVerifier<'static, CoreJsonWebKey> {
    let id = ClientId::new(client.client_id.clone());
    IdTokenVerifier::new_public_client(id, metadata.issuer().clone(), metadata.jwks().clone())
        .set_allowed_algs(SIGNED_BY)
}

fn names_unknown_key(error: Option<&ClaimsVerificationError>) -> bool {
    matches!(
        error,
        Some(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey))
    )
}

fn not_exchanged(error: RequestTokenError<Away, StandardErrorResponse<CoreErrorResponseType>>) -> Error {
    match error {
        RequestTokenError::ServerResponse(said) => Error::Refused(short(said)),
        RequestTokenError::Request(away) => Error::Unreachable(away.to_string()),
        RequestTokenError::Parse(error, _) => {
            Error::Invalid(short(format!("its tokens cannot be read: {error}")))
        }
        RequestTokenError::Other(what) => Error::Invalid(short(what)),
    }
}

fn not_verified(error: &ClaimsVerificationError) -> Error {
    let why = match error {
        ClaimsVerificationError::SignatureVerification(error) => error.to_string(),
        other => other.to_string(),
    };
    Error::Invalid(short(format!("its ID token: {why}")))
}

fn not_told(error: UserInfoError<Away>) -> Error {
    match error {
        UserInfoError::Request(away) => Error::Unreachable(away.to_string()),
        UserInfoError::ClaimsVerification(error) => not_verified(&error),
        other => Error::Invalid(short(format!("its userinfo endpoint: {other}"))),
    }
}
