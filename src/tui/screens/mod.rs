//! The seven screens, a file each. Every one answers the same six calls.

pub mod audit;
pub mod forecast;
pub mod overview;
pub mod proposals;
pub mod resource;
pub mod timeline;
pub mod whatif;
