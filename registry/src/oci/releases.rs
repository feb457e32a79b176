//! What an artifact becomes part of the catalog by: it is as it was checked, and its version's tag points to it.

use chandlery_package::signature::signature_tag;
use chandlery_package::{Digest, Release};

use super::descriptors::Described;
use super::error::Error;
use super::repository::Repository;
use super::{keeping, tags};
use chandlery_store::Write;

/// Makes a release of an artifact whose signatures were found under this digest, if all of it is still here: from now on its
/// version's tag points to it.
pub async fn release(
    write: &mut Write,
    release: &Release,
    artifact: Digest,
    signed_by: Digest,
) -> Result<(), Error> {
    let repository: Repository = release.plugin.repository().parse()?;
    if keeping::signatures(write, &repository, artifact).await? != Some(signed_by.to_string()) {
        let tag = signature_tag(artifact);
        return Err(Error::MissingContent(format!(
            "tag {tag} in {repository} that was checked: publish again"
        )));
    }
    for manifest in [artifact, signed_by] {
        let content = keeping::content(write, &repository, &manifest.to_string()).await?;
        keeping::must_have_content(write, &repository, &Described::parse(content.as_bytes())?).await?;
    }
    tags::point(write, &repository, &release.version.to_string(), &artifact.into()).await
}
