//! Is the commit path right under every interleaving?

mod model;
