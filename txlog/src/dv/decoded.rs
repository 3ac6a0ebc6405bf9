//! Which vectors have been decoded already?

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::action::DeletionVectorDescriptor;
use crate::dv::stored::{Stored, locate};
use crate::dv::vector::DeletionVector;

/// Decoded vectors by their descriptors' unique ids. Cheap to clone per vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecodedVectors(BTreeMap<String, Arc<DeletionVector>>);

impl DecodedVectors {
    /// Keeps the contents of a descriptor's vector.
    pub fn insert(&mut self, descriptor: &DeletionVectorDescriptor, vector: DeletionVector) {
        self.0.insert(descriptor.unique_id(), Arc::new(vector));
    }

    /// The contents of a descriptor's vector, where they are kept or stand in the descriptor itself.
    #[must_use]
    pub fn find(&self, descriptor: &DeletionVectorDescriptor) -> Option<Cow<'_, DeletionVector>> {
        if let Some(vector) = self.0.get(&descriptor.unique_id()) {
            return Some(Cow::Borrowed(vector));
        }
        match locate(descriptor) {
            Ok(Stored::Inline(vector)) => Some(Cow::Owned(vector)),
            Ok(Stored::InFile(_)) | Err(_) => None,
        }
    }
}
