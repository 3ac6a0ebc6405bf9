//! Named stores that live as long as the process: for tests, examples and scratch tables.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::memory::InMemory;

static STORES: Mutex<Option<HashMap<String, Arc<InMemory>>>> = Mutex::new(None);

/// The store of this name, made where there is none.
pub(crate) fn named(name: &str) -> Arc<InMemory> {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(stores.get_or_insert_default().entry(name.to_owned()).or_default())
}

/// Forgets the store of this name and all it holds, once nothing uses it any more.
pub fn forget(name: &str) {
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stores) = stores.as_mut() {
        stores.remove(name);
    }
}
