//! The problems that operations answer with when not all is well.

use chandlery_package::problem::{PROBLEM_MEDIA_TYPE, Problem};
use utoipa::ToSchema as _;
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder, Responses};

/// What any operation may answer with. A 500 is not among them: it is always a fault.
const OF_ALL: &[(u16, &str)] = &[
    (400, "The request cannot be read, or says what cannot be."),
    (401, "The token is missing or wrong."),
    (403, "The account may not do this."),
    (404, "There is no such thing, or none that may be seen."),
    (409, "It does not fit what is there."),
    (422, "What was sent, or what it names, was read and refused."),
    (429, "Too many requests: `Retry-After` says when to ask again."),
    (502, "Another server that is needed cannot be reached, or refused."),
    (503, "This cannot be done at the moment."),
];

/// What an operation may answer with as well that takes a body.
const OF_WRITES: &[(u16, &str)] = &[(413, "The body has more bytes than are accepted.")];

/// Adds the problems that an operation may answer with, but for what it says itself.
pub(crate) fn add(responses: &mut Responses, reads: bool) {
    let writes = if reads { &[] } else { OF_WRITES };
    for (status, description) in OF_ALL.iter().chain(writes) {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let response =
            ResponseBuilder::new().description(*description).content(PROBLEM_MEDIA_TYPE, content).build();
        responses.responses.entry(status.to_string()).or_insert_with(|| response.into());
    }
}
