//! vacuum
