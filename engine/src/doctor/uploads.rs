//! Do uploads in parts appear whole?
//!
//! Nothing asks for an upload in parts that creates only where nothing is: every data file has a name of its own, and a
//! commit is one put.

use bytes::Bytes;
use lakebed_txlog::Result;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStoreExt};

use super::finding::{Check, Finding, Outcome};
use super::ground::Ground;

/// The smallest part that S3 takes, but for the last.
const PART_BYTES: usize = 5 << 20;
const LAST_BYTES: usize = 1000;

/// One upload of two parts, and one that is aborted: 10 requests, 5 MiB written.
///
/// # Errors
/// None but bugs.
pub(super) async fn in_parts(ground: &Ground) -> Result<Finding> {
    let check = Check::Multipart;
    let (key, aborted) = (ground.key("uploads/whole")?, ground.key("uploads/aborted")?);
    let found = match whole(ground, &key).await {
        Ok(None) => aborted_is_nothing(ground, &aborted).await,
        found => found,
    };
    Ok(match found {
        Ok(None) => Finding::holds(check, "an upload in parts appears when it is complete, and not when it is aborted"),
        Ok(Some(wrong)) => Finding::fails(check, wrong).hint("files over a few MiB can't be written safely here"),
        Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
            Finding::new(check, Outcome::NotOffered, "uploads in parts aren't offered")
        }
        Err(e) => Finding::new(check, Outcome::Unknown, ground.failure(e, "uploading in parts")),
    })
}

async fn whole(ground: &Ground, key: &Path) -> object_store::Result<Option<String>> {
    ground.remember(key);
    let mut upload = ground.store().data().put_multipart(key).await?;
    let sent = send(ground, key, upload.as_mut()).await;
    let early = match sent {
        Ok(early) => early,
        Err(e) => {
            // What was begun costs storage until it is aborted; its own failure says less than the first.
            let _ = upload.abort().await;
            return Err(e);
        }
    };
    if early {
        return Ok(Some("an upload in parts was there before it was complete".to_owned()));
    }
    let size = (PART_BYTES + LAST_BYTES) as u64;
    let found = ground.store().data().head(key).await?.size;
    if found != size {
        return Ok(Some(format!("an upload of {size} bytes in two parts is an object of {found}")));
    }
    let seam = PART_BYTES as u64;
    let around = ground.store().data().get_range(key, seam - 4..seam + 4).await?;
    Ok((around != [1, 1, 1, 1, 2, 2, 2, 2][..]).then(|| "the parts of an upload aren't in their order".to_owned()))
}

/// Whether the object was there before the upload was complete.
async fn send(ground: &Ground, key: &Path, upload: &mut dyn MultipartUpload) -> object_store::Result<bool> {
    upload.put_part(Bytes::from(vec![1; PART_BYTES]).into()).await?;
    upload.put_part(Bytes::from(vec![2; LAST_BYTES]).into()).await?;
    let early = ground.get(key).await?.is_some();
    upload.complete().await?;
    Ok(early)
}

async fn aborted_is_nothing(ground: &Ground, key: &Path) -> object_store::Result<Option<String>> {
    ground.remember(key);
    let mut upload = ground.store().data().put_multipart(key).await?;
    upload.put_part(Bytes::from(vec![3; LAST_BYTES]).into()).await?;
    upload.abort().await?;
    Ok(ground.get(key).await?.map(|_| "an upload that was aborted is there".to_owned()))
}
