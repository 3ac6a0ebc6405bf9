//! Are a store that lies and a table that is damaged found out, named, and repaired where that can be?

mod corpus;
mod damage;
mod doctor;
